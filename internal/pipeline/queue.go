package pipeline

import (
	"fmt"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

const (
	keyQueue        = contract.KeyQueue
	keyQueueMapping = "queue/event_source"

	// queueRetentionDays is how long the queue keeps what nobody takes. A dead letter keeps the time at which its
	// message was sent, so this must be shorter than deadLetterDays.
	queueRetentionDays = 4
	// visibilityFactor times the function's timeout is how long a received message stays hidden [Lambda developer
	// guide, Using Lambda with Amazon SQS].
	visibilityFactor = 6
	// queueMaxRetries is SQS's limit of receives, less the first.
	queueMaxRetries = 999
	// queueSmallBatch is the largest batch that Lambda takes from a queue without waiting for it.
	queueSmallBatch = 10
)

// ProcessorMaxConcurrency limits processor.max_concurrency. The default lets a small pipeline catch up without using up
// the account's concurrency.
var ProcessorMaxConcurrency = Limit{Min: 2, Max: 1000, Default: value(10), Source: "Lambda"}

func (s *StreamSpec) queued() bool { return s != nil && *StreamModes.Or(s.Mode) == StreamQueue }

// Queued reports whether a queue takes the place of the stream.
func Queued(s Spec) bool { return s.Stream.queued() }

// HasQueue reports whether a pipeline has a queue, also one that only drains.
func HasQueue(s Spec) bool { return s.Stream != nil && s.Stream.hasQueue() }

func (b *builder) queued() bool { return b.config.Stream.queued() }

// hasStream reports whether there is a stream: in use, or draining.
func (s *StreamSpec) hasStream() bool { return !s.queued() || s.drains() }

// hasQueue reports whether there is a queue: in use, or draining.
func (s *StreamSpec) hasQueue() bool { return s.queued() || s.drains() }

func (b *builder) hasStream() bool { return b.config.Stream.hasStream() }

func (b *builder) hasQueue() bool { return b.config.Stream.hasQueue() }

// source is what the rules write to, for descriptions.
func (b *builder) source() string {
	if b.queued() {
		return "queue"
	}
	return "stream"
}

// queueParts are the queue in place of the stream, and the mapping that hands its messages to the processor.
func (b *builder) queueParts() []assembly.Part {
	p, name, function := b.config.Processor, b.names.queue(), b.names.function("processor")
	arn := b.arn.queue(name)
	return []assembly.Part{
		b.part(keyQueue, spec.KindQueue, name, arn, []string{contract.KeyDeadLetters}, spec.Queue{
			RetentionSeconds:         queueRetentionDays * day,
			VisibilityTimeoutSeconds: int32(visibilityFactor**p.TimeoutSeconds + *p.BatchWindowSeconds),
			KMSKeyID:                 b.arn.key(deref(b.config.Stream.KMSKeyID)),
			Policy:                   policy(denyPlain("sqs:*", arn)),
			DeadLetterARN:            b.arn.queue(b.names.deadLetters()),
			MaxReceives:              int32(*p.MaxRetries + 1),
			Tags:                     b.env.Tags,
		}),
		b.part(keyQueueMapping, spec.KindEventSource, spec.NameIn(name, function), "", b.storeParts(keyQueue),
			spec.EventSource{
				SourceARN:          arn,
				FunctionName:       function,
				FunctionARN:        b.arn.function(function),
				BatchSize:          int32(*p.BatchSize),
				BatchWindowSeconds: int32(*p.BatchWindowSeconds),
				MaxConcurrency:     int32(*p.MaxConcurrency),
				PartialResponses:   true,
				Tags:               b.env.Tags,
			}),
	}
}

// toQueue completes a rule that sends to the queue, and to Firehose for an archive in batches. What it sends is JSON,
// so SQS takes it as it is.
func (b *builder) toQueue(r ownRule) ownRule {
	role := b.rulesRoleARN()
	r.needs = []string{keyQueue}
	var more []spec.Action
	if b.batched() {
		name := b.names.directDelivery()
		r.needs = append(r.needs, contract.KeyDirectDelivery)
		more = []spec.Action{{Firehose: &spec.FirehoseAction{RoleARN: role, DeliveryStreamName: name}}}
	}
	r.actions = func(up assembly.Upstream) ([]spec.Action, error) {
		url, err := queueURL(up, keyQueue)
		return append([]spec.Action{{SQS: &spec.SQSAction{RoleARN: role, QueueURL: url}}}, more...), err
	}
	return r
}

// queueGrants let a rule send to the queue, and to Firehose for an archive in batches.
func (b *builder) queueGrants() []statement {
	grants := append([]statement{allow([]string{"sqs:SendMessage"}, b.arn.queue(b.names.queue()))},
		b.encryptWith(b.config.Stream.KMSKeyID)...)
	if b.batched() {
		grants = append(grants, allow([]string{"firehose:PutRecord"}, b.arn.firehose(b.names.directDelivery())))
	}
	return grants
}

// checkQueue reports what a queue cannot do, and arguments that have no meaning for one. What describes a stream may be
// written while one drains.
func (c *checker) checkQueue(s Spec) {
	c.checkQueueReaders(s)
	if s.Stream.drains() || !c.known("stream.drain") {
		return
	}
	p := block(s.Processor)
	for _, a := range []struct {
		path    string
		written bool
		why     string
	}{
		{"stream.shards", s.Stream.Shards != nil, "A queue has no shards."},
		{"stream.retention_hours", s.Stream.RetentionHours != nil,
			fmt.Sprintf("The queue keeps what nobody takes for %d days, and dead letters for %d.",
				queueRetentionDays, deadLetterDays)},
		{"processor.parallelization_factor", p.ParallelizationFactor != nil,
			"A queue has no shards: max_concurrency says how many invocations run at a time."},
		{"processor.max_record_age_seconds", p.MaxRecordAgeSeconds != nil,
			"A message becomes a dead letter after max_retries, whatever its age."},
	} {
		if a.written && c.known(a.path) {
			name := lastName(a.path)
			c.fail(a.path, name+" has no meaning with a queue",
				`%s Leave %s out, or set stream = { mode = "on_demand" }.`, a.why, name)
		}
	}
}

func (c *checker) checkQueueBatches(p *ProcessorSpec) {
	const retries, window = "processor.max_retries", "processor.batch_window_seconds"
	if p.MaxRetries != nil && c.known(retries) && (*p.MaxRetries < 0 || *p.MaxRetries > queueMaxRetries) {
		c.fail(retries, "max_retries is out of range for a queue", "A queue must give a message up at some time, and "+
			"SQS counts to %d: choose a number between 0 and %[1]d.", queueMaxRetries)
	}
	if size := *ProcessorBatchSize.Or(p.BatchSize); size > queueSmallBatch && c.known("processor.batch_size") &&
		c.known(window) && *ProcessorBatchWindowSeconds.Or(p.BatchWindowSeconds) == 0 {
		c.fail(window, "batch_window_seconds is too short for the batches", "Lambda takes batches of more than %d "+
			"messages from a queue only if it may wait a second for them. Set batch_window_seconds to 1 or more, or "+
			"batch_size to %[1]d or less.", queueSmallBatch)
	}
}

// checkQueueReaders refuses what reads a stream, and cannot read a queue.
func (c *checker) checkQueueReaders(s Spec) {
	if s.Metrics != nil && c.known("metrics") {
		c.fail("metrics", "Metrics need a stream", "Lambda hands windows of time only from a stream, in the order of "+
			"its records, and a queue has neither. Remove metrics and compute statistics from the archive with "+
			`Athena, or set stream = { mode = "on_demand" }.`)
	}
	if s.Telemetry != nil && s.Telemetry.Select != nil && c.known("telemetry.select") {
		c.fail("telemetry.select", "select needs a stream", "A queue carries nothing but what the rule selects, so "+
			"the rule must put the device's name and the whole payload there. Describe the payload with data_path, "+
			`rename, ignore and the like instead, or set stream = { mode = "on_demand" }.`)
	}
}

// checkConcurrency checks an argument that only a queue has.
func (c *checker) checkConcurrency(s Spec) {
	const path = "processor.max_concurrency"
	if s.Processor == nil || s.Processor.MaxConcurrency == nil || !c.known(path) {
		return
	}
	c.number(path, s.Processor.MaxConcurrency, ProcessorMaxConcurrency)
	if c.known("stream.mode") && c.known("stream.drain") && !s.Stream.hasQueue() {
		c.fail(path, "max_concurrency has no meaning with a stream", "Of a stream, the number of shards and "+
			"parallelization_factor say how many invocations run at a time. Leave max_concurrency out, or set "+
			`stream = { mode = "queue" }.`)
	}
}
