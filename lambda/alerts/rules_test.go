package alerts

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func TestThresholds(t *testing.T) {
	f := newFixture(t, twoRules)
	at60 := `{"data":{"temperature":60}}`
	for i, step := range []struct {
		why    string
		change func()
		thing  string
		want   bool
	}{
		{"the default of 50", func() {}, "soil-001", true},
		{"the pipeline's override of 70", func() { f.setThreshold("$thresholds", "max_temperature", "70") }, "soil-001",
			false},
		{"the device's override of 40", func() { f.setThreshold("$thresholds#soil-001", "max_temperature", "40") },
			"soil-001", true},
		{"another device has the pipeline's", func() {}, "soil-002", false},
	} {
		step.change()
		f.clock = f.clock.Add(10 * time.Minute) // older than any copy, and than the cooldown
		before := len(f.told())
		f.mustSend(step.thing, at60)
		if told := len(f.told()) > before; told != step.want {
			t.Errorf("step %d, %s: told %v, want %v", i, step.why, told, step.want)
		}
	}
}

func TestThresholdsAreReadOnceAMinute(t *testing.T) {
	f := newFixture(t, twoRules)
	reads := func() (n int) {
		for _, r := range f.moto.Requests(t) {
			if r.Operation == "GetItem" {
				n++
			}
		}
		return n
	}
	cold := `{"data":{"temperature":45}}`
	for range 5 {
		f.mustSend("soil-001", cold)
	}
	if n := reads(); n != 3 {
		t.Errorf("%d reads for 5 messages of one device, want rules, thresholds and the device's", n)
	}
	f.setThreshold("$thresholds", "max_temperature", "40")
	f.mustSend("soil-001", cold)
	f.wantTold("a change is not seen at once")
	f.clock = f.clock.Add(time.Minute)
	f.mustSend("soil-001", cold)
	f.wantTold("but within a minute", "alert hot soil-001 0")
	if n := reads(); n != 6 {
		t.Errorf("%d reads after a minute, want 6", n)
	}
}

// unreachable is a table that cannot be read.
type unreachable struct{ tableAPI }

func (unreachable) GetItem(
	context.Context,
	*dynamodb.GetItemInput,
	...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	return nil, errors.New("the table is unavailable")
}

func TestOldRulesServeWhileTheTableIsUnavailable(t *testing.T) {
	f := newFixture(t, twoRules)
	f.mustSend("soil-001", `{"data":{"humidity":50}}`)
	f.rules.client = unreachable{f.rules.client}
	f.clock = f.clock.Add(5 * time.Minute)
	f.mustSend("soil-001", `{"data":{"humidity":29}}`)
	f.wantTold("by the old rules", "alert dry soil-001 0")
}

func TestWithoutRulesTheEventIsRetried(t *testing.T) {
	f := newFixture(t, twoRules)
	f.rules.client = unreachable{f.rules.client}
	if err := f.send("soil-001", `{}`); err == nil || !strings.Contains(err.Error(), "the table is unavailable") {
		t.Errorf("without any rules: error %v", err)
	}
}

func TestRulesDocuments(t *testing.T) {
	for _, c := range []struct{ document, want, why string }{
		{"", "no rules document", "no item"},
		{"{", "reading the rules document", "not JSON"},
		{`{"version":2}`, "its version is 2", "from a newer provider"},
	} {
		t.Run(c.why, func(t *testing.T) {
			f := newFixture(t, c.document)
			if err := f.send("soil-001", `{}`); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestRulesChange(t *testing.T) {
	f := newFixture(
		t,
		`{"version":1,"rules":{"broken":{"when":"data.humidity <","severity":"info"},"dry":{"when":"data.humidity < 35","severity":"info"}}}`,
	)
	f.mustSend("soil-001", `{"data":{"humidity":29}}`)
	f.mustSend("soil-001", `{"data":{"humidity":29}}`)
	f.wantTold("a broken rule does not silence the others; no cooldown, no silence", "alert dry soil-001 0",
		"alert dry soil-001 0")
	f.put(
		"$rules",
		map[string]types.AttributeValue{"document": &types.AttributeValueMemberS{Value: `{"version":1,"rules":{}}`}},
	)
	f.clock = f.clock.Add(time.Minute)
	f.mustSend("soil-001", `{"data":{"humidity":29}}`)
	if len(f.told()) != 2 {
		t.Error("a rule that was removed still tells")
	}
}
