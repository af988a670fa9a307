package watch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// TestBootstrap drives the binary that is shipped as Lambda does: one cold start, then many invocations in one process,
// among them events without a time, and calls that fail. Its clock is the machine's.
func TestBootstrap(t *testing.T) {
	f := newFixture(t, nil)
	f.clock = time.Now()
	function := lambdatest.StartFunction(t, lambdatest.Compile(t, "watch"), f.aws.Env(nil))
	ask := func(event string) lambdatest.Reply {
		t.Helper()
		return function.Invoke([]byte(event), 20*time.Second)
	}
	at := func(ago time.Duration) string {
		return fmt.Sprintf(`{"scheduled_time":%q}`, time.Now().Add(-ago).UTC().Format(time.RFC3339))
	}
	scheduled := func() string { return at(0) }
	f.device("soil-001", contract.StatusOnline, 12*time.Minute)
	f.lost("soil-002", 13*time.Minute, 0)
	f.returns("soil-003", 30*time.Minute)
	if reply := ask(at(time.Minute)); reply.Failed || string(reply.Body) != "null" {
		t.Fatalf("the function answers %s", reply.Body)
	}
	f.wantTold("the first run", "alert soil-001: soil-001 has sent nothing for 11 minutes",
		"alert soil-002: soil-002 has sent nothing for 12 minutes",
		"resolved soil-003: soil-003 sends again, after 30 minutes")
	for _, event := range []string{scheduled(), `null`, ``, `{"scheduled_time":"soon"}`, `[]`} {
		if reply := ask(event); reply.Failed {
			t.Fatalf("event %q: the function failed: %s", event, reply.Body)
		}
	}
	f.wantTold("the runs after it")

	f.device("soil-004", contract.StatusOnline, time.Hour)
	f.aws.Misbehave(func(c lambdatest.Call) *lambdatest.Fault {
		if c.Action == publish {
			return lambdatest.Denied
		}
		return nil
	})
	if reply := ask(scheduled()); !reply.Failed {
		t.Errorf("people cannot be told, and the function answers %s", reply.Body)
	}
	f.aws.Misbehave(nil)
	if reply := ask(scheduled()); reply.Failed {
		t.Fatalf("the function failed: %s", reply.Body)
	}
	f.wantTold("what could not be told before", "alert soil-004: soil-004 has sent nothing for 60 minutes")
	for line := range strings.Lines(function.Output()) {
		if !strings.HasPrefix(line, "{") && !strings.Contains(line, `"errorMessage":"publishing alert`) {
			t.Errorf("output that is not a JSON line: %s", line)
		}
	}
}

// TestBootstrapSaysWhatIsMissing starts it without an environment.
func TestBootstrapSaysWhatIsMissing(t *testing.T) {
	function := lambdatest.StartFunction(t, lambdatest.Compile(t, "watch"), nil)
	if err := function.Wait(); err == nil || !strings.Contains(function.Output(), "IOT_DEVICE_TABLE is not set") {
		t.Errorf("it ended with %v and said: %s", err, function.Output())
	}
}
