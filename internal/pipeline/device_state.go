package pipeline

import (
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

// DeviceStateTTLDays limits device_state.ttl_days; 0 keeps the state permanently.
var DeviceStateTTLDays = Limit{Min: 0, Max: 3650, Default: value(0), Source: "this provider (0 keeps the state)"}

// DeviceStateRefreshSeconds limits device_state.refresh_seconds; 0 writes the state by every batch.
var DeviceStateRefreshSeconds = Limit{Min: 0, Max: 3600, Default: value(60), Source: "this provider (0 writes it by " +
	"every batch)"}

// DeviceStateSpec is the DynamoDB table with the latest state of each device.
type DeviceStateSpec struct {
	TTLDays             *int64 `json:"ttl_days,omitzero"`
	RefreshSeconds      *int64 `json:"refresh_seconds,omitzero"`
	PointInTimeRecovery *bool  `json:"point_in_time_recovery,omitzero"`
}

// deviceState is the table with the latest state of each device.
func deviceState() capability {
	return capability{
		defaults: func(s *Spec) {
			s.DeviceState = block(s.DeviceState)
			s.DeviceState.TTLDays = DeviceStateTTLDays.Or(s.DeviceState.TTLDays)
			s.DeviceState.RefreshSeconds = DeviceStateRefreshSeconds.Or(s.DeviceState.RefreshSeconds)
			s.DeviceState.PointInTimeRecovery = or(s.DeviceState.PointInTimeRecovery, true)
		},
		check: func(c *checker, s Spec) {
			if s.DeviceState != nil {
				c.number("device_state.ttl_days", s.DeviceState.TTLDays, DeviceStateTTLDays)
				c.number("device_state.refresh_seconds", s.DeviceState.RefreshSeconds, DeviceStateRefreshSeconds)
			}
		},
		parts: func(b *builder) []assembly.Part {
			name := b.names.pipeline
			table := spec.Table{
				HashKey:             contract.DeviceKey,
				Indexes:             b.deviceIndexes(),
				TTLAttribute:        contract.ExpiryAttribute,
				PointInTimeRecovery: *b.config.DeviceState.PointInTimeRecovery,
				Tags:                b.env.Tags,
			}
			return []assembly.Part{b.part(contract.KeyDeviceTable, spec.KindTable, name, b.arn.table(name), nil, table)}
		},
		resources: func(b *builder) map[needs.Resource]string {
			table := b.arn.table(b.names.pipeline)
			return map[needs.Resource]string{
				needs.DeviceTable: table, needs.DeviceIndex: table + "/index/" + contract.StatusIndex,
			}
		},
		outputs: func(b *builder, _ assembly.Upstream, out *Outputs) { out.DeviceTableName = b.names.pipeline },
	}
}

// seenSlot is what the time in the index by status is rounded down to: half of the time that a device may be silent, so
// that the watch function reads few devices that are not. 0 rounds nothing.
func (b *builder) seenSlot() time.Duration {
	if !b.hasMonitoring() {
		return contract.MaxSlot
	}
	half := time.Duration(*b.config.Monitoring.SilenceMinutes) * time.Minute / 2
	return min(contract.MaxSlot, half.Truncate(time.Minute))
}

// deviceIndexes find devices by status: by when they were last seen, and with an API in an order that does not change
// while they send.
func (b *builder) deviceIndexes() []spec.TableIndex {
	indexes := []spec.TableIndex{{
		Name: contract.StatusIndex, HashKey: contract.StatusAttribute, RangeKey: contract.SlotAttribute, KeysOnly: true,
		// Tables of earlier versions lack the attribute.
		FilledFrom: contract.LastSeenAttribute,
	}}
	if b.hasAPI() {
		indexes = append(indexes, spec.TableIndex{Name: contract.StatusDeviceIndex, HashKey: contract.StatusAttribute,
			RangeKey: contract.DeviceKey, TextRange: true, KeysOnly: true})
	}
	return indexes
}
