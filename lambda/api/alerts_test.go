package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// alert writes what the alerts function writes.
func (f *fixture) alert(rule, device string, at time.Time, active bool) {
	f.t.Helper()
	f.put(deviceTable, item{contract.DeviceKey: text(contract.CooldownPrefix + rule + "#" + device),
		contract.StatusAttribute: text(contract.StatusAlert), contract.LastSeenAttribute: number(at.UnixMilli()),
		contract.SlotAttribute: number(at.UnixMilli()), "until": number(at.Add(time.Minute).UnixMilli()), "suppressed": number(2),
		"active": &types.AttributeValueMemberBOOL{Value: active}})
}

func TestAlertsAreNewestFirst(t *testing.T) {
	f := newFixture(t, nil)
	f.rules()
	for i := range 9 {
		rule := []string{"hot", "dry", "gone"}[i%3]
		f.alert(rule, fmt.Sprintf("soil-%03d", i), f.clock.Add(time.Duration(i)*time.Second), i%2 == 0)
	}
	walk := func(query string) string {
		var found []string
		cursor := ""
		for {
			page := get[Alerts](f, "/v1/alerts?limit=2"+query+cursor)
			for _, a := range page.Alerts {
				active := "unknown"
				if a.Active != nil {
					active = fmt.Sprint(*a.Active)
				}
				found = append(found, fmt.Sprintf("%s %s %s %s %d", a.Rule, a.Device, a.Severity, active, a.Suppressed))
			}
			if page.Cursor == "" {
				return strings.Join(found, "\n")
			}
			cursor = "&cursor=" + page.Cursor
		}
	}
	if got, want := walk(""), `gone soil-008  unknown 2
dry soil-007 warning unknown 2
hot soil-006 critical true 2
gone soil-005  unknown 2
dry soil-004 warning unknown 2
hot soil-003 critical false 2
gone soil-002  unknown 2
dry soil-001 warning unknown 2
hot soil-000 critical true 2`; got != want {
		t.Errorf("alerts:\n%s\nwant:\n%s", got, want)
	}
	if got, want := walk("&active=true"), "hot soil-006 critical true 2\nhot soil-000 critical true 2"; got != want {
		t.Errorf("active alerts:\n%s", got)
	}
	if got, want := walk("&active=false"), "hot soil-003 critical false 2"; got != want {
		t.Errorf("alerts that ended:\n%s", got)
	}
	a := get[Alerts](f, "/v1/alerts?limit=1").Alerts[0]
	if !a.RaisedAt.Equal(f.clock.Add(8*time.Second)) || !a.CooldownUntil.Equal(f.clock.Add(68*time.Second)) {
		t.Errorf("raised at %v, cooldown until %v", a.RaisedAt, a.CooldownUntil)
	}
}

func TestSummary(t *testing.T) {
	f := newFixture(t, nil)
	f.clock = time.Now()
	f.fill(31)
	f.device("soil-100", contract.StatusSilent)
	metric := func(function, name string, value float64, age time.Duration) cwtypes.MetricDatum {
		return cwtypes.MetricDatum{MetricName: aws.String(name), Value: aws.Float64(value),
			Timestamp: aws.Time(f.clock.Add(-age)), Dimensions: []cwtypes.Dimension{
				{Name: aws.String("Pipeline"), Value: aws.String("greenhouse")},
				{Name: aws.String("Function"), Value: aws.String(function)}}}
	}
	if _, err := cloudwatch.NewFromConfig(f.moto.Config(t)).PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{
		Namespace: aws.String(contract.MetricsNamespace), MetricData: []cwtypes.MetricDatum{
			metric("processor", "Received", 100, 2*time.Minute), metric("processor", "Received", 40, 30*time.Minute),
			metric("processor", "Received", 999, 2*time.Hour), metric("processor", "DeadLetters", 3, 5*time.Minute),
			metric("alerts", "DeadLetters", 1, 6*time.Minute), metric("alerts", "Received", 50, 6*time.Minute),
		},
	}); err != nil {
		t.Fatal(err)
	}
	got := get[Summary](f, "/v1/summary")
	if got.Devices != (DeviceCounts{Online: 20, Offline: 11, Silent: 1}) || got.Messages != 140 || got.DeadLetters != 4 {
		t.Errorf("summary %+v", got)
	}
	// The devices are not counted again at once.
	f.device("soil-101", contract.StatusSilent)
	f.clock = f.clock.Add(29 * time.Second)
	if next := get[Summary](f, "/v1/summary"); next.Devices.Silent != 1 || !next.CountedAt.Equal(got.CountedAt) {
		t.Errorf("after 29 s: %+v", next)
	}
	f.clock = f.clock.Add(2 * time.Second)
	if next := get[Summary](f, "/v1/summary"); next.Devices.Silent != 2 {
		t.Errorf("after 31 s: %+v", next)
	}
}
