package faultsweep

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/faultproxy"
)

// times is how often AWS makes a caller come again: with pauses that grow to ten seconds, about half a minute.
const times = 8

// slow is one way in which AWS takes its time, and what the log says meanwhile.
type slow struct {
	fault faultproxy.Fault
	says  string
}

func operation(service, name string) func(faultproxy.Request) bool {
	return func(r faultproxy.Request) bool { return r.Service == service && strings.HasPrefix(r.Name, name) }
}

// still rewrites a state in an answer.
func still(service, name, state, instead string) faultproxy.Fault {
	return faultproxy.Fault{Kind: faultproxy.Rewrite, Times: times, Match: operation(service, name),
		Rewrite: func(body string) string { return strings.ReplaceAll(body, `"`+state+`"`, `"`+instead+`"`) }}
}

func refusing(service, name, code, message string) faultproxy.Fault {
	return faultproxy.Fault{
		Kind:    faultproxy.Refuse,
		Times:   times,
		Match:   operation(service, name),
		Code:    code,
		Message: message,
	}
}

// Texts and states are AWS's [AWS 2.1, 2.2, 5]; moto is never slow.
var (
	slowToMake = []slow{
		{still("kinesis", "DescribeStreamSummary", "ACTIVE", "CREATING"), "waiting for the stream to be active"},
		{still("dynamodb", "DescribeTable", "ACTIVE", "CREATING"), "waiting for the table to be active"},
		{
			still("lambda", "GET /2015-03-31/functions/sweep-processor/configuration", "Active", "Pending"),
			"waiting until the function is active",
		},
		{
			still("lambda", "GET /2015-03-31/event-source-mappings/", "Enabled", "Creating"),
			"waiting until the event source mapping is enabled",
		},
		{
			refusing("iot", "POST /rules/", "InvalidRequestException",
				"iot.amazonaws.com is unable to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/x"),
			"waiting until AWS IoT can assume the rule's role",
		},
		{
			refusing("lambda", "POST /2015-03-31/functions", "InvalidParameterValueException",
				"The role defined for the function cannot be assumed by Lambda."),
			"function",
		},
	}
	slowToGo = []slow{
		{
			refusing("iot", "DELETE /thing-types/", "InvalidRequestException",
				"Please wait for 5 minutes after deprecation and then retry"),
			"waiting until AWS lets the deprecated thing type go",
		},
		{
			refusing("iot", "DELETE /policies/", "DeleteConflictException",
				"The policy cannot be deleted as it is attached to one or more principals"),
			"waiting until AWS lets the detached policy go",
		},
	}
)

// Whatever AWS takes its time for is waited for, and the log says what it is.
func TestSlowAWS(t *testing.T) {
	a := newLocalAWS(t)
	var mu sync.Mutex
	var said []string
	a.heard = func(what string, _ time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, what)
	}
	run := func(ways []slow, do func() ([]assembly.Record, error)) []assembly.Record {
		a.proxy.Clear()
		said = nil
		var faults []*faultproxy.Fault
		for _, s := range ways {
			faults = append(faults, a.proxy.Inject(s.fault))
		}
		records, err := do()
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range ways {
			if n := a.proxy.Hits(faults[i]); n != times {
				t.Errorf("%q: AWS was slow %d times, want %d", s.says, n, times)
			}
			if !slices.ContainsFunc(said, func(what string) bool { return strings.Contains(what, s.says) }) {
				t.Errorf("the log does not say %q; it says %q", s.says,
					slices.Compact(slices.Sorted(slices.Values(said))))
			}
		}
		return records
	}
	records := run(slowToMake, func() ([]assembly.Record, error) { return a.apply(sweepSpec(1), token, nil) })
	run(slowToGo, func() ([]assembly.Record, error) { return a.destroy(token, records) })
	if orphans := a.leftovers(); len(orphans) != 0 {
		t.Errorf("orphans: %v", orphans)
	}
}

// A wait that is never over ends with what was waited for and how long, and the part is recorded.
func TestWaitThatIsNeverOver(t *testing.T) {
	a := newLocalAWS(t)
	f := still("kinesis", "DescribeStreamSummary", "ACTIVE", "CREATING")
	f.Times = 0
	a.proxy.Inject(f)
	records, err := a.apply(sweepSpec(1), token, nil)
	const says = `kinesis stream "sweep": waiting for the stream to be active: not there after 15m0s`
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v", err)
	}
	if !slices.ContainsFunc(records,
		func(r assembly.Record) bool { return r.Key == "stream" && r.Status == assembly.Incomplete }) {
		t.Errorf("the stream is not recorded as incomplete: %v", records)
	}
}

// waiting makes waits heard.
func (a *localAWS) waiting(_ context.Context, what string, waited time.Duration) {
	if a.heard != nil {
		a.heard(what, waited)
	}
}
