package pipeline

import (
	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

// Limits of [AWS 5 Shard, Retention].
var (
	StreamModes          = Choice{Values: []string{"on_demand", "provisioned"}, Default: "on_demand"}
	StreamShards         = Limit{Min: 1, Max: 20_000, Source: "Kinesis"}
	StreamRetentionHours = Limit{Min: 24, Max: 8760, Default: value(24), Source: "Kinesis"}
)

// StreamSpec is the Kinesis stream.
type StreamSpec struct {
	Mode           *string `json:"mode,omitzero"`
	Shards         *int64  `json:"shards,omitzero"` // only with "provisioned"
	RetentionHours *int64  `json:"retention_hours,omitzero"`
	KMSKeyID       *string `json:"kms_key_id,omitzero"`
}

// stream is the Kinesis stream that everything devices publish goes through, and the rules that write to it.
func stream() capability {
	return capability{
		defaults: func(s *Spec) {
			s.Stream = block(s.Stream)
			s.Stream.Mode = StreamModes.Or(s.Stream.Mode)
			s.Stream.RetentionHours = StreamRetentionHours.Or(s.Stream.RetentionHours)
		},
		check: func(c *checker, s Spec) { c.checkStream(s.Stream) },
		parts: func(b *builder) []assembly.Part {
			name := b.names.pipeline
			return []assembly.Part{b.part("stream", spec.KindStream, name, b.arn.stream(name), nil, b.stream())}
		},
		rules: func(b *builder) []ownRule { return []ownRule{b.telemetryRule(), b.statusRule()} },
		resources: func(b *builder) map[needs.Resource]string {
			return map[needs.Resource]string{needs.Stream: b.arn.stream(b.names.pipeline)}
		},
		outputs: func(b *builder, _ assembly.Upstream, out *Outputs) { out.StreamARN = b.arn.stream(b.names.pipeline) },
	}
}

func (b *builder) stream() spec.Stream {
	s := b.config.Stream
	desired := spec.Stream{OnDemand: *s.Mode == "on_demand", RetentionHours: int32(*s.RetentionHours),
		KMSKeyID: b.arn.key(deref(s.KMSKeyID)), Tags: b.env.Tags}
	if !desired.OnDemand {
		desired.Shards = int32(*or(s.Shards, 1))
	}
	return desired
}

// toStream completes a rule that writes to the stream. The partition key is the device: its messages stay in order, and
// the processor knows the device without trusting the message.
func (b *builder) toStream(r ownRule) ownRule {
	r.needs = []string{"stream"}
	r.action = spec.Action{Kinesis: &spec.KinesisAction{
		RoleARN: b.rulesRoleARN(), StreamName: b.names.pipeline, PartitionKey: b.thingTemplate()}}
	r.grants = append([]statement{allow([]string{"kinesis:PutRecord"}, b.arn.stream(b.names.pipeline))},
		b.useKey("kms:GenerateDataKey", b.config.Stream.KMSKeyID)...)
	return r
}

func (b *builder) telemetryRule() ownRule {
	return b.toStream(ownRule{
		key: "telemetry", topic: "telemetry",
		description: "Telemetry of pipeline " + b.config.Name + " to its stream",
		sql:         b.telemetrySQL,
	})
}

// statusRule wraps the message, which distinguishes it from telemetry.
func (b *builder) statusRule() ownRule {
	return b.toStream(ownRule{
		key: "status", topic: "status",
		description: "Status messages of pipeline " + b.config.Name + " to its stream",
		sql: constant("SELECT encode(*, 'base64') AS status_payload, topic() AS status_topic, " +
			"timestamp() AS received_at FROM " + b.from("status")),
	})
}

func (c *checker) checkStream(s *StreamSpec) {
	if s == nil {
		return
	}
	c.choice("stream.mode", s.Mode, StreamModes)
	c.number("stream.shards", s.Shards, StreamShards)
	if s.Shards != nil && c.known("stream.shards") && c.known("stream.mode") && *StreamModes.Or(s.Mode) == "on_demand" {
		c.fail("stream.shards", "shards has no meaning for an on-demand stream",
			`Kinesis decides how many shards an on-demand stream has. Leave shards out, or set mode = "provisioned".`)
	}
	c.number("stream.retention_hours", s.RetentionHours, StreamRetentionHours)
	c.key("stream.kms_key_id", s.KMSKeyID)
}
