package watch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

const (
	updateItem = "dynamodb:UpdateItem"
	deleteItem = "dynamodb:DeleteItem"
	getItem    = "dynamodb:GetItem"
	queryIndex = "dynamodb:Query"
	getItems   = "dynamodb:BatchGetItem"
	publish    = "sns:Publish"
)

// Whatever fails, and however: when it works again, each device has its status and people have been told of each, at
// least once, and of none without reason.
func TestFaults(t *testing.T) {
	faults := map[string]*lambdatest.Fault{
		"throttles": lambdatest.Throttle, "answers 500": lambdatest.Internal, "refuses the role": lambdatest.Denied,
		"closes the connection": lambdatest.Closed, "loses the answer": lambdatest.Lost, "hangs": lambdatest.Hung,
	}
	for _, action := range []string{updateItem, deleteItem, getItem, getItems, queryIndex, publish} {
		for name, fault := range faults {
			t.Run(strings.ReplaceAll(action, ":", " ")+" "+name, func(t *testing.T) {
				t.Parallel()
				survives(t, action, fault)
			})
		}
	}
}

// survives makes every second call of an action fail in one run, all of them in the next one, and none afterwards.
func survives(t *testing.T, action string, fault *lambdatest.Fault) {
	f := newFixture(t, nil)
	f.limits(contract.Silence{Version: contract.SilenceVersion, Minutes: 10, Devices: map[int64][]string{5: {"soil-020"}}})
	f.device("soil-020", contract.StatusOnline, 6*time.Minute)
	for i := range 3 {
		f.device(fmt.Sprintf("soil-%03d", i), contract.StatusOnline, 11*time.Minute)
	}
	f.device("soil-010", contract.StatusOnline, 0)
	f.returns("soil-011", time.Hour)
	for _, every := range []int{2, 1} {
		f.aws.Misbehave(func(c lambdatest.Call) *lambdatest.Fault {
			if c.Action == action && c.Attempt%every == 0 {
				return fault
			}
			return nil
		})
		_ = f.runOn(f.handler, f.clock, time.Second) // whether it fails depends on the fault
		f.minute()
	}
	f.aws.Misbehave(nil)
	f.minute() // the lease of a run that could not end is over
	f.mustRun()
	f.minute()
	told := strings.Join(f.told(), "\n")
	for _, want := range []string{"alert soil-000:", "alert soil-001:", "alert soil-002:", "alert soil-020:", "resolved soil-011:"} {
		if !strings.Contains(told, want) {
			t.Errorf("nobody was told %q in:\n%s", want, told)
		}
	}
	if strings.Contains(told, "soil-010") || strings.Contains(told, "alert soil-011") {
		t.Errorf("told of a device that is online:\n%s", told)
	}
	for i := range 3 {
		if got := f.status(fmt.Sprintf("soil-%03d", i)); got != contract.StatusSilent {
			t.Errorf("soil-%03d is %s", i, got)
		}
	}
	f.mustRun()
	f.wantTold("afterwards it is quiet")
}
