package pipeline

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// TestChanged: each change of a description touches the parts that it is about, and the manifest, which keeps it.
func TestChanged(t *testing.T) {
	for _, tc := range []struct {
		why    string
		change func(*Spec)
		want   []string
	}{
		{"nothing", func(*Spec) {}, nil},
		{"a default written out", func(s *Spec) {
			s.Stream = &StreamSpec{RetentionHours: ptr(*StreamRetentionHours.Default)}
		}, []string{"manifest"}},
		{"retention", func(s *Spec) { s.Stream = &StreamSpec{RetentionHours: ptr(int64(48))} },
			[]string{"manifest", "stream"}},
		{"a device", func(s *Spec) { s.Devices["soil-003"] = DeviceSpec{} }, []string{"fleet"}},
		{"log retention", func(s *Spec) { s.Functions = &FunctionsSpec{LogRetentionDays: ptr(int64(7))} },
			[]string{"archive/log_group", "log_group/alerts", "log_group/archiver", "log_group/processor", "manifest"}},
		{"architecture", func(s *Spec) { s.Functions = &FunctionsSpec{Architecture: ptr("x86_64")} },
			[]string{"function/alerts", "function/archiver", "function/processor", "manifest"}},
		{"an own function", func(s *Spec) { s.Processor = &ProcessorSpec{Package: ptr("own.zip")} },
			[]string{"function/processor", "manifest"}},
		{"batching", func(s *Spec) { s.Processor = &ProcessorSpec{BatchSize: ptr(int64(7))} },
			[]string{"event_source", "manifest"}},
		{"a condition", setRule("dry", AlertRuleSpec{When: "data.humidity < 30"}),
			[]string{"alert_rules", "manifest", "rule/alerts"}},
		{"a message", setRule("hot", AlertRuleSpec{When: "data.temperature > 50", Message: ptr("hot")}),
			[]string{"alert_rules", "manifest"}},
		{"one more address", func(s *Spec) {
			s.Alerts.Emails = append([]string{"new@example.com"},
				s.Alerts.Emails...)
		},
			[]string{"manifest", "subscription/email-" + shortHash("new@example.com")}},
		{"no alert rule", func(s *Spec) { s.Alerts.Rules = nil },
			[]string{"alert_rules", "function/alerts", "log_group/alerts", "manifest", "policy", "role/alerts",
				"role/rules", "rule/alerts"}},
		{"no archive", func(s *Spec) { s.Archive = &ArchiveSpec{Enabled: ptr(false)} },
			append(batchedParts(), "bucket", "manifest")},
		{"one object per message", func(s *Spec) { s.Archive = &ArchiveSpec{Delivery: ptr("per_message")} },
			append(batchedParts(), "bucket", "manifest", "policy", "role/rules", "rule/archive")},
		{"JSON", func(s *Spec) {
			s.Archive.Format = ptr("json")
		}, []string{"archive/delivery", "archive/table", "manifest"}},
		{"a buffer", func(s *Spec) { s.Archive.BufferSeconds = ptr(int64(60)) },
			[]string{"archive/delivery", "manifest"}},
		{"a limit of queries", func(s *Spec) { s.Archive.ScanLimitGB = ptr(int64(1)) },
			[]string{"archive/workgroup", "manifest"}},
		{"measures", func(s *Spec) { s.Archive.Measures = []string{"humidity"} },
			[]string{"archive/query/hourly_statistics", "archive/view", "manifest"}},
		{"no Timestream", func(s *Spec) { s.Timestream = nil },
			[]string{"event_source", "function/processor", "manifest", "role/processor", "timestream/database",
				"timestream/table"}},
		{"a route", func(s *Spec) {
			s.Routes = map[string]RouteSpec{"extra": {SQL: "SELECT * FROM 'a'", Lambda: &LambdaRoute{FunctionARN: "f"}}}
		}, []string{"manifest", "role/route/extra", "rule/extra"}},
		{"force_destroy", func(s *Spec) { s.ForceDestroy = ptr(true) }, []string{"bucket", "manifest"}},
	} {
		before := testSpec(t, "greenhouse")
		after := testSpec(t, "greenhouse")
		tc.change(&after)
		parts := build(t, before)
		slices.Sort(tc.want)
		if diff := cmp.Diff(tc.want, Changed(parts, build(t, after), records(parts))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.why, diff)
		}
	}
}

// batchedParts are the parts of an archive in batches.
func batchedParts() []string {
	parts := []string{"archive/database", "archive/delivery", "archive/log_group", "archive/log_stream",
		"archive/table", "archive/workgroup", "function/archiver", "log_group/archiver", "role/archive",
		"role/archiver"}
	for _, q := range ArchiveQueries("t", "m") {
		parts = append(parts, "archive/query/"+q.Key)
	}
	return parts
}

func setRule(key string, r AlertRuleSpec) func(*Spec) {
	return func(s *Spec) {
		r.Severity = s.Alerts.Rules[key].Severity
		r.Command = s.Alerts.Rules[key].Command
		if r.Message == nil {
			r.Message = s.Alerts.Rules[key].Message
		}
		s.Alerts.Rules[key] = r
	}
}

func TestChangedWithoutRecords(t *testing.T) {
	parts := build(t, Spec{Name: "min"})
	got := Changed(parts, parts, nil)
	if want := []string{"function/archiver", "function/processor", "rule/status", "rule/telemetry"}; !slices.Equal(got,
		want) {
		t.Errorf("parts that need the queue's URL cannot be compared without its record: got %v, want %v", got, want)
	}
}

// TestUnknownConditionStillPlans: keys, names and ARNs of a plan do not depend on values that come later.
func TestUnknownConditionStillPlans(t *testing.T) {
	config := Spec{Name: "min", Alerts: &AlertsSpec{Rules: map[string]AlertRuleSpec{"dry": {}}}}
	parts := build(t, config)
	changed := Changed(parts, parts, records(parts))
	if want := []string{"rule/alerts"}; !slices.Equal(changed, want) {
		t.Errorf("got %v, want %v: its SQL cannot be made yet", changed, want)
	}
}

func TestOutputs(t *testing.T) {
	config, env := testSpec(t, "full"), testEnv()
	parts := build(t, config)
	before := OutputsOf(config, env, nil)
	if before.DeadLetterQueueURL != nil {
		t.Errorf("nobody has said the queue's URL yet: %s", *before.DeadLetterQueueURL)
	}
	after := OutputsOf(config, env, records(parts))
	golden(t, "outputs", after)

	arn := map[string]string{}
	for _, p := range parts {
		arn[p.Key] = p.ARN
	}
	same := map[string][2]string{
		"stream_arn":           {*after.StreamARN, arn["stream"]},
		"timestream_table_arn": {*after.TimestreamTableARN, arn["timestream/table"]},
		"alert_topic_arn":      {*after.AlertTopicARN, arn["alert_topic"]},
		"archiver":             {after.FunctionARNs["archiver"], arn["function/archiver"]},
		"processor":            {after.FunctionARNs["processor"], arn["function/processor"]},
		"alerts":               {after.FunctionARNs["alerts"], arn["function/alerts"]},
		"provisioning":         {after.FunctionARNs["provisioning"], arn["function/provisioning"]},
	}
	for key, rule := range after.RuleARNs {
		same["rule "+key] = [2]string{rule, arn["rule/"+key]}
	}
	for name, pair := range same {
		if pair[0] == "" || pair[0] != pair[1] {
			t.Errorf("%s is %q, and the part has %q", name, pair[0], pair[1])
		}
	}
	minimal := OutputsOf(Spec{Name: "min"}, env, nil)
	if minimal.Registration != nil || minimal.TimestreamTableARN != nil || minimal.AlertTopicARN != nil ||
		len(minimal.FunctionARNs) != 2 {
		t.Errorf("outputs of objects that are not there: %+v", minimal)
	}
}

// TestAlertsWithoutRules: people keep their confirmed subscriptions, and nothing else of the alerts is there.
func TestAlertsWithoutRules(t *testing.T) {
	var keys []string
	for _, p := range build(t, Spec{Name: "min", Archive: &ArchiveSpec{Enabled: ptr(false)},
		Alerts: &AlertsSpec{Emails: []string{"a@example.com"}}}) {
		keys = append(keys, p.Key)
	}
	want := []string{
		"manifest",
		"thing_group",
		"thing_type",
		"policy",
		"fleet",
		"stream",
		"device_table",
		"bucket",
		"dead_letters",
		"alert_topic",
		"subscription/email-" + shortHash("a@example.com"),
		"role/processor",
		"log_group/processor",
		"function/processor",
		"event_source",
		"role/rules",
		"rule/telemetry",
		"rule/status",
	}
	slices.Sort(want)
	slices.Sort(keys)
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
}

// TestEnvironmentFits: the largest environment that Validate lets through is below Lambda's 4 KB.
func TestEnvironmentFits(t *testing.T) {
	long := func(n int) string { return string(make([]byte, n)) }
	largest := Spec{
		Name: "a" + long(MaxNameLength-1), TopicPrefix: ptr(long(117)),
		Telemetry:  &TelemetrySpec{DataField: ptr(long(256)), TimeField: ptr(long(256))},
		Timestream: &TimestreamSpec{Database: ptr(long(256)), Table: ptr(long(256))},
	}
	parts := build(t, largest)
	size := 0
	for key, value := range resolve(t, parts)["function/processor"].(spec.Function).Environment {
		size += len(key) + len(value)
	}
	if size > 4096 || size < 1000 {
		t.Errorf("the environment has %d bytes", size)
	}
}
