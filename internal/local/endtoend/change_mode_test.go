package endtoend_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

// A pipeline changes from a stream to a queue and back while a device sends: every message is stored and archived, none
// becomes a dead letter, and the device stays connected with the certificate that it has.
func TestChangeOfModeUnderLoad(t *testing.T) {
	const batches = "processor  = { batch_window_seconds = 0 }"
	with := func(stream string) string {
		return strings.ReplaceAll(strings.Replace(pipeline, batches, "stream = "+stream+
			"\n  processor = { batch_size = 10, batch_window_seconds = 0, max_retries = 50 }", 1), "NAME", name)
	}
	if !strings.Contains(pipeline, batches) {
		t.Fatal("the pipeline of the tests says something else about batches")
	}
	w := deploy(t, with(`{ mode = "on_demand" }`))
	d := w.connect(t, "soil-001")
	stop, sent := make(chan struct{}), make(chan int)
	const at = 1767225600000 // 2026-01-01T00:00:00Z in milliseconds
	payload := func(n int) string { return fmt.Sprintf(`{"timestamp":%d,"data":{"n":%d}}`, at+n, n) }
	go func() {
		n := 0
		defer func() { sent <- n }()
		pace := time.NewTicker(50 * time.Millisecond) // faster, messages pile up while an apply takes its time
		defer pace.Stop()
		for {
			select {
			case <-stop:
				return
			case <-pace.C:
			}
			if token := d.Publish(d.Topics.Telemetry, 1, false, payload(n)); !token.WaitTimeout(patience) ||
				token.Error() != nil {
				t.Errorf("message %d: %v", n, token.Error())
				return
			}
			n++
		}
	}()
	// written waits until rules have written to such a target twenty times more.
	written := func(kind string) {
		by := func(e runlog.Event) bool {
			return strings.HasSuffix(e.Rule, "_telemetry") && e.Action == kind && e.Error == "" && e.Detail == ""
		}
		w.await(t, w.count(by)+20, by)
	}
	written("kinesis")
	for _, change := range []struct{ stream, writes string }{
		{`{ mode = "queue", drain = true }`, "sqs"},
		{`{ mode = "on_demand", drain = true }`, "kinesis"},
		{`{ mode = "queue", drain = true }`, "sqs"},
	} {
		w.configure(with(change.stream))
		w.Apply()
		written(change.writes)
	}
	close(stop)
	n := <-sent
	w.drain(t)
	if n < 80 {
		t.Fatalf("only %d messages were sent", n)
	}
	stored, archived := w.stored(t, "soil-001"), w.archived(t, "soil-001")
	for i := range n {
		if got := stored[fmt.Sprint(at+i)]["n"]; got != fmt.Sprintf("%d DOUBLE", i) {
			t.Errorf("message %d of %d is stored as %q", i, n, got)
		}
		if archived[payload(i)] == 0 {
			t.Errorf("message %d of %d is not in the archive", i, n)
		}
	}
	if letters := w.letters(t); letters != 0 {
		t.Errorf("%d dead letters", letters)
	}
	// What drained is empty: its end loses nothing.
	w.configure(with(`{ mode = "queue" }`))
	w.Apply()
	if d.IsConnected() {
		d.send(t, payload(n))
	} else {
		t.Error("the device has lost its connection")
	}
	w.drain(t)
	if got := w.stored(t, "soil-001")[fmt.Sprint(at+n)]["n"]; got != fmt.Sprintf("%d DOUBLE", n) {
		t.Errorf("the message after the end of the stream is stored as %q", got)
	}
}

// configure replaces the configuration.
func (w *deployment) configure(pipeline string) {
	w.Write("main.tf", tftest.Header+"provider \"iot\" {\n  s3_use_path_style = true\n}\n\n"+pipeline)
}
