package pipeline

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// shown is a dashboard as CloudWatch reads it.
type shown struct {
	Start          string
	PeriodOverride string
	Widgets        []shownWidget
}

type shownWidget struct {
	Type                string
	X, Y, Width, Height int
	Properties          map[string]any
}

// dashboardOf builds the dashboard of a pipeline and the names of its parts.
func dashboardOf(t *testing.T, config Spec) (body string, names map[string]bool) {
	t.Helper()
	names = map[string]bool{}
	for _, p := range build(t, config) {
		names[p.Name] = true
		if p.Kind != spec.KindDashboard {
			continue
		}
		want, err := p.Want(nil)
		if err != nil {
			t.Fatal(err)
		}
		body = want.(spec.Dashboard).Body
	}
	return body, names
}

func shownOn(t *testing.T, body string) shown {
	t.Helper()
	var d shown
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// The golden file of the full pipeline has its whole dashboard.
func TestDashboardShowsNothingThatIsOff(t *testing.T) {
	off := false
	if body, _ := dashboardOf(t, Spec{Name: "greenhouse", Monitoring: &MonitoringSpec{Dashboard: &off}}); body != "" {
		t.Errorf("no dashboard is wanted, got %s", body)
	}
	if body, _ := dashboardOf(t, Spec{Name: "greenhouse"}); body != "" {
		t.Errorf("without monitoring: %s", body)
	}
	body, _ := dashboardOf(t, Spec{Name: "greenhouse", Monitoring: &MonitoringSpec{Alarms: &AlarmsSpec{Enabled: &off}},
		Archive: &ArchiveSpec{Enabled: &off}})
	for _, absent := range []string{`"alarm"`, "Firehose", "archiver", `"alerts"`} {
		if strings.Contains(body, absent) {
			t.Errorf("the pipeline has none of %s", absent)
		}
	}
}

// widgetMembers are the members that CloudWatch documents for the properties of a widget; true: required.
var widgetMembers = map[string]map[string]bool{
	"text":  {"markdown": true, "background": false},
	"alarm": {"alarms": true, "sortBy": false, "states": false, "title": false},
	"metric": {"metrics": true, "region": true, "accountId": false, "annotations": false, "legend": false,
		"liveData": false, "period": false, "sparkline": false, "stacked": false, "stat": false, "table": false,
		"timezone": false, "title": false, "view": false, "yAxis": false},
}

// The body is one that CloudWatch documents [CloudWatch: Dashboard Body Structure and Syntax]. moto takes any text.
func TestDashboardHasTheDocumentedStructure(t *testing.T) {
	routes := map[string]RouteSpec{}
	for i := range 60 {
		routes[fmt.Sprintf("r%d", i)] = RouteSpec{SQL: "SELECT * FROM 'a'", Republish: &RepublishRoute{Topic: "b"}}
	}
	for name, config := range map[string]Spec{
		"full": testSpec(t, "full"), "plain": {Name: "greenhouse", Monitoring: &MonitoringSpec{}},
		"many rules": {Name: "greenhouse", Monitoring: &MonitoringSpec{}, Routes: routes},
	} {
		t.Run(name, func(t *testing.T) {
			body, _ := dashboardOf(t, config)
			d := shownOn(t, body)
			if d.PeriodOverride != "auto" || !strings.HasPrefix(d.Start, "-PT") || len(d.Widgets) == 0 ||
				len(d.Widgets) > 500 {
				t.Errorf("start %s, periods %s, %d widgets", d.Start, d.PeriodOverride, len(d.Widgets))
			}
			cells := map[[2]int]int{}
			for i, w := range d.Widgets {
				checkWidget(t, w)
				for x := w.X; x < w.X+w.Width; x++ {
					for y := w.Y; y < w.Y+w.Height; y++ {
						if other, taken := cells[[2]int{x, y}]; taken {
							t.Fatalf("widgets %d and %d lie on each other", other, i)
						}
						cells[[2]int{x, y}] = i
					}
				}
			}
		})
	}
}

func checkWidget(t *testing.T, w shownWidget) {
	t.Helper()
	if w.X < 0 || w.Width < 1 || w.X+w.Width > 24 || w.Y < 0 || w.Height < 1 || w.Height > 1000 {
		t.Errorf("a widget has the place %d,%d and the size %d×%d", w.X, w.Y, w.Width, w.Height)
	}
	members := widgetMembers[w.Type]
	for member := range w.Properties {
		if _, documented := members[member]; !documented {
			t.Errorf("a widget %q has %q", w.Type, member)
		}
	}
	for member, required := range members {
		if required && w.Properties[member] == nil {
			t.Errorf("a widget %q lacks %q", w.Type, member)
		}
	}
	switch w.Type {
	case "alarm":
		if n := len(w.Properties["alarms"].([]any)); n < 1 || n > 100 {
			t.Errorf("a widget shows %d alarms", n)
		}
	case "metric":
		checkMetricWidget(t, w.Properties)
	}
}

var (
	statistics  = regexp.MustCompile(`^(SampleCount|Average|Sum|Minimum|Maximum|p\d\d)$`)
	idOfMetric  = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)
	views       = []string{"timeSeries", "singleValue", "gauge", "bar", "pie", "table"}
	renderedBy  = []string{"color", "label", "period", "stat", "visible", "yAxis", "id", "region", "accountId"}
	expressedBy = []string{"expression", "label", "id"}
)

func checkMetricWidget(t *testing.T, properties map[string]any) {
	t.Helper()
	title := properties["title"]
	if !slices.Contains(views, properties["view"].(string)) || int(properties["period"].(float64))%60 != 0 {
		t.Errorf("%s has the view %v and the period %v", title, properties["view"], properties["period"])
	}
	metrics := properties["metrics"].([]any)
	if len(metrics) == 0 || len(metrics) > 500 {
		t.Errorf("%s shows %d metrics", title, len(metrics))
	}
	ids := map[string]bool{}
	for _, m := range metrics {
		list := m.([]any)
		rendering := list[len(list)-1].(map[string]any)
		allowed := renderedBy
		if len(list) == 1 {
			allowed = expressedBy
			if id, _, _ := strings.Cut(rendering["expression"].(string), " "); !ids[id] {
				t.Errorf("%s computes with %s, which is not there", title, id)
			}
		} else if len(list)%2 == 0 || len(list) > 2+2*30+1 || !statistics.MatchString(rendering["stat"].(string)) {
			t.Errorf("%s shows %v", title, list)
		}
		for member := range rendering {
			if !slices.Contains(allowed, member) {
				t.Errorf("%s: a metric is drawn with %q", title, member)
			}
		}
		if id, ok := rendering["id"].(string); ok {
			if ids[id] || !idOfMetric.MatchString(id) {
				t.Errorf("%s: the ID %q is taken or not legal", title, id)
			}
			ids[id] = true
		}
		if period, ok := rendering["period"].(float64); ok && int(period)%60 != 0 {
			t.Errorf("%s: a period of %v s", title, period)
		}
	}
}

// onDashboard are the metrics that AWS publishes for these dimensions [AWS 7.7 and the services' own pages].
var onDashboard = map[string]string{
	"AWS/Lambda FunctionName": "IteratorAge Errors Throttles Invocations Duration",
	"AWS/SQS QueueName":       "ApproximateNumberOfMessagesVisible",
	"AWS/IoT RuleName":        "TopicMatch",
	"AWS/Kinesis StreamName": "IncomingRecords IncomingBytes GetRecords.Bytes WriteProvisionedThroughputExceeded " +
		"ReadProvisionedThroughputExceeded",
	"AWS/Firehose DeliveryStreamName": "DeliveryToS3.DataFreshness FailedConversion.Records IncomingBytes " +
		"DataReadFromKinesisStream.Bytes",
	"AWS/DynamoDB TableName": "ReadThrottleEvents WriteThrottleEvents ConsumedReadCapacityUnits " +
		"ConsumedWriteCapacityUnits",
	"AWS/Logs LogGroupName":         "IncomingBytes",
	"AWS/S3 BucketName StorageType": "BucketSizeBytes",
	"AWS/SNS TopicName":             "NumberOfMessagesPublished",
}

// Every metric is one that AWS documents, or that the function named in it emits, and is about a part of the pipeline.
func TestDashboardShowsWhatExists(t *testing.T) {
	seen := map[string]bool{}
	for _, config := range []Spec{testSpec(t, "full"), {Name: "greenhouse", Monitoring: &MonitoringSpec{}}} {
		body, names := dashboardOf(t, config)
		for _, w := range shownOn(t, body).Widgets {
			if w.Type != "metric" {
				continue
			}
			for _, m := range w.Properties["metrics"].([]any) {
				if list := m.([]any); len(list) > 1 {
					seen[checkExists(t, w.Properties["title"], list, names)] = true
				}
			}
		}
	}
	for of, metrics := range onDashboard {
		for _, m := range strings.Fields(metrics) {
			if !seen[of+" "+m] {
				t.Errorf("the dashboard does not show %s of %s", m, of)
			}
		}
	}
}

// The guides say that the dashboard is not one of those that AWS gives for nothing: they have 50 metrics at most.
func TestEvenAPlainDashboardCosts(t *testing.T) {
	body, _ := dashboardOf(t, Spec{Name: "greenhouse", Monitoring: &MonitoringSpec{}})
	distinct := map[string]bool{}
	for _, w := range shownOn(t, body).Widgets {
		if w.Type != "metric" {
			continue
		}
		for _, m := range w.Properties["metrics"].([]any) {
			if list := m.([]any); len(list) > 1 {
				distinct[fmt.Sprint(list[:len(list)-1])] = true
			}
		}
	}
	if len(distinct) <= 50 {
		t.Errorf("the dashboard has %d metrics, so it may be free: say so in the guides and in costs", len(distinct))
	}
}

// checkExists returns the metric with its namespace and the names of its dimensions.
func checkExists(t *testing.T, title any, list []any, names map[string]bool) string {
	t.Helper()
	of, metric, dimensions := list[0].(string), list[1].(string), map[string]string{}
	for i := 2; i < len(list)-1; i += 2 {
		dimensions[list[i].(string)] = list[i+1].(string)
		of += " " + list[i].(string)
	}
	if list[0] == contract.MetricsNamespace {
		checkOwnMetric(t, metric, dimensions)
		return of + " " + metric
	}
	if !slices.Contains(strings.Fields(onDashboard[of]), metric) {
		t.Errorf("%v shows %s of %s", title, metric, of)
	}
	for dimension, value := range dimensions {
		if dimension != "StorageType" && !names[value] {
			t.Errorf("%v: no part is called %s", title, value)
		}
	}
	return of + " " + metric
}

// checkOwnMetric looks for the metric in the source of the function that should emit it.
func checkOwnMetric(t *testing.T, metric string, dimensions map[string]string) {
	t.Helper()
	files, err := filepath.Glob("../../lambda/" + dimensions["Function"] + "/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no function %q: %v", dimensions["Function"], err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(file, "_test.go") && strings.Contains(string(text), "contract."+metric+"Metric") {
			return
		}
	}
	t.Errorf("%s does not count %s", dimensions["Function"], metric)
}
