package processor

import (
	"github.com/iot-pipeline/terraform-provider-iot/lambda/envelope"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/status"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/stream"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// readStatus reads a status message. Its time is the arrival time, never one from the payload: a device writes its last
// will when it connects, and the broker sends it when the device is gone. The error is a *telemetry.Error.
func (r *run) readStatus(record *stream.Record, index int) error {
	message, err := envelope.Open(record.PartitionKey, record.Data)
	if err != nil {
		return err
	}
	state, err := status.State(message.Payload)
	if err != nil {
		return err
	}
	r.readings = append(r.readings, reading{Reading: telemetry.Reading{Time: record.Arrival()}, record: index,
		status: state})
	return nil
}
