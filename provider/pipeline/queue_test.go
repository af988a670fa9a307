package pipeline_test

import (
	"fmt"
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

// What a queue adds is repaired and re-created like everything else.
func TestQueue(t *testing.T) {
	w := newLocalAWS(t)
	config := w.config(block(queued()))
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
	)
}

// A living pipeline goes from a stream to a queue and back, in two applies. What drains is repaired meanwhile, and is
// not removed before its time.
func TestChangeOfMode(t *testing.T) {
	w := newLocalAWS(t)
	with := func(stream string, more ...string) string {
		arguments := map[string]string{"name": `"greenhouse"`, "devices": `{ "soil-001" = {} }`, "stream": stream}
		for _, m := range more {
			arguments[m] = "true"
		}
		return w.config(block(arguments))
	}
	const (
		streamed      = `{ mode = "on_demand" }`
		queued        = `{ mode = "queue" }`
		streamDrains  = `{ mode = "queue", drain = true }`
		queueDrains   = `{ mode = "on_demand", drain = true }`
		part          = "parts."
		forceDestroy  = "force_destroy"
		queueMapping  = part + "queue/event_source.id"
		streamMapping = part + "event_source.id"
	)
	state := &recorded{}
	var device, mapping string
	refused := func(config, want string) resource.TestStep {
		return resource.TestStep{Config: config, ExpectError: words(want)}
	}
	both := resource.ComposeAggregateTestCheckFunc(state.take,
		resource.TestCheckResourceAttrSet(address, "stream_arn"),
		resource.TestMatchResourceAttr(address, "queue_url", regexp.MustCompile(`/greenhouse-messages$`)),
		resource.TestCheckResourceAttrWith(address, "identities.soil-001.certificate_id", same(&device)),
		resource.TestCheckResourceAttrWith(address, streamMapping, same(&mapping)))
	w.run(
		resource.TestStep{Config: with(streamed), Check: resource.ComposeAggregateTestCheckFunc(
			resource.TestCheckResourceAttrWith(address, "identities.soil-001.certificate_id", same(&device)),
			resource.TestCheckResourceAttrWith(address, streamMapping, same(&mapping)))},
		refused(with(queued), "The stream would be deleted with what is in it"),
		resource.TestStep{Config: with(streamDrains), Check: both},
		resource.TestStep{Config: with(streamDrains), PlanOnly: true},
		refused(with(queued), "The stream may still hold messages"),
		refused(with(streamed), "The queue would be deleted with what is in it"),
		resource.TestStep{Config: with(queueDrains), Check: both}, // a change of mind loses nothing either
		resource.TestStep{Config: with(queueDrains), PlanOnly: true},
		refused(with(streamed), "25 hours later, something of it may still be under way"),
		resource.TestStep{Config: with(streamDrains), Check: both},
		repaired(w, with(streamDrains), func() {
			w.Remove(t, state.owner, state.under(t, []string{"queue/event_source", "archive/delivery"})...)
		}),
		resource.TestStep{Config: with(streamDrains, forceDestroy), Check: both},
		resource.TestStep{Config: with(queued, forceDestroy), Check: resource.ComposeAggregateTestCheckFunc(
			resource.TestCheckNoResourceAttr(address, "stream_arn"),
			resource.TestCheckNoResourceAttr(address, streamMapping),
			resource.TestCheckNoResourceAttr(address, part+"archive/delivery.id"),
			resource.TestCheckResourceAttrSet(address, queueMapping),
			resource.TestCheckResourceAttrWith(address, "identities.soil-001.certificate_id", same(&device)))},
		resource.TestStep{Config: with(queued, forceDestroy), PlanOnly: true},
		resource.TestStep{Config: with(queueDrains, forceDestroy)},
		resource.TestStep{Config: with(streamed, forceDestroy), Check: resource.ComposeAggregateTestCheckFunc(
			resource.TestCheckNoResourceAttr(address, "queue_url"),
			resource.TestCheckNoResourceAttr(address, queueMapping),
			resource.TestCheckResourceAttrSet(address, streamMapping))},
	)
}

// same keeps the first value and compares the others with it.
func same(first *string) resource.CheckResourceAttrWithFunc {
	return func(value string) error {
		if *first == "" {
			*first = value
		}
		if value != *first {
			return fmt.Errorf("was %s, and is %s", *first, value)
		}
		return nil
	}
}
