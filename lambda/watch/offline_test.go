package watch

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// lost writes a device whose connection has ended; farewell is how long ago it said that it goes offline, 0: never.
func (f *fixture) lost(thing string, seen, farewell time.Duration) {
	f.ended(thing, seen, farewell, "")
}

// ended also has the reason why the connection ended.
func (f *fixture) ended(thing string, seen, farewell time.Duration, reason string) {
	f.t.Helper()
	item := values{
		contract.StatusAttribute:   text(contract.StatusOffline),
		contract.LastSeenAttribute: millis(f.clock.Add(-seen)), "status_at": millis(f.clock.Add(-seen)),
	}
	if farewell != 0 {
		item[contract.FarewellAttribute] = millis(f.clock.Add(-farewell))
	}
	if reason != "" {
		item[contract.ConnectedAttribute] = &types.AttributeValueMemberBOOL{Value: false}
		item[contract.DisconnectReasonAttribute] = text(reason)
	}
	f.put(thing, item)
}

// The last will on the status topic says offline as the device itself does. AWS IoT says which of the two it was.
func TestLastWillsAreNoFarewells(t *testing.T) {
	f := newFixture(t, nil)
	const late = 11 * time.Minute
	f.ended("left", late, late, "CLIENT_INITIATED_DISCONNECT")
	f.ended("broke", late, late, "CONNECTION_LOST")
	f.ended("asleep", late, 0, "CLIENT_INITIATED_DISCONNECT")
	f.mustRun()
	want := map[string]string{"broke": `"CONNECTION_LOST"`, "asleep": `"CLIENT_INITIATED_DISCONNECT"`}
	for _, n := range f.notices() {
		if reason := string(n.Values["disconnect_reason"]); reason != want[n.Thing] {
			t.Errorf("the notice of %s has the reason %s", n.Thing, reason)
		}
		delete(want, n.Thing)
	}
	if len(want) > 0 {
		t.Errorf("nobody was told of %v", want)
	}
}

// A device whose connection ends is offline. Unless it said that it leaves, people hear of it as of any other that sends
// nothing. One that sleeps between its messages, and disconnects each time, is not silent while it wakes in time.
func TestDevicesWhoseConnectionEnded(t *testing.T) {
	f := newFixture(t, nil)
	f.lost("broken", 10*time.Minute+time.Second, 0)
	f.lost("broken-after-a-farewell", 11*time.Minute, time.Hour) // it has sent something since
	f.lost("switched-off", 11*time.Minute, 11*time.Minute)
	f.lost("sleeping", 0, 0)
	f.mustRun()
	f.wantTold("of those that left unsaid", "alert broken: broken has sent nothing for 10 minutes",
		"alert broken-after-a-farewell: broken-after-a-farewell has sent nothing for 11 minutes")
	for range 20 { // it sends every nine minutes
		f.minute()
		if f.clock.Minute()%9 == 0 {
			f.lost("sleeping", 0, 0)
		}
		f.mustRun()
	}
	f.wantTold("nothing happens")
	f.lost("sleeping", 0, 0)
	for range 11 { // its battery is empty
		f.minute()
		f.mustRun()
	}
	f.wantTold("it stays asleep", "alert sleeping: sleeping has sent nothing for 11 minutes")
	if got := f.status("switched-off"); got != contract.StatusOffline {
		t.Errorf("switched-off is %s", got)
	}
}

// A fleet that said goodbye is read when it comes to the limit, and not once a minute ever after.
func TestTheWorkDoesNotGrowWithOfflineDevices(t *testing.T) {
	f := newFixture(t, nil)
	for i := range 50 {
		f.lost(fmt.Sprintf("soil-%03d", i), time.Hour, time.Hour)
	}
	f.mustRun()
	before := len(f.aws.Calls(queryIndex))
	f.minute()
	f.mustRun()
	read := 0
	for _, call := range f.aws.Calls(queryIndex)[before:] {
		var in struct {
			Select                    string
			ExpressionAttributeValues map[string]map[string]string
		}
		if err := json.Unmarshal(call.Body, &in); err != nil {
			t.Fatal(err)
		}
		if in.Select == "" && in.ExpressionAttributeValues[":status"]["S"] == contract.StatusOffline {
			read++
			since := in.ExpressionAttributeValues[":since"]["N"]
			if want := f.clock.Add(-time.Minute - 10*time.Minute - contract.OfflineMargin - contract.MaxSlot); since !=
				fmt.Sprint(want.UnixMilli()) {
				t.Errorf("offline devices are read from %s on, want %d", since, want.UnixMilli())
			}
		}
	}
	if read != 1 {
		t.Errorf("%d queries of offline devices, want 1", read)
	}
}

// What a run has not looked at, the next one does: after a failure, an hour without a run, and a shorter limit.
func TestOfflineDevicesAreNotMissed(t *testing.T) {
	f := newFixture(t, nil)
	f.mustRun()
	f.lost("first", 10*time.Minute, 0)
	f.lost("second", 30*time.Minute, 0)
	f.aws.Misbehave(func(c lambdatest.Call) *lambdatest.Fault {
		if c.Action == queryIndex {
			return lambdatest.Denied
		}
		return nil
	})
	if err := f.run(); err == nil {
		t.Fatal("a run that cannot look reports no error")
	}
	f.aws.Misbehave(nil)
	f.clock = f.clock.Add(time.Hour)
	f.lost("second", time.Hour+time.Minute, 0)
	f.mustRun()
	f.wantTold("after an hour", "alert first: first has sent nothing for 70 minutes",
		"alert second: second has sent nothing for 61 minutes")

	f.limits(contract.Silence{Version: contract.SilenceVersion, Minutes: 120})
	f.mustRun()
	f.lost("third", 50*time.Minute, 0)
	f.minute()
	f.mustRun()
	f.wantTold("it may be silent for two hours")
	f.limits(contract.Silence{Version: contract.SilenceVersion, Minutes: 20})
	f.minute()
	f.mustRun()
	f.wantTold("with a shorter limit", "alert third: third has sent nothing for 52 minutes")
}

// A device comes back while the run looks.
func TestAnOfflineDeviceThatJustReturns(t *testing.T) {
	f := newFixture(t, nil)
	f.lost("soil-001", 11*time.Minute, 0)
	f.aws.Misbehave(func(c lambdatest.Call) *lambdatest.Fault {
		if c.Action == queryIndex {
			return nil
		}
		f.device("soil-001", contract.StatusOnline, 0)
		return nil
	})
	f.mustRun()
	f.wantTold("it is back")
}
