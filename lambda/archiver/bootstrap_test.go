package archiver

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// TestBootstrap drives the binary that is shipped as Lambda does: one cold start, then many invocations in one process,
// among them events that are none, and poison.
func TestBootstrap(t *testing.T) {
	function := lambdatest.StartFunction(t, lambdatest.Compile(t, "archiver"), map[string]string{
		contract.EnvPipeline: "greenhouse"})
	for round := range 20 {
		reply := function.Invoke(event(`{"round":1}`, "poison", `[{"a":1},{"a":2}]`), 10*time.Second)
		if reply.Failed {
			t.Fatalf("the function failed: %s", reply.Body)
		}
		answers := parse(t, reply.Body)
		if len(answers) != 3 {
			t.Fatalf("round %d: %d answers", round, len(answers))
		}
		for i, kinds := range [][]string{{"telemetry"}, {"other"}, {"telemetry", "telemetry"}} {
			rows := rowsOf(t, answers[i])
			if len(rows) != len(kinds) || rows[0].Kind != kinds[0] || rows[0].SequenceNumber == "" {
				t.Fatalf("round %d: record %d has the rows %+v", round, i, rows)
			}
		}
		for _, event := range []string{`{"records":`, `null`, ``, `{"Records":[]}`} {
			if reply := function.Invoke([]byte(event), 10*time.Second); !reply.Failed ||
				!bytes.Contains(reply.Body, []byte("reading the Firehose event")) {
				t.Fatalf("event %q: reply %s, want an error that says what is wrong", event, reply.Body)
			}
		}
	}
	for line := range strings.Lines(function.Output()) {
		if !strings.HasPrefix(line, "{") && !strings.Contains(line, "reading the Firehose event") {
			t.Errorf("output that is not a JSON line: %s", line)
		}
	}
}

// TestBootstrapSaysWhatIsWrong starts it with an environment that it cannot use.
func TestBootstrapSaysWhatIsWrong(t *testing.T) {
	function := lambdatest.StartFunction(t, lambdatest.Compile(t, "archiver"), map[string]string{
		contract.EnvTelemetry: "{"})
	if err := function.Wait(); err == nil || !strings.Contains(function.Output(), "reading the archiver's environment") {
		t.Errorf("it ended with %v and said: %s", err, function.Output())
	}
}
