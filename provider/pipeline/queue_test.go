package pipeline_test

import (
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/awstest"
)

// queued is a pipeline with a queue in place of the stream.
func queued() map[string]string {
	return map[string]string{
		"name": `"greenhouse"`, "devices": `{ "soil-001" = {} }`, "stream": `{ mode = "queue" }`,
		"processor": `{ max_concurrency = 3 }`, "monitoring": `{}`, "api": `{}`,
	}
}

// What a queue adds is repaired and re-created like everything else, and the mode cannot change.
func TestQueue(t *testing.T) {
	w := newLocalAWS(t)
	config := w.config(block(queued()))
	streamed := queued()
	delete(streamed, "stream")
	delete(streamed, "processor")
	state := &recorded{}
	remove := func(keys ...string) { w.Remove(t, state.owner, state.under(t, keys)...) }
	drifted := []resource.TestCheckFunc{}
	for _, change := range awstest.QueueTamperings {
		drifted = append(drifted, resource.TestMatchResourceAttr(address, "parts."+change.Part+".status",
			regexp.MustCompile(`^drifted: \w`)))
	}
	w.run(
		resource.TestStep{Config: config, Check: resource.ComposeAggregateTestCheckFunc(state.take,
			resource.TestCheckNoResourceAttr(address, "stream_arn"),
			resource.TestMatchResourceAttr(address, "queue_url", regexp.MustCompile(`/greenhouse-messages$`)))},
		resource.TestStep{
			PreConfig: func() {
				for _, change := range awstest.QueueTamperings {
					change.Do(t, w.Account, state.parts[change.Part])
				}
			},
			RefreshState: true, ExpectNonEmptyPlan: true, Check: resource.ComposeAggregateTestCheckFunc(drifted...),
		},
		repaired(w, config, nil),
		repaired(w, config, func() { remove("queue/event_source", "rule/presence") }),
		resource.TestStep{Config: config, Check: state.take},
		repaired(w, config, func() { remove("queue", "archive/direct") }),
		resource.TestStep{Config: config, PlanOnly: true},
		resource.TestStep{
			Config:      w.config(block(streamed)),
			ExpectError: regexp.MustCompile(`(?s)cannot change between a stream and a queue.*Nothing\s+was changed`),
		},
	)
}
