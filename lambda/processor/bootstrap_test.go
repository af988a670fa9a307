package processor

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// TestBootstrap drives the binary that is shipped as Lambda does: one cold start, then many invocations in one
// process, among them events that are none, poison, and deadlines that are about to pass.
func TestBootstrap(t *testing.T) {
	aws := lambdatest.StartAWS(t)
	function := lambdatest.StartFunction(t, lambdatest.Compile(t, "processor"), aws.Env(nil))
	ask := func(event []byte, left time.Duration) string {
		t.Helper()
		reply := function.Invoke(event, left)
		if reply.Failed {
			t.Fatalf("the function failed: %s", reply.Body)
		}
		return reported(t, reply.Body)
	}
	for round := range 20 {
		if failed := ask(fleet(), 10*time.Second); failed != "" {
			t.Fatalf("round %d: failed from %s", round, failed)
		}
		for _, event := range []string{`{"Records":`, `null`, ``, `{"detail-type":"Scheduled Event"}`} {
			if reply := function.Invoke([]byte(event), 10*time.Second); !reply.Failed ||
				!bytes.Contains(reply.Body, []byte("reading the event of a stream or a queue")) {
				t.Fatalf("event %q: reply %s, want an error that says what is wrong", event, reply.Body)
			}
		}
	}
	if n := len(aws.Records()); n != 10 {
		t.Errorf("%d records after 20 replays of 10", n)
	}
	if failed := ask(poisoned(), 10*time.Second); failed != "" {
		t.Errorf("poison blocks the shard from %s", failed)
	}
	if got := letters(t, aws); len(got) != 2 {
		t.Errorf("dead letters %v, want two", got)
	}

	// A deadline that is about to pass: the answer must be there before it, and name what was not done.
	before := len(aws.Calls(""))
	if failed := ask(fleet(), 150*time.Millisecond); failed != "1" {
		t.Errorf("with no time left the function reports %q, want the first record", failed)
	}
	if n := len(aws.Calls("")) - before; n != 0 {
		t.Errorf("with no time left the function made %d calls", n)
	}
	aws.Misbehave(only(writeRecords, 0, lambdatest.Hung))
	if failed := ask(fleet(), time.Second); failed != "1" {
		t.Errorf("with a store that never answers the function reports %q, want the first record", failed)
	}
	aws.Misbehave(nil)
	if failed := ask(fleet(), 10*time.Second); failed != "" {
		t.Errorf("after that the function reports %q", failed)
	}
	for line := range strings.Lines(function.Output()) {
		if !strings.HasPrefix(line, "{") && !strings.Contains(line, "reading the event of a stream or a queue") {
			t.Errorf("output that is not a JSON line: %s", line)
		}
	}
}

// TestBootstrapSaysWhatIsMissing starts it without an environment.
func TestBootstrapSaysWhatIsMissing(t *testing.T) {
	function := lambdatest.StartFunction(t, lambdatest.Compile(t, "processor"), nil)
	if err := function.Wait(); err == nil ||
		!strings.Contains(function.Output(), "IOT_DEAD_LETTER_QUEUE_URL is not set") {
		t.Errorf("it ended with %v and said: %s", err, function.Output())
	}
}
