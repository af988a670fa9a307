package provisioning

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// only applies a fault to the calls of an action, the first n of them; n 0 means all.
func only(action string, n int, fault *lambdatest.Fault) func(lambdatest.Call) *lambdatest.Fault {
	return func(c lambdatest.Call) *lambdatest.Fault {
		if c.Action == action && (n == 0 || c.Attempt <= n) {
			return fault
		}
		return nil
	}
}

func TestFaults(t *testing.T) {
	// short is for faults that last longer than any invocation: the refusal must come before the deadline.
	const short = 2 * time.Second
	// once is for one dead connection: it must not take all the time that AWS IoT waits.
	const once = 4500 * time.Millisecond
	missing := &lambdatest.Fault{Status: http.StatusBadRequest, Code: "ResourceNotFoundException"}
	shared := newFixture(t, nil)
	shared.patience.try = ofAWS.try
	for _, c := range []struct {
		why   string
		fault func(lambdatest.Call) *lambdatest.Fault
		left  time.Duration
		want  reason // empty: the device is admitted
		// what the log says
		detail string
		used   bool // whether the serial is used up
	}{
		{"the list throttles twice", only(getItem, 2, lambdatest.Throttle), quick, "", "", true},
		{"the list answers 500 twice", only(getItem, 2, lambdatest.Internal), quick, "", "", true},
		{"the list closes the connection once", only(getItem, 1, lambdatest.Closed), quick, "", "", true},
		{"the list does not answer once", only(getItem, 1, lambdatest.Hung), once, "", "", true},
		{"the list throttles permanently", only(getItem, 0, lambdatest.Throttle), short, timedOut,
			`reading serial "A1-0001" of table "greenhouse-allow-list": `, false},
		{"the list never answers", only(getItem, 0, lambdatest.Hung), short, timedOut, "reading serial", false},
		{"the list refuses the role", only(getItem, 0, lambdatest.Denied), quick, awsError, "AccessDeniedException",
			false},
		{"there is no list", only(getItem, 0, missing), quick, awsError, "reading serial", false},
		{"the registry throttles twice", only(describeThing, 2, lambdatest.Throttle), quick, "", "", true},
		{"the registry answers 500 twice", only(describeThing, 2, lambdatest.Internal), quick, "", "", true},
		{"the registry does not answer once", only(describeThing, 1, lambdatest.Hung), once, "", "", true},
		{"the registry answers 500 permanently", only(describeThing, 0, lambdatest.Internal), short, timedOut,
			`describing thing "A1-0001": `, false},
		{"the registry never answers", only(describeThing, 0, lambdatest.Hung), short, timedOut, "describing thing",
			false},
		{"the registry refuses the role", only(describeThing, 0, lambdatest.Denied), quick, awsError,
			"AccessDeniedException", false},
		{"the write throttles twice", only(updateItem, 2, lambdatest.Throttle), quick, "", "", true},
		{"the answer to the write is lost", only(updateItem, 1, lambdatest.Lost), quick, "", "", true},
		{"the write throttles permanently", only(updateItem, 0, lambdatest.Throttle), short, timedOut,
			`using up serial "A1-0001" of table`, false},
		{"the write never answers", only(updateItem, 0, lambdatest.Hung), short, timedOut, "using up serial", false},
		{"the write is refused", only(updateItem, 0, lambdatest.Denied), quick, awsError, "AccessDeniedException",
			false},
		{"every answer to the write is lost", only(updateItem, 0, lambdatest.Lost), short, timedOut, "using up serial",
			true},
	} {
		t.Run(c.why, func(t *testing.T) {
			f := shared.again(t, nil)
			f.forget()
			f.put(unused)
			f.aws.Misbehave(c.fault)
			if answer := f.ask(changed(t), c.left); answer.AllowProvisioning != (c.want == "") {
				t.Errorf("admitted: %v", answer.AllowProvisioning)
			}
			f.wantPrinted(c.want, c.detail)
			if _, used := f.listed()["certificate_id"]; used != c.used {
				t.Errorf("the serial is used up: %v", used)
			}
			if c.want == "" {
				return
			}
			// What AWS could not do harms no device: with the same certificate it may ask again.
			f.aws.Misbehave(nil)
			if !f.ask(changed(t), quick).AllowProvisioning {
				t.Error("refused after the fault is over")
			}
		})
	}
}

func TestADeadlineThatIsPastIsARefusalWithoutCalls(t *testing.T) {
	f := newFixture(t, nil)
	f.put(unused)
	if f.ask(changed(t), 90*time.Millisecond).AllowProvisioning {
		t.Error("admitted")
	}
	f.wantPrinted(timedOut, "reading serial")
	if calls := f.aws.Calls(""); len(calls) != 0 {
		t.Errorf("%d calls with no time left", len(calls))
	}
}

func TestWithReserve(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		why      string
		deadline time.Duration // 0: none
		want     time.Duration
	}{
		{"no deadline", 0, 4 * time.Second},
		{"a function's timeout of AWS IoT's 5 s", 5 * time.Second, 4 * time.Second},
		{"a timeout that is longer than AWS IoT waits", time.Minute, 4 * time.Second},
		{"a shorter timeout leaves a tenth", 3 * time.Second, 2700 * time.Millisecond},
		{"and at least a tenth of a second", 500 * time.Millisecond, 400 * time.Millisecond},
		{"a deadline that is past", -time.Second, -1100 * time.Millisecond},
	} {
		ctx, cancel := t.Context(), context.CancelFunc(func() {})
		if c.deadline != 0 {
			ctx, cancel = context.WithDeadline(ctx, now.Add(c.deadline))
		}
		got, end := ofAWS.withReserve(ctx, now)
		if deadline, ok := got.Deadline(); !ok || deadline.Sub(now) != c.want && c.deadline >= 0 ||
			deadline.After(now.Add(max(c.want, c.deadline))) {
			t.Errorf("%s: the calls end after %v, want %v", c.why, deadline.Sub(now), c.want)
		}
		end()
		cancel()
	}
}
