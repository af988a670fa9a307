package pipeline

import (
	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

// StreamQueue is the mode in which a queue takes the place of the stream.
const StreamQueue = "queue"

// Limits of [AWS 5 Shard, Retention].
var (
	StreamModes          = Choice{Values: []string{"on_demand", "provisioned", StreamQueue}, Default: "on_demand"}
	StreamShards         = Limit{Min: 1, Max: 20_000, Source: "Kinesis"}
	StreamRetentionHours = Limit{Min: 24, Max: 8760, Default: value(24), Source: "Kinesis"}
)

// StreamSpec is the Kinesis stream, or the queue in its place.
type StreamSpec struct {
	Mode           *string `json:"mode,omitzero"`
	Shards         *int64  `json:"shards,omitzero"`          // only with "provisioned"
	RetentionHours *int64  `json:"retention_hours,omitzero"` // not with StreamQueue
	KMSKeyID       *string `json:"kms_key_id,omitzero"`
	Drain          *bool   `json:"drain,omitzero"` // keep the stream beside the queue, or the queue beside the stream
}

// stream is the Kinesis stream or the queue that everything devices publish goes through, and the rules that write to
// it.
func stream() capability {
	return capability{
		shapes: []shape{{arguments: []string{"stream", "stream.mode", "stream.drain"}, parts: true,
			outputs: []string{"stream_arn", "queue_url"}}},
		defaults: func(s *Spec) {
			s.Stream = block(s.Stream)
			s.Stream.Mode = StreamModes.Or(s.Stream.Mode)
			if s.Stream.hasStream() {
				s.Stream.RetentionHours = StreamRetentionHours.Or(s.Stream.RetentionHours)
			}
		},
		check: func(c *checker, s Spec) { c.checkStream(s) },
		parts: func(b *builder) []assembly.Part {
			var parts []assembly.Part
			if b.hasStream() {
				name := b.names.pipeline
				parts = append(parts,
					b.part(contract.KeyStream, spec.KindStream, name, b.arn.stream(name), nil, b.stream()))
			}
			if b.hasQueue() {
				parts = append(parts, b.queueParts()...)
			}
			return parts
		},
		rules: func(b *builder) []ownRule { return []ownRule{b.telemetryRule(), b.statusRule()} },
		resources: func(b *builder) map[needs.Resource]string {
			r := map[needs.Resource]string{}
			if b.hasQueue() {
				r[needs.Queue] = b.arn.queue(b.names.queue())
			}
			if b.hasStream() {
				r[needs.Stream] = b.arn.stream(b.names.pipeline)
			}
			return r
		},
		outputs: func(b *builder, recorded assembly.Upstream, out *Outputs) {
			if b.hasStream() {
				out.StreamARN = ptr(b.arn.stream(b.names.pipeline))
			}
			if url, err := queueURL(recorded, keyQueue); err == nil && b.hasQueue() {
				out.QueueURL = &url
			}
		},
	}
}

func (b *builder) stream() spec.Stream {
	s := b.config.Stream
	desired := spec.Stream{OnDemand: *s.Mode == "on_demand" || s.queued() && s.Shards == nil,
		RetentionHours: int32(*s.RetentionHours),
		KMSKeyID:       b.arn.key(deref(s.KMSKeyID)), Tags: b.env.Tags}
	if !desired.OnDemand {
		desired.Shards = int32(*or(s.Shards, 1))
	}
	return desired
}

// toStream completes a rule that writes to the stream, or to the queue in its place. The partition key is the device,
// which device gives in SQL: its messages stay in order, and the processor knows the device without trusting the
// message.
func (b *builder) toStream(r ownRule, device string) ownRule {
	// While a change of the mode takes effect, AWS IoT still runs the rule as it was.
	if b.hasStream() {
		r.grants = append(r.grants, b.streamGrants()...)
	}
	if b.hasQueue() {
		r.grants = append(r.grants, b.queueGrants()...)
	}
	if b.queued() {
		r = b.toQueue(r)
	} else {
		r.needs = []string{contract.KeyStream}
		r.actions = constantAction(spec.Action{Kinesis: &spec.KinesisAction{
			RoleARN: b.rulesRoleARN(), StreamName: b.names.pipeline, PartitionKey: "${" + device + "}"}})
	}
	if b.config.Stream.drains() {
		r.needs = append(r.needs, b.readers()...)
	}
	return r
}

func (b *builder) streamGrants() []statement {
	return append([]statement{allow([]string{"kinesis:PutRecord"}, b.arn.stream(b.names.pipeline))},
		b.useKey("kms:GenerateDataKey", b.config.Stream.KMSKeyID)...)
}

// envelope is the SELECT clause that wraps what was published, with the members that distinguish its kind
// (lambda/envelope). A queue carries nothing else, so there the envelope names the device and the message as well.
func (b *builder) envelope(kind, device string) string {
	sql := "SELECT encode(*, 'base64') AS " + kind + "_payload, topic() AS " + kind + "_topic, " +
		"timestamp() AS received_at"
	if b.queued() {
		sql += ", " + device + " AS thing, newuuid() AS message_id"
	}
	return sql
}

func (b *builder) telemetryRule() ownRule {
	return b.toStream(ownRule{
		key: "telemetry", topic: "telemetry",
		description: "Telemetry of pipeline " + b.config.Name + " to its " + b.source(),
		sql:         b.telemetrySQL,
	}, b.thingCall())
}

// statusRule wraps the message, which distinguishes it from telemetry.
func (b *builder) statusRule() ownRule {
	return b.toStream(ownRule{
		key: "status", topic: "status",
		description: "Status messages of pipeline " + b.config.Name + " to its " + b.source(),
		sql:         constant(b.envelope("status", b.thingCall()) + " FROM " + b.from("status")),
	}, b.thingCall())
}

func (c *checker) checkStream(config Spec) {
	s := config.Stream
	if s == nil {
		return
	}
	c.checkDrain(config)
	c.choice("stream.mode", s.Mode, StreamModes)
	c.number("stream.shards", s.Shards, StreamShards)
	c.number("stream.retention_hours", s.RetentionHours, StreamRetentionHours)
	c.key("stream.kms_key_id", s.KMSKeyID)
	if !c.known("stream.mode") {
		return
	}
	if s.queued() {
		c.checkQueue(config)
		return
	}
	if s.Shards != nil && c.known("stream.shards") && *StreamModes.Or(s.Mode) == "on_demand" {
		c.fail("stream.shards", "shards has no meaning for an on-demand stream",
			`Kinesis decides how many shards an on-demand stream has. Leave shards out, or set mode = "provisioned".`)
	}
}
