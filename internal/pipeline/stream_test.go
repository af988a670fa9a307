package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

var streamMistakes = []mistake{
	{
		"no such mode",
		func(s *Spec) { s.Stream = &StreamSpec{Mode: ptr("on-demand")} },
		"stream.mode",
		[]string{`Did you mean "on_demand"?`},
	},
	{
		"shards on demand",
		func(s *Spec) { s.Stream = &StreamSpec{Shards: ptr(int64(2))} },
		"stream.shards",
		[]string{"on-demand stream"},
	},
	{
		"too short a retention",
		func(s *Spec) { s.Stream = &StreamSpec{RetentionHours: ptr(int64(1))} },
		"stream.retention_hours",
		[]string{"1 is not between 24 and 8760", "Kinesis"},
	},
	{
		"shards of a queue",
		func(s *Spec) { s.Stream = &StreamSpec{Mode: ptr("queue"), Shards: ptr(int64(2))} },
		"stream.shards",
		[]string{"no meaning with a queue", "no shards"},
	},
	{
		"retention of a queue",
		func(s *Spec) { s.Stream = &StreamSpec{Mode: ptr("queue"), RetentionHours: ptr(int64(48))} },
		"stream.retention_hours",
		[]string{"4 days", "14"},
	},
	{
		"lanes of a queue",
		queueWith(ProcessorSpec{ParallelizationFactor: ptr(int64(2))}),
		"processor.parallelization_factor",
		[]string{"max_concurrency"},
	},
	{
		"age of a message",
		queueWith(ProcessorSpec{MaxRecordAgeSeconds: ptr(int64(600))}),
		"processor.max_record_age_seconds",
		[]string{"max_retries"},
	},
	{
		"a queue that never gives up",
		queueWith(ProcessorSpec{MaxRetries: ptr(int64(-1))}),
		"processor.max_retries",
		[]string{"between 0 and 999"},
	},
	{
		"large batches without a window",
		queueWith(ProcessorSpec{BatchWindowSeconds: ptr(int64(0))}),
		"processor.batch_window_seconds",
		[]string{"more than 10", "batch_size"},
	},
	{
		"too few at a time",
		queueWith(ProcessorSpec{MaxConcurrency: ptr(int64(1))}),
		"processor.max_concurrency",
		[]string{"1 is not between 2 and 1000"},
	},
	{
		"concurrency of a stream",
		func(s *Spec) { s.Processor = &ProcessorSpec{MaxConcurrency: ptr(int64(5))} },
		"processor.max_concurrency",
		[]string{"parallelization_factor"},
	},
	{
		"a stream that drains into a queue, with retries without end",
		func(s *Spec) {
			s.Stream, s.Processor = &StreamSpec{Drain: ptr(true)}, &ProcessorSpec{MaxRetries: ptr(int64(-1))}
		},
		"processor.max_retries",
		[]string{"between 0 and 999"},
	},
	{
		"metrics of a queue",
		func(s *Spec) { s.Stream, s.Metrics = &StreamSpec{Mode: ptr("queue")}, &MetricsSpec{} },
		"metrics",
		[]string{"windows of time only from a stream", "Athena"},
	},
	{
		"a selection to a queue",
		func(s *Spec) {
			s.Stream, s.Telemetry = &StreamSpec{Mode: ptr("queue")}, &TelemetrySpec{Select: ptr("temperature")}
		},
		"telemetry.select",
		[]string{"device's name", "data_path"},
	},
}

// TestDrain: while a way drains, its objects, its readers and the permissions of both are as they were, and the rules
// write to the other way alone, when somebody reads it.
func TestDrain(t *testing.T) {
	for _, tc := range []struct{ mode, without, source, reader string }{
		{"queue", "queue", ":sqs:", "queue/event_source"},
		{"on_demand", "stream", ":stream/", "event_source"},
	} {
		with, alone := testSpec(t, "greenhouse"), testSpec(t, "greenhouse")
		with.Stream = &StreamSpec{Mode: &tc.mode, Drain: ptr(true)}
		alone.Stream = &StreamSpec{Mode: &tc.mode}
		other := testSpec(t, "greenhouse")
		if tc.mode == "on_demand" {
			other.Stream = &StreamSpec{Mode: ptr("queue")}
		}
		draining := build(t, with)
		wants := resolve(t, draining)
		keys := map[string]assembly.Part{}
		for _, p := range draining {
			keys[p.Key] = p
		}
		for _, s := range []Spec{alone, other} {
			for _, p := range build(t, s) {
				if _, ok := keys[p.Key]; !ok {
					t.Errorf("%s: %s is not there", tc.mode, p.Key)
				}
			}
		}
		// What drains stays exactly as it is.
		for _, key := range Changed(build(t, other), draining, records(draining)) {
			if key == "stream" && tc.mode == "queue" || key == "queue" && tc.mode != "queue" ||
				key == "event_source" && tc.mode == "queue" || key == "queue/event_source" && tc.mode != "queue" {
				t.Errorf("%s: %s changes while it drains", tc.mode, key)
			}
		}
		rule := keys["rule/telemetry"]
		if !slices.Contains(rule.Needs, tc.reader) {
			t.Errorf("%s: the rule writes before somebody reads: it needs %v", tc.mode, rule.Needs)
		}
		if _, has := keys["archive/delivery"]; has && tc.mode == "on_demand" &&
			!slices.Contains(rule.Needs, "archive/delivery") {
			t.Errorf("Firehose reads from the end of the stream, and the rule does not wait for it: %v", rule.Needs)
		}
		topicRule, ok := wants["rule/telemetry"].(spec.TopicRule)
		if !ok {
			t.Fatal("there is no rule")
		}
		for _, a := range topicRule.Actions {
			if a.Kinesis != nil && tc.mode == "queue" || (a.SQS != nil || a.Firehose != nil) && tc.mode != "queue" {
				t.Errorf("%s: the rule still writes to what drains: %+v", tc.mode, a)
			}
		}
		text := fmt.Sprint(wants["role/processor"], wants["role/rules"])
		for _, allowed := range []string{"kinesis:GetRecords", "sqs:ReceiveMessage", "kinesis:PutRecord", "sqs:SendMessage"} {
			if !strings.Contains(text, allowed) {
				t.Errorf("%s: no role allows %s", tc.mode, allowed)
			}
		}
	}
}

func TestDrainHours(t *testing.T) {
	for _, tc := range []struct {
		spec Spec
		want int64
	}{
		{Spec{Stream: &StreamSpec{Mode: ptr("queue"), Drain: ptr(true)}}, 25},
		{Spec{Stream: &StreamSpec{Mode: ptr("queue"), Drain: ptr(true), RetentionHours: ptr(int64(168))}}, 169},
		{Spec{Stream: &StreamSpec{Drain: ptr(true), RetentionHours: ptr(int64(168))}}, 25},
	} {
		if got := DrainHours(tc.spec); got != tc.want {
			t.Errorf("%+v drains for %d hours, want %d", tc.spec.Stream, got, tc.want)
		}
	}
}

func TestSwitched(t *testing.T) {
	rule := func(key string, s assembly.Status) assembly.Record {
		return assembly.Record{Key: "rule/" + key, Kind: spec.KindTopicRule, Status: s}
	}
	for _, tc := range []struct {
		records []assembly.Record
		want    bool
	}{
		{nil, false},
		{[]assembly.Record{rule("telemetry", assembly.Ready), rule("status", assembly.Ready)}, true},
		{[]assembly.Record{rule("telemetry", assembly.Ready), rule("status", assembly.Incomplete)}, false},
		{[]assembly.Record{rule("telemetry", "drifted: actions"), rule("status", assembly.Ready)}, false},
	} {
		if got := Switched(tc.records); got != tc.want {
			t.Errorf("%+v: %v", tc.records, got)
		}
	}
}

func queueWith(p ProcessorSpec) func(*Spec) {
	return func(s *Spec) { s.Stream, s.Processor = &StreamSpec{Mode: ptr("queue")}, &p }
}
