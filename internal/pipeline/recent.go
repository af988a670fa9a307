package pipeline

import (
	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

// RecentHours limits recent.hours. What is to stay longer than a year belongs in the archive.
var RecentHours = Limit{Min: 1, Max: 8_760, Default: value(48), Source: "this provider"}

// RecentSpec is the DynamoDB table with the readings of the last hours.
type RecentSpec struct {
	Hours *int64 `json:"hours,omitzero"`
}

// recent keeps every reading for some hours, to be read within milliseconds. It exists when its block is written.
func recent() capability {
	return capability{
		shapes: []shape{{arguments: []string{"recent"}, parts: true,
			outputs: []string{"readings_table_name", "recent_reader_policy_json"}}},
		defaults: func(s *Spec) {
			if s.Recent != nil {
				r := block(s.Recent)
				r.Hours = RecentHours.Or(r.Hours)
				s.Recent = r
			}
		},
		check: func(c *checker, s Spec) {
			if s.Recent != nil {
				c.number("recent.hours", s.Recent.Hours, RecentHours)
			}
		},
		parts: func(b *builder) []assembly.Part {
			if !b.hasRecent() {
				return nil
			}
			name := b.names.readings()
			return []assembly.Part{b.part("recent/table", spec.KindTable, name, b.arn.table(name), nil, spec.Table{
				HashKey:      contract.DeviceKey,
				RangeKey:     contract.ReadingKey,
				TTLAttribute: contract.ExpiryAttribute,
				// The items are copies that expire; a backup of 35 days would cost more than they do.
				PointInTimeRecovery: false,
				Tags:                b.env.Tags,
			})}
		},
		resources: func(b *builder) map[needs.Resource]string {
			if !b.hasRecent() {
				return nil
			}
			return map[needs.Resource]string{needs.ReadingsTable: b.arn.table(b.names.readings())}
		},
		outputs: func(b *builder, _ assembly.Upstream, out *Outputs) {
			if b.hasRecent() {
				out.ReadingsTableName = ptr(b.names.readings())
				out.RecentReaderPolicyJSON = ptr(policy(allow([]string{"dynamodb:GetItem", "dynamodb:Query"},
					b.arn.table(b.names.readings()))))
			}
		},
	}
}

func (b *builder) hasRecent() bool { return b.config.Recent != nil }
