package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// Whatever AWS fails at, the answer is a documented problem that says whether to try again, and the same request works
// as soon as AWS does.
func TestFaultsOfEveryRequestToAWS(t *testing.T) {
	f := newFixture(t, nil)
	command := f.inhabit()
	faults := []struct {
		name  string
		fault *lambdatest.Fault
		want  kind
	}{
		{"throttled", lambdatest.Throttle, throttled}, {"answered 500", lambdatest.Internal, unavailable},
		{"answer lost", lambdatest.Lost, unavailable}, {"refused", lambdatest.Denied, internal},
	}
	n := 0
	for _, r := range everyOperation(command) {
		start := len(f.aws.Calls(""))
		f.ask(changed(r, &n))
		actions := map[string]bool{}
		for _, c := range f.aws.Calls("")[start:] {
			actions[c.Action] = true
		}
		for action := range actions {
			for _, c := range faults {
				t.Run(strings.ReplaceAll(r.method+r.path+" "+action+" "+c.name, "/", "."), func(t *testing.T) {
					f := *f
					f.t = t
					f.fails(changed(r, &n), action, c.fault, c.want)
				})
			}
		}
	}
}

// changed makes a request that is not like any before, so that it has something to do.
func changed(r request, n *int) request {
	*n++
	if strings.HasSuffix(r.path, "/config") && r.method == http.MethodPut {
		r.body = fmt.Sprintf(`{"interval":%d}`, *n)
	}
	if r.headers["Idempotency-Key"] != "" {
		r.headers = map[string]string{"Idempotency-Key": fmt.Sprintf("order-%d", *n)}
	}
	return r
}

// fails sends a request while all calls of an action fail, and again when they work.
func (f *fixture) fails(r request, action string, fault *lambdatest.Fault, want kind) {
	f.t.Helper()
	f.handler = f.start() // without a count of before
	f.aws.Misbehave(func(c lambdatest.Call) *lambdatest.Fault {
		if c.Action == action {
			return fault
		}
		return nil
	})
	got := f.ask(r)
	f.aws.Misbehave(nil)
	if action == "dynamodb:UpdateItem" && strings.HasSuffix(r.path, "/commands") {
		answered[Command](got, http.StatusAccepted) // the command was sent, so that is what is said
	} else {
		got.wantProblem(want)
	}
	if again := f.ask(r); again.status >= 300 {
		f.t.Errorf("afterwards: %d %s", again.status, again.body)
	}
}

// A command that a caller repeats until it hears 202 is one command, and the device gets it, whichever request to AWS
// fails before or after it took effect.
func TestNoCommandIsLost(t *testing.T) {
	f := newFixture(t, nil)
	f.device("soil-001", contract.StatusOnline)
	n := 0
	for _, action := range []string{"dynamodb:GetItem", "dynamodb:TransactWriteItems", "iot:Publish",
		"dynamodb:UpdateItem"} {
		for name, fault := range map[string]*lambdatest.Fault{"before": lambdatest.Closed, "after": lambdatest.Lost,
			"throttled": lambdatest.Throttle} {
			for _, tries := range []int{1, 3, 4, 7} { // of the action: 3 are one request of the caller
				n++
				key, body := fmt.Sprintf("order-%d", n), fmt.Sprintf(`{"order":%d}`, n)
				left := tries
				f.aws.Misbehave(func(c lambdatest.Call) *lambdatest.Fault {
					if c.Action != action || left == 0 {
						return nil
					}
					left--
					return fault
				})
				f.arrives(fmt.Sprintf("%s fails %s, %d times", action, name, tries), key, body)
				f.aws.Misbehave(nil)
			}
		}
	}
	commands := 0
	cursor := ""
	for {
		page := get[Commands](f, commandsPath+"?limit=100"+cursor)
		commands += len(page.Commands)
		if page.Cursor == "" {
			break
		}
		cursor = "&cursor=" + page.Cursor
	}
	if commands != n {
		t.Errorf("%d commands of %d keys", commands, n)
	}
}

// arrives repeats a command until it is accepted, and looks at what the device got.
func (f *fixture) arrives(why, key, body string) {
	f.t.Helper()
	before := len(f.moto.Published(f.t))
	var c Command
	for attempt := 1; ; attempt++ {
		r := f.send(key, body)
		if r.status == http.StatusAccepted {
			c = answered[Command](r, http.StatusAccepted)
			break
		}
		if r.status != http.StatusServiceUnavailable && r.status != http.StatusTooManyRequests || attempt > 5 {
			f.t.Fatalf("%s: answer %d %s", why, r.status, r.body)
		}
	}
	messages := f.moto.Published(f.t)[before:]
	if len(messages) == 0 {
		f.t.Errorf("%s: accepted and never published", why)
	}
	for _, m := range messages {
		if m.Payload != string(c.Payload) {
			f.t.Errorf("%s: published %s, accepted %s", why, m.Payload, c.Payload)
		}
	}
}

// When the note that a command was sent fails, the device's answer still counts, and until then the command is pending.
func TestACommandWhoseNoteIsLost(t *testing.T) {
	f := newFixture(t, nil)
	f.device("soil-001", contract.StatusOnline)
	f.aws.Misbehave(func(c lambdatest.Call) *lambdatest.Fault {
		if c.Action == "dynamodb:UpdateItem" {
			return lambdatest.Internal
		}
		return nil
	})
	c := answered[Command](f.send("", "{}"), http.StatusAccepted)
	f.aws.Misbehave(nil)
	if got := get[Command](f, commandsPath+"/"+c.ID); got.Status != contract.CommandPending {
		t.Errorf("status %s", got.Status)
	}
	f.answers(c, contract.CommandFailed, `{"status":"failed","message":"no water"}`)
	if got := get[Command](f, commandsPath+"/"+c.ID); got.Status != contract.CommandFailed {
		t.Errorf("status %s", got.Status)
	}
}

// A key whose command was not sent in time does not send it late.
func TestAKeyOfACommandThatExpiredUnsent(t *testing.T) {
	f := newFixture(t, nil)
	f.device("soil-001", contract.StatusOnline)
	f.aws.Misbehave(func(c lambdatest.Call) *lambdatest.Fault {
		if c.Action == "iot:Publish" {
			return lambdatest.Internal
		}
		return nil
	})
	f.send("order-7", "{}").wantProblem(unavailable)
	f.aws.Misbehave(nil)
	f.clock = f.clock.Add(2 * 3600e9)
	f.send("order-7", "{}").wantProblem(commandExpired)
	if n := len(f.moto.Published(t)); n != 0 {
		t.Errorf("%d messages", n)
	}
}

// A service that does not answer costs the caller a bounded time.
func TestAServiceThatHangs(t *testing.T) {
	f := newFixture(t, nil)
	f.aws.Misbehave(func(lambdatest.Call) *lambdatest.Fault { return lambdatest.Hung })
	f.ask(request{method: http.MethodGet, path: "/v1/devices"}).wantProblem(unavailable)
}
