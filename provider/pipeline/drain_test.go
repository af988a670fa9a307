package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

var switched = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// inMode is a description with a mode of the stream.
func inMode(mode string, drain bool) pipeline.Spec {
	return pipeline.Spec{Name: "greenhouse", Stream: &pipeline.StreamSpec{Mode: &mode, Drain: &drain}}
}

func TestEndOfADrain(t *testing.T) {
	hours := func(n int) time.Time { return switched.Add(time.Duration(n) * time.Hour) }
	broken := errors.New("no answer")
	forced, long := inMode("queue", false), inMode("queue", true)
	yes, week := true, int64(168)
	forced.ForceDestroy, long.Stream.RetentionHours = &yes, &week
	for _, tc := range []struct {
		why         string
		before, now pipeline.Spec
		since       *time.Time
		at          time.Time
		waiting     int64
		fails       error
		want        string // "": nothing forbids it
	}{
		{why: "it has not begun", before: inMode("queue", true), now: inMode("queue", false), at: hours(100),
			want: "with drain = true first"},
		{why: "an hour too early", before: inMode("queue", true), now: inMode("queue", false), since: &switched,
			at: hours(24), want: "until 2026-01-02T13:00:00Z, 25 hours later"},
		{why: "in time", before: inMode("queue", true), now: inMode("queue", false), since: &switched,
			at: hours(25)},
		{why: "a retention of a week", before: long, now: inMode("queue", false), since: &switched, at: hours(168),
			want: "169 hours later"},
		{why: "after a week", before: long, now: inMode("queue", false), since: &switched, at: hours(169)},
		{why: "forced", before: inMode("queue", true), now: forced, since: &switched, at: hours(1)},
		{why: "an empty queue", before: inMode("on_demand", true), now: inMode("on_demand", false),
			since: &switched, at: hours(25)},
		{why: "an empty queue, too early", before: inMode("on_demand", true), now: inMode("on_demand", false),
			since: &switched, at: hours(24), want: "25 hours later"},
		{why: "a queue with messages", before: inMode("on_demand", true), now: inMode("on_demand", false),
			since: &switched, at: hours(90), waiting: 3, want: "greenhouse-messages still holds about 3 messages"},
		{why: "a queue that does not answer", before: inMode("on_demand", true), now: inMode("on_demand", false),
			since: &switched, at: hours(90), fails: broken, want: "no answer"},
		{why: "another mode at the end", before: inMode("queue", true), now: inMode("on_demand", false),
			since: &switched, at: hours(90), want: "would be deleted"},
		{why: "between two kinds of streams", before: inMode("on_demand", false), now: inMode("provisioned", false)},
	} {
		d := &draining{before: tc.before, now: tc.now, since: tc.since, at: tc.at, records: []assembly.Record{
			{Key: contract.KeyQueue, Name: "greenhouse-messages", ID: "url", Status: assembly.Ready}}}
		problem, err := d.problem(t.Context(), func(_ context.Context, url string) (int64, error) {
			if url != "url" {
				t.Errorf("%s: asked for %s", tc.why, url)
			}
			return tc.waiting, tc.fails
		})
		text := ""
		if problem != nil {
			text = problem.Summary + " " + problem.Detail
		}
		if err != nil {
			text = err.Error()
		}
		if text == "" != (tc.want == "") || !strings.Contains(text, tc.want) {
			t.Errorf("%s: got %q, want %q", tc.why, text, tc.want)
		}
	}
}

// privateState is a private state in memory.
type privateState map[string][]byte

func (p privateState) GetKey(_ context.Context, key string) ([]byte, diag.Diagnostics) {
	return p[key], nil
}

func (p privateState) SetKey(_ context.Context, key string, value []byte) diag.Diagnostics {
	if !json.Valid(value) {
		return diag.Diagnostics{diag.NewErrorDiagnostic("not JSON", string(value))}
	}
	p[key] = value
	return nil
}

// The time of a drain begins when all rules write to the other way, stays then, and begins again after the next change.
func TestBeginningOfADrain(t *testing.T) {
	rule := func(s assembly.Status) []assembly.Record {
		return []assembly.Record{{Key: "rule/telemetry", Kind: spec.KindTopicRule, Status: s}}
	}
	p := privateState{}
	keep := func(s pipeline.Spec, records []assembly.Record, changed bool) *time.Time {
		t.Helper()
		if diags := keepDrain(t.Context(), p, s, records, changed); diags.HasError() {
			t.Fatal(diags)
		}
		return drainsSince(t.Context(), p)
	}
	if since := keep(inMode("queue", true), rule(assembly.Incomplete), true); since != nil {
		t.Errorf("a rule still writes to the stream, and it drains since %v", since)
	}
	before := time.Now().Add(-time.Second)
	if since := keep(inMode("queue", true), rule(assembly.Ready), false); since == nil || since.Before(before) {
		t.Errorf("drains since %v", since)
	}
	past := []byte(`"2026-01-01T12:00:00Z"`)
	p[drainKey] = past
	if since := keep(inMode("queue", true), rule(assembly.Ready), false); since == nil || !since.Equal(switched) {
		t.Errorf("a refresh moves it to %v", since)
	}
	if since := keep(inMode("on_demand", true), rule(assembly.Ready), true); since == nil || since.Before(before) {
		t.Errorf("after another change it drains since %v", since)
	}
	p[drainKey] = past
	if since := keep(inMode("queue", true), rule("drifted: actions"), false); since != nil {
		t.Errorf("somebody has changed a rule, and it drains since %v", since)
	}
	p[drainKey] = past
	if since := keep(inMode("queue", false), rule(assembly.Ready), false); since != nil {
		t.Errorf("nothing drains, since %v", since)
	}
}
