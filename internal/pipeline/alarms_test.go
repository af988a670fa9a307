package pipeline

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// alarmsOf builds the alarms of a pipeline, by part key.
func alarmsOf(t *testing.T, config Spec) map[string]spec.MetricAlarm {
	t.Helper()
	parts, err := Build(config, testEnv())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]spec.MetricAlarm{}
	for _, p := range parts {
		if p.Kind != spec.KindMetricAlarm {
			continue
		}
		want, err := p.Want(upstream(parts, p.Needs))
		if err != nil {
			t.Fatal(err)
		}
		found[p.Key] = want.(spec.MetricAlarm)
	}
	return found
}

// Whom an alarm wakes finds a section of the runbooks with its name, and no section is about nothing.
func TestEveryAlarmHasARunbook(t *testing.T) {
	text, err := os.ReadFile("../../templates/guides/runbooks.md")
	if err != nil {
		t.Fatal(err)
	}
	var sections, want []string
	for _, m := range regexp.MustCompile(`(?m)^## (.+)$`).FindAllStringSubmatch(string(text), -1) {
		sections = append(sections, m[1])
	}
	for _, a := range Alarms() {
		want = append(want, RunbookSection(a.Name))
	}
	if diff := cmp.Diff(want, sections); diff != "" {
		t.Errorf("the alarms (-) and the runbooks' sections (+) differ, maybe in their order:\n%s", diff)
	}
	for _, section := range strings.Split(string(text), "\n## ")[1:] {
		if !strings.Contains(section, "First look") || !strings.Contains(strings.ToLower(section), "repair") {
			t.Errorf("section %q lacks the first look or the repair", section[:20])
		}
	}
}

// documented are the metrics that AWS publishes for these dimensions [AWS 7.7], by namespace.
var documented = map[string]string{
	"AWS/Lambda FunctionName":           "IteratorAge Errors Throttles Invocations",
	"AWS/Lambda EventSourceMappingUUID": "OnFailureDestinationDeliveredEventCount DroppedEventCount",
	"AWS/SQS QueueName":                 "ApproximateNumberOfMessagesVisible ApproximateAgeOfOldestMessage",
	"AWS/IoT RuleName":                  "RuleMessageThrottled TopicMatch",
	"AWS/IoT ActionType RuleName":       "Failure ErrorActionFailure",
	"AWS/Kinesis StreamName":            "WriteProvisionedThroughputExceeded",
	"AWS/Firehose DeliveryStreamName":   "DeliveryToS3.DataFreshness FailedConversion.Records",
	"AWS/DynamoDB TableName":            "ReadThrottleEvents WriteThrottleEvents",
	"IoTPipeline Function Pipeline":     "Retried",
}

// insight is a query of Metrics Insights [CloudWatch user guide, Metrics Insights query components and syntax].
var insight = regexp.MustCompile(
	`^SELECT SUM\((\w+)\) FROM SCHEMA\("([\w/]+)", ([\w, ]+)\) WHERE RuleName = '(\w+)'$`)

func TestAlarmsWatchMetricsThatExist(t *testing.T) {
	names := []string{"greenhouse_telemetry", "greenhouse_status", "greenhouse_presence"}
	on := true
	config := Spec{Name: "greenhouse", Monitoring: &MonitoringSpec{Alarms: &AlarmsSpec{
		NoTelemetry: &AlarmSpec{Enabled: &on}, RuleFailures: &AlarmSpec{Enabled: &on}}}}
	seen := map[string]bool{}
	for key, a := range alarmsOf(t, config) {
		returned := 0
		for _, q := range a.Metrics {
			if q.Returned {
				returned++
			}
			if m := insight.FindStringSubmatch(q.Expression); m != nil {
				seen[m[2]+" "+strings.ReplaceAll(m[3], ",", "")+" "+m[1]] = true
				if !slices.Contains(names, m[4]) || q.PeriodSeconds != 300 {
					t.Errorf("%s: %s every %d s", key, q.Expression, q.PeriodSeconds)
				}
				continue
			}
			if q.Expression != "" {
				continue
			}
			var dimensions []string
			for name := range q.Dimensions {
				dimensions = append(dimensions, name)
			}
			of := q.Namespace + " " + strings.Join(sorted(dimensions), " ")
			seen[of+" "+q.Metric] = true
			if !slices.Contains(strings.Fields(documented[of]), q.Metric) {
				t.Errorf("%s watches %s of %s", key, q.Metric, of)
			}
			if q.PeriodSeconds < 60 || q.PeriodSeconds%60 != 0 || q.PeriodSeconds*a.EvaluationPeriods > 86400 {
				t.Errorf("%s has a period of %d s", key, q.PeriodSeconds)
			}
		}
		if returned != 1 || !slices.IsSortedFunc(a.Metrics,
			func(a, b spec.MetricQuery) int { return strings.Compare(a.ID, b.ID) }) {
			t.Errorf("%s: %+v", key, a.Metrics)
		}
		if len(a.Description) > 1024 {
			t.Errorf("%s has a description of %d characters; CloudWatch takes 1024", key, len(a.Description))
		}
	}
	for of, metrics := range documented {
		for _, m := range strings.Fields(metrics) {
			if !seen[of+" "+m] {
				t.Errorf("no alarm watches %s of %s", m, of)
			}
		}
	}
}

func TestAlarmsAreSwitchedOff(t *testing.T) {
	off, on := false, true
	monitoring := func(a *AlarmsSpec) Spec { return Spec{Name: "greenhouse", Monitoring: &MonitoringSpec{Alarms: a}} }
	usual := alarmsOf(t, monitoring(nil))
	if _, ok := usual["alarm/no_telemetry"]; ok || usual["alarm/rule_throttles/telemetry"].Threshold != 1 {
		t.Errorf("the usual alarms are %v", sortedKeys(usual))
	}
	if got := alarmsOf(t, monitoring(&AlarmsSpec{Enabled: &off})); len(got) > 0 {
		t.Errorf("none are wanted, got %v", sortedKeys(got))
	}
	got := alarmsOf(t, monitoring(&AlarmsSpec{DeadLetters: &AlarmSpec{Enabled: &off},
		NoTelemetry: &AlarmSpec{Enabled: &on, Threshold: value(30)}}))
	if _, ok := got["alarm/dead_letters"]; ok || len(got) != len(usual) {
		t.Errorf("got %v", sortedKeys(got))
	}
	if a := got["alarm/no_telemetry"]; a.Metrics[0].PeriodSeconds != 1800 || a.MissingData != "breaching" {
		t.Errorf("no telemetry for half an hour: %+v", a)
	}
	if got := alarmsOf(t, Spec{Name: "greenhouse"}); len(got) > 0 {
		t.Errorf("without monitoring: %v", sortedKeys(got))
	}
}

func TestThresholdsFollowTheConfiguration(t *testing.T) {
	got := alarmsOf(t, Spec{Name: "greenhouse", Monitoring: &MonitoringSpec{},
		Processor: &ProcessorSpec{BatchSize: value(500), BatchWindowSeconds: value(60)}})
	if age := got["alarm/iterator_age"].Threshold; age != 360_000 {
		t.Errorf("iterator age %v ms", age)
	}
	if records := got["alarm/records_handed_back"].Threshold; records != 500 {
		t.Errorf("%v records handed back", records)
	}
}
