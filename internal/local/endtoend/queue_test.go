package endtoend_test

import (
	"strings"
	"testing"
)

// TestPipelineWithAQueue: a pipeline with a queue in place of the stream does what one with a stream does.
func TestPipelineWithAQueue(t *testing.T) {
	const batches = "processor  = { batch_window_seconds = 0 }"
	if !strings.Contains(pipeline, batches) {
		t.Fatal("the pipeline of the tests says something else about batches")
	}
	w := deploy(t, strings.ReplaceAll(strings.Replace(pipeline, batches,
		"stream = { mode = \"queue\" }\n  processor = { batch_size = 10, batch_window_seconds = 0, max_retries = 50 }", 1),
		"NAME", name))
	one, two := w.connect(t, "soil-001"), w.connect(t, "soil-002")
	t.Run("every payload shape", func(t *testing.T) { everyShape(t, w, one) })
	t.Run("alerts", func(t *testing.T) { alerts(t, w, one, two) })
	t.Run("what cannot be handled", func(t *testing.T) { badMessages(t, w, one) })
	t.Run("throttled stores", func(t *testing.T) { throttled(t, w, one) })
	t.Run("isolation", func(t *testing.T) { isolation(t, w) })
}
