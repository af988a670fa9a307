package pipeline

import (
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// DrainMarginHours is how long a change of a topic rule and of its role may take until AWS IoT follows it everywhere,
// with much to spare.
const DrainMarginHours = 1

// firehoseHours is how long Firehose keeps a record that it cannot deliver [Firehose developer guide, Handle data
// delivery failures].
const firehoseHours = 24

func (s *StreamSpec) drains() bool { return s != nil && *or(s.Drain, false) }

// Drains reports whether a pipeline keeps the stream beside its queue, or the queue beside its stream.
func Drains(s Spec) bool { return s.Stream.drains() }

// DrainHours is how many hours after a change of the mode nothing of the old way can be under way any more. A stream
// drops its last record after its retention, and its readers cannot take longer than that. What is in the queue can
// be counted, but not what Firehose has in work: after a day, it has written it or given it up.
func DrainHours(s Spec) int64 {
	if s.Stream.queued() {
		return *StreamRetentionHours.Or(s.Stream.RetentionHours) + DrainMarginHours
	}
	return firehoseHours + DrainMarginHours
}

// Switched reports whether the records show all rules that write to the stream or the queue as described: then nothing
// writes to the old one any more.
func Switched(records []assembly.Record) bool {
	rules := 0
	for _, r := range records {
		if r.Kind != spec.KindTopicRule || !strings.HasPrefix(r.Key, contract.KeyRulePrefix) {
			continue
		}
		if r.Status != assembly.Ready {
			return false
		}
		rules++
	}
	return rules > 0
}

// readers are the parts that read what the rules write to. While the other way drains, the rules wait for them: nothing
// is written that nobody reads, and Firehose starts to read a stream where it ends.
func (b *builder) readers() []string {
	if b.queued() {
		return []string{keyQueueMapping} // Firehose is a need anyway
	}
	list := b.mappings()
	if b.batched() {
		list = append(list, contract.KeyDelivery)
	}
	return list
}

// checkDrain checks what both ways share while one of them drains.
func (c *checker) checkDrain(s Spec) {
	if c.known("stream.mode") && c.known("stream.drain") && s.Stream.hasQueue() {
		c.checkQueueBatches(block(s.Processor))
	}
}
