package watch

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/notice"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

func TestADeviceFallsSilentAndReturns(t *testing.T) {
	f := newFixture(t, nil)
	f.device("soil-001", contract.StatusOnline, 10*time.Minute+time.Second)
	f.device("soil-002", contract.StatusOnline, 9*time.Minute+59*time.Second)
	f.device("soil-003", contract.StatusOffline, time.Hour)
	f.mustRun()
	f.wantTold("a device is silent", "alert soil-001: soil-001 has sent nothing for 10 minutes")
	for thing, want := range map[string]string{"soil-001": "silent", "soil-002": "online", "soil-003": "offline"} {
		if got := f.status(thing); got != want {
			t.Errorf("%s is %s, want %s", thing, got, want)
		}
	}
	f.clock = f.clock.Add(500 * time.Millisecond)
	f.mustRun()
	f.wantTold("people hear of it once")
	f.minute()
	f.device("soil-002", contract.StatusOnline, 0)
	f.returns("soil-001", 12*time.Minute)
	f.mustRun()
	f.wantTold("it returns", "resolved soil-001: soil-001 sends again, after 12 minutes")
	f.minute()
	f.mustRun()
	f.wantTold("and once of its return")
	if got := f.status(contract.ReturnedPrefix + "soil-001"); got != "" {
		t.Errorf("the note of the return is still there, with status %s", got)
	}
}

func TestTheNoticeOfOneDevice(t *testing.T) {
	f := newFixture(t, nil)
	f.device("soil-001", contract.StatusOnline, 11*time.Minute)
	f.mustRun()
	want := []notice.Notice{{
		Pipeline: "greenhouse", Rule: "silent", Severity: "warning", State: "alert", Thing: "soil-001",
		Message: "soil-001 has sent nothing for 11 minutes", When: "no message for 10 minutes",
		Time: "2026-01-01T12:00:00.000Z", ReceivedAt: "2026-01-01T12:00:00.000Z",
		Values: map[string]json.RawMessage{"last_seen": json.RawMessage(`"2026-01-01T11:49:00.000Z"`)},
	}}
	if diff := cmp.Diff(want, f.notices()); diff != "" {
		t.Errorf("notice (-want +got):\n%s", diff)
	}
}

func TestReturnsNeedNotBeTold(t *testing.T) {
	f := newFixture(t, map[string]string{contract.EnvNotifyReturn: "false"})
	f.returns("soil-001", time.Hour)
	f.mustRun()
	f.wantTold("returns are not told")
	if got := f.status(contract.ReturnedPrefix + "soil-001"); got != "" {
		t.Errorf("the note of the return is still there, with status %s", got)
	}
}

func TestManyDevicesAreOneNotice(t *testing.T) {
	f := newFixture(t, nil)
	for i := range 30 {
		f.device(fmt.Sprintf("soil-%03d", i), contract.StatusOnline, 11*time.Minute)
	}
	f.mustRun()
	all := f.notices()
	if len(all) != 1 || all[0].Count != 30 || len(all[0].Things) != maxNames || all[0].Things[0] != "soil-000" {
		t.Fatalf("notices %+v, want one of 30 devices that names the first %d", all, maxNames)
	}
	f.wantTold("a site goes dark", "alert : 30 devices have sent nothing for too long")
	f.minute()
	for i := range 30 {
		f.returns(fmt.Sprintf("soil-%03d", i), 12*time.Minute)
	}
	f.mustRun()
	f.wantTold("and returns", "resolved : 30 devices send again")
}

// The schedule stood still for an hour, in which devices fell silent one after the other; some have returned.
func TestAfterAnHourWithoutARunThereIsNoStorm(t *testing.T) {
	f := newFixture(t, nil)
	f.mustRun()
	f.clock = f.clock.Add(time.Hour)
	for i := range 60 {
		f.device(fmt.Sprintf("soil-%03d", i), contract.StatusOnline, time.Duration(i)*time.Minute)
	}
	f.mustRun()
	f.wantTold("after an hour", "alert : 49 devices have sent nothing for too long")
	f.minute()
	f.mustRun()
	f.wantTold("the next minute has its own", "alert soil-010: soil-010 has sent nothing for 11 minutes")
}

func TestTwoRunsAtOnceTellEachDeviceOnce(t *testing.T) {
	f := newFixture(t, nil)
	for i := range 4 {
		f.device(fmt.Sprintf("soil-%03d", i), contract.StatusOnline, 11*time.Minute)
	}
	other := f.start(nil)
	var both sync.WaitGroup
	for i, h := range []*handler{f.handler, other} {
		both.Go(func() {
			if err := f.invoke(h, fmt.Sprintf("at-once-%d", i), f.clock, 20*time.Second); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	got := f.told()
	slices.Sort(got)
	for i, line := range got {
		if len(got) != 4 || !strings.HasPrefix(line, fmt.Sprintf("alert soil-%03d:", i)) {
			t.Fatalf("notices %v, want one of each device", got)
		}
	}
}

// A run that died holds the lease until its time is over; then another one works, and tells what that one left.
func TestARunThatDied(t *testing.T) {
	f := newFixture(t, nil)
	f.device("soil-001", contract.StatusOnline, 11*time.Minute)
	f.aws.Misbehave(func(c lambdatest.Call) *lambdatest.Fault {
		if c.Action == "sns:Publish" || c.Action == updateItem && strings.Contains(string(c.Body), "REMOVE") ||
			c.Action == updateItem && strings.Contains(string(c.Body), ":free") {
			return lambdatest.Denied // it marks the device, and then neither tells anybody nor ends
		}
		return nil
	})
	if err := f.run(); err == nil {
		t.Fatal("the run that cannot tell anybody reports no error")
	}
	f.aws.Misbehave(nil)
	if got := f.status("soil-001"); got != contract.StatusSilent {
		t.Fatalf("soil-001 is %s", got)
	}
	f.clock = f.clock.Add(5 * time.Second)
	f.mustRun()
	f.wantTold("another run leaves the work to the first one")
	f.minute()
	f.mustRun()
	f.wantTold("then the next one does it", "alert soil-001: soil-001 has sent nothing for 12 minutes")
	f.minute()
	f.mustRun()
	f.wantTold("once")
}

func TestClocksThatJump(t *testing.T) {
	f := newFixture(t, nil)
	f.device("soil-001", contract.StatusOnline, time.Minute)
	at := f.clock
	f.clock = at.Add(3 * time.Hour)
	if err := f.runOn(f.handler, at, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	f.wantTold("the function's clock is ahead of the schedule's")
	f.clock = at.Add(-3 * time.Hour)
	if err := f.runOn(f.handler, at.Add(time.Minute), 20*time.Second); err != nil {
		t.Fatal(err)
	}
	f.wantTold("the function's clock is behind")
	f.clock = at.Add(11 * time.Minute)
	f.mustRun()
	f.wantTold("the clocks are right again", "alert soil-001: soil-001 has sent nothing for 12 minutes")
}

// A run that died while its clock was ahead must not hold the lease until the time that it took for now.
func TestALeaseFromAClockThatWasAhead(t *testing.T) {
	f := newFixture(t, nil)
	f.put(contract.WatchItem, values{"lease": millis(f.clock.Add(3 * time.Hour)), "holder": text("gone")})
	f.device("soil-001", contract.StatusOnline, 11*time.Minute)
	f.mustRun()
	f.wantTold("the lease is taken over", "alert soil-001: soil-001 has sent nothing for 11 minutes")
}

// A message arrives after the function has looked, and before it marks: the device is not silent.
func TestAMessageThatJustArrives(t *testing.T) {
	f := newFixture(t, nil)
	f.device("soil-001", contract.StatusOnline, 11*time.Minute)
	f.device("soil-002", contract.StatusOnline, 11*time.Minute)
	var once sync.Once
	f.aws.Misbehave(func(c lambdatest.Call) *lambdatest.Fault {
		if c.Action == updateItem && strings.Contains(string(c.Body), `"soil-001"`) {
			once.Do(func() { f.device("soil-001", contract.StatusOnline, 0) })
		}
		return nil
	})
	f.mustRun()
	f.wantTold("only the other one is silent", "alert soil-002: soil-002 has sent nothing for 11 minutes")
	if got := f.status("soil-001"); got != contract.StatusOnline {
		t.Errorf("soil-001 is %s", got)
	}
}

func TestGaugesEveryFiveMinutes(t *testing.T) {
	f := newFixture(t, nil)
	var out strings.Builder
	f.out = &out
	described := int64(9)
	f.limits(contract.Silence{Version: contract.SilenceVersion, Minutes: 10, Described: &described})
	f.device("soil-001", contract.StatusOnline, 0)
	f.device("soil-002", contract.StatusOffline, time.Hour)
	f.device("soil-003", contract.StatusSilent, time.Hour)
	f.device("soil-004", contract.StatusSilent, time.Hour)
	counted := 0
	for range 11 {
		out.Reset()
		f.mustRun()
		f.device("soil-001", contract.StatusOnline, 0)
		f.minute()
		if strings.Contains(out.String(), "DevicesOnline") {
			counted++
			if !strings.Contains(out.String(), `"DevicesOnline":1,`) ||
				!strings.Contains(out.String(), `"DevicesSilent":2,`) ||
				!strings.Contains(out.String(), `"DevicesOffline":1,`) ||
				!strings.Contains(out.String(), `"DevicesNeverSeen":5,`) {
				t.Errorf("gauges:\n%s", out.String())
			}
		}
	}
	if counted != 3 {
		t.Errorf("counted %d times in eleven minutes, want 3", counted)
	}
}

func TestEnvironmentIsCheckedAtStart(t *testing.T) {
	for name, value := range map[string]string{contract.EnvPipeline: "", contract.EnvDeviceTable: "",
		contract.EnvAlertTopicARN: "", "AWS_REGION": "", contract.EnvNotifyReturn: "perhaps"} {
		_, err := newHandler((&lambdatest.AWS{URL: "http://127.0.0.1:1"}).Getenv(map[string]string{name: value}),
			io.Discard)
		if err == nil || !strings.Contains(err.Error(), name+" is") {
			t.Errorf("with %s = %q: error %v", name, value, err)
		}
	}
}

func TestLimitsThatCannotBeRead(t *testing.T) {
	f := newFixture(t, nil)
	for document, want := range map[string]string{
		`{"version":2,"minutes":10}`: "has version 2", `{"version":1,"minutes":0}`: "0 minutes", "": "apply the pipeline",
	} {
		f.put(contract.SilenceItem, values{contract.DocumentAttribute: text(document)})
		if err := f.run(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", document, err, want)
		}
	}
	f.limits(contract.Silence{Version: 1, Minutes: 10})
	f.mustRun() // the failed runs gave the lease back
}

// TestCallsNoMoreThanItsPolicyAllows compares the calls of a run that has everything to do with the list that the
// provider writes the policy document from, both ways.
func TestCallsNoMoreThanItsPolicyAllows(t *testing.T) {
	f := newFixture(t, nil)
	f.limits(contract.Silence{Version: contract.SilenceVersion, Minutes: 10, Devices: map[int64][]string{5: {"soil-001"}}})
	f.device("soil-001", contract.StatusOnline, 11*time.Minute)
	f.returns("soil-002", time.Hour)
	f.mustRun()
	var allowed []string
	for _, need := range needs.Of("watch") {
		if !need.ByLambda {
			allowed = append(allowed, need.Action)
		}
	}
	slices.Sort(allowed)
	if diff := cmp.Diff(allowed, f.aws.Actions()); diff != "" {
		t.Errorf("the policy allows (-), the function calls (+):\n%s", diff)
	}
	for _, call := range f.aws.Calls("dynamodb:Query") {
		var in struct{ IndexName string }
		if err := json.Unmarshal(call.Body, &in); err != nil || in.IndexName != contract.StatusIndex {
			t.Errorf("a query of %q, %v: the policy allows the index only", in.IndexName, err)
		}
	}
}
