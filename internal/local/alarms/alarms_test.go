package alarms

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

const function = "arn:aws:lambda:us-east-1:123456789012:function:greenhouse-alerts"

// recorded are the two states of the alarm in the event that the alerts function is tested with.
func recorded(t *testing.T) (before, now types.MetricAlarm) {
	t.Helper()
	at := func(text string) *time.Time {
		parsed, err := time.Parse(timeForm, text)
		if err != nil {
			t.Fatal(err)
		}
		return &parsed
	}
	now = types.MetricAlarm{
		AlarmName:        aws.String("greenhouse-iterator-age"),
		AlarmArn:         aws.String("arn:aws:cloudwatch:us-east-1:123456789012:alarm:greenhouse-iterator-age"),
		AlarmDescription: aws.String("The processor is behind: new messages wait in the stream."),
		ActionsEnabled:   aws.Bool(true),
		AlarmActions:     []string{function},
		OKActions:        []string{function},
		StateValue:       types.StateValueAlarm,
		StateReason: aws.String("Threshold Crossed: 5 out of the last 5 datapoints were greater than or equal to " +
			"the threshold (301000.0)."),
		StateReasonData: aws.String(
			`{"version":"1.0","statistic":"Maximum","period":60,"threshold":301000.0}`),
		StateUpdatedTimestamp: at("2026-03-04T12:36:15.490+0000"),
		Metrics: []types.MetricDataQuery{{
			Id: aws.String("m"), ReturnData: aws.Bool(true),
			MetricStat: &types.MetricStat{
				Metric: &types.Metric{
					Namespace: aws.String("AWS/Lambda"), MetricName: aws.String("IteratorAge"),
					Dimensions: []types.Dimension{{
						Name: aws.String("FunctionName"), Value: aws.String("greenhouse-processor"),
					}},
				},
				Period: aws.Int32(60), Stat: aws.String("Maximum"),
			},
		}},
	}
	before = now
	before.StateValue, before.StateReasonData = types.StateValueOk, nil
	before.StateReason = aws.String("Threshold Crossed: no datapoints were received for 5 periods and 5 missing " +
		"datapoints were treated as [NonBreaching].")
	before.StateUpdatedTimestamp = at("2026-03-04T12:31:29.591+0000")
	return before, now
}

// The event is the one that the alerts function is tested with.
func TestEvent(t *testing.T) {
	before, now := recorded(t)
	text, err := os.ReadFile("../../../lambda/alerts/testdata/alarm.json")
	if err != nil {
		t.Fatal(err)
	}
	made, err := Event(before, now)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(decoded(t, text), decoded(t, made)); diff != "" {
		t.Errorf("event (-recorded +made):\n%s", diff)
	}

	now.MetricName, now.Namespace, now.Period = aws.String("Errors"), aws.String("AWS/Lambda"), aws.Int32(300)
	now.Statistic = types.StatisticSum
	now.Metrics = []types.MetricDataQuery{{Id: aws.String("e"), Expression: aws.String("a + b"),
		Label: aws.String("Total"), ReturnData: aws.Bool(false), Period: aws.Int32(60)}}
	if made, err = Event(before, now); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"id":"e","expression":"a + b","label":"Total","period":60,"returnData":false}`,
		`{"id":"m1","metricStat":{"metric":{"namespace":"AWS/Lambda","name":"Errors","dimensions":{}},` +
			`"period":300,"stat":"Sum"},"returnData":true}`,
	} {
		if !strings.Contains(string(made), want) {
			t.Errorf("no %s in %s", want, made)
		}
	}
}

func decoded(t *testing.T, text []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// played is a player with what it did.
type played struct {
	*Player
	calls  []string
	events []runlog.Event
	fail   error
}

func newPlayed() *played {
	p := &played{}
	p.Player = New(Options{
		Invoke: func(_ context.Context, functionARN string, payload []byte) error {
			var e event
			if err := json.Unmarshal(payload, &e); err != nil {
				return err
			}
			p.calls = append(p.calls, functionARN+" "+string(e.Data.Previous.Value)+" "+string(e.Data.State.Value))
			return p.fail
		},
		Events: func(e runlog.Event) { p.events = append(p.events, e) },
	})
	return p
}

func TestActionsFollowTheState(t *testing.T) {
	p := newPlayed()
	before, now := recorded(t)
	for _, a := range []types.MetricAlarm{now, now, before, before, now} { // in alarm when first seen: no news
		p.Set(t.Context(), []types.MetricAlarm{a})
	}
	unknown := now
	unknown.StateValue = types.StateValueInsufficientData // has no action
	p.Set(t.Context(), []types.MetricAlarm{unknown})
	if diff := cmp.Diff([]string{function + " ALARM OK", function + " OK ALARM"}, p.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if len(p.events) != 2 || p.events[1].Kind != runlog.Acted || p.events[1].Target != function ||
		p.events[1].Action != "alarm greenhouse-iterator-age" || p.events[1].Detail != "ALARM after OK" {
		t.Errorf("events %+v", p.events)
	}

	// What was deleted and re-created starts without a state.
	p.Set(t.Context(), nil)
	p.Set(t.Context(), []types.MetricAlarm{now})
	if len(p.calls) != 2 {
		t.Errorf("calls %v", p.calls)
	}
	(*Player)(nil).Set(t.Context(), []types.MetricAlarm{now}) // against AWS itself
}

func TestActionsThatAreNotPlayed(t *testing.T) {
	for want, change := range map[string]func(*types.MetricAlarm, *played){
		"its actions are disabled": func(a *types.MetricAlarm, _ *played) { a.ActionsEnabled = aws.Bool(false) },
		`"arn:aws:sns:us-east-1:123456789012:t" is none`: func(a *types.MetricAlarm, _ *played) {
			a.AlarmActions = []string{"arn:aws:sns:us-east-1:123456789012:t"}
		},
		"queue is full":      func(_ *types.MetricAlarm, p *played) { p.fail = errors.New("queue is full") },
		"reading the ARN of": func(a *types.MetricAlarm, _ *played) { a.AlarmArn = aws.String("greenhouse") },
	} {
		p := newPlayed()
		before, now := recorded(t)
		change(&now, p)
		before.AlarmArn = now.AlarmArn
		p.Set(t.Context(), []types.MetricAlarm{before})
		p.Set(t.Context(), []types.MetricAlarm{now})
		if len(p.events) != 1 || !strings.Contains(p.events[0].Error+p.events[0].Detail, want) {
			t.Errorf("events %+v, want %q", p.events, want)
		}
	}
}
