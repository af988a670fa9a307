package schedules

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

func TestRate(t *testing.T) {
	for expression, want := range map[string]time.Duration{
		"rate(1 minute)": time.Minute, "rate(5 minutes)": 5 * time.Minute, "rate(1 hour)": time.Hour,
		"rate(2 days)": 48 * time.Hour, "cron(0 8 * * ? *)": 0, "rate(0 minutes)": 0, "at(2026-01-01T00:00:00)": 0,
	} {
		got, err := Rate(expression)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%s: %v, %v", expression, got, err)
		}
	}
}

func TestSchedulesAreCalledUntilTheyChange(t *testing.T) {
	calls := make(chan string, 100)
	events := make(chan runlog.Event, 100)
	p := New(Options{
		Invoke: func(_ context.Context, function string, payload []byte) error {
			calls <- function + " " + string(payload)
			return nil
		},
		Interval: time.Millisecond,
		Events:   func(e runlog.Event) { events <- e },
	})
	defer p.Close()
	s := Schedule{Name: "gh/watch", ARN: "arn:s", Expression: "rate(1 minute)", FunctionARN: "arn:function:gh-watch",
		Input: `{"scheduled_time":"<aws.scheduler.scheduled-time>","arn":"<aws.scheduler.schedule-arn>"}`}
	p.Set([]Schedule{s})
	if e := <-events; e.Kind != runlog.Changed || e.Detail != "schedule calls gh-watch every 1ms" {
		t.Errorf("event %+v", e)
	}
	for range 3 {
		call := <-calls
		at, ok := strings.CutPrefix(call, `arn:function:gh-watch {"scheduled_time":"`)
		at, rest, _ := strings.Cut(at, `"`)
		if _, err := time.Parse(time.RFC3339, at); !ok || err != nil || rest != `,"arn":"arn:s"}` {
			t.Fatalf("call %s: %v", call, err)
		}
	}
	disabled := s
	disabled.Disabled = true
	p.Set([]Schedule{disabled, {Name: "gh/other", Expression: "cron(0 8 * * ? *)", FunctionARN: "x"}})
	p.running.Wait() // nothing plays any more
	var kinds []string
	for range 3 {
		e := <-events
		kinds = append(kinds, string(e.Kind)+" "+e.Detail+e.Error)
	}
	all := strings.Join(kinds, "\n")
	for _, want := range []string{"removed or changed", "schedule, disabled", "cannot play this schedule"} {
		if !strings.Contains(all, want) {
			t.Errorf("no event %q in\n%s", want, all)
		}
	}
}
