package pipeline

import (
	"regexp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

// Limits of [AWS 6.1].
var (
	TimestreamLayouts               = Choice{Values: []string{"multi", "single"}, Default: "multi"}
	TimestreamMemoryRetentionHours  = Limit{Min: 1, Max: 8_766, Default: value(24), Source: "Timestream"}
	TimestreamMagneticRetentionDays = Limit{Min: 1, Max: 73_000, Default: value(365), Source: "Timestream"}
)

// DefaultTimestreamTable is the name of the table; that of the database is the pipeline's.
const DefaultTimestreamTable = "telemetry"

// timestreamRejects is where Timestream reports late records that it could not store. It is below the dead letters,
// whose expiry it shares.
const timestreamRejects = deadLetterPrefix + "timestream/"

// [AWS 6.1 Database / table names]
var databasePattern = regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,256}$`)

// TimestreamSpec is the Timestream LiveAnalytics database and table.
type TimestreamSpec struct {
	Database              *string `json:"database,omitzero"`
	Table                 *string `json:"table,omitzero"`
	MemoryRetentionHours  *int64  `json:"memory_retention_hours,omitzero"`
	MagneticRetentionDays *int64  `json:"magnetic_retention_days,omitzero"`
	Layout                *string `json:"layout,omitzero"`
	KMSKeyID              *string `json:"kms_key_id,omitzero"`
}

// timestream stores telemetry as time series. It exists when its block is written.
func timestream() capability {
	return capability{
		shapes: []shape{{arguments: []string{"timestream", "timestream.database", "timestream.table"}, parts: true,
			outputs: []string{"timestream_table_arn"}}},
		defaults: func(s *Spec) {
			if s.Timestream == nil {
				return
			}
			t := block(s.Timestream)
			t.Database = or(t.Database, s.Name)
			t.Table = or(t.Table, DefaultTimestreamTable)
			t.MemoryRetentionHours = TimestreamMemoryRetentionHours.Or(t.MemoryRetentionHours)
			t.MagneticRetentionDays = TimestreamMagneticRetentionDays.Or(t.MagneticRetentionDays)
			t.Layout = TimestreamLayouts.Or(t.Layout)
			s.Timestream = t
		},
		check: func(c *checker, s Spec) { c.checkTimestream(s.Timestream) },
		parts: func(b *builder) []assembly.Part {
			if !b.hasTimestream() {
				return nil
			}
			return b.timestreamParts()
		},
		resources: func(b *builder) map[needs.Resource]string {
			if !b.hasTimestream() {
				return nil
			}
			return map[needs.Resource]string{needs.TimestreamTable: b.timestreamARN()}
		},
		outputs: func(b *builder, _ assembly.Upstream, out *Outputs) {
			if b.hasTimestream() {
				out.TimestreamTableARN = ptr(b.timestreamARN())
			}
		},
	}
}

func (b *builder) hasTimestream() bool { return b.config.Timestream != nil }

func (b *builder) timestreamARN() string {
	return b.arn.timestreamTable(*b.config.Timestream.Database, *b.config.Timestream.Table)
}

func (b *builder) timestreamParts() []assembly.Part {
	t := b.config.Timestream
	database, table := *t.Database, *t.Table
	return []assembly.Part{
		b.part("timestream/database", spec.KindTimestreamDatabase, database, b.arn.database(database), nil,
			spec.TimestreamDatabase{KMSKeyID: b.arn.key(deref(t.KMSKeyID)), Tags: b.env.Tags}),
		b.part("timestream/table", spec.KindTimestreamTable, spec.NameIn(database, table), b.timestreamARN(),
			[]string{"bucket", "timestream/database"},
			spec.TimestreamTable{
				Database:              database,
				MemoryRetentionHours:  *t.MemoryRetentionHours,
				MagneticRetentionDays: *t.MagneticRetentionDays,
				MagneticWrites:        true,
				RejectedBucket:        b.names.bucket(),
				RejectedPrefix:        timestreamRejects,
				Tags:                  b.env.Tags,
			}),
	}
}

func (c *checker) checkTimestream(s *TimestreamSpec) {
	if s == nil {
		return
	}
	const rule = "Timestream names have 3 to 256 letters, digits and the characters _ . -"
	if s.Database != nil {
		c.text("timestream.database", *s.Database, databasePattern, rule)
	}
	if s.Table != nil {
		c.text("timestream.table", *s.Table, databasePattern, rule)
	}
	c.number("timestream.memory_retention_hours", s.MemoryRetentionHours, TimestreamMemoryRetentionHours)
	c.number("timestream.magnetic_retention_days", s.MagneticRetentionDays, TimestreamMagneticRetentionDays)
	c.choice("timestream.layout", s.Layout, TimestreamLayouts)
	c.key("timestream.kms_key_id", s.KMSKeyID)
}
