package main

import (
	"github.com/iot-pipeline/terraform-provider-iot/lambda/status"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/stream"
)

// statusTopic returns the topic of a status message, the only kind of record that contains its topic.
func statusTopic(data string) string {
	if !status.Is(data) {
		return ""
	}
	message, _ := status.Parse(data) // what cannot be read has a topic or none
	return message.Topic
}

// readStatus reads a status message. Its time is the arrival time, never one from the payload: a device writes its last
// will when it connects, and the broker sends it when the device is gone. The error is a *telemetry.Error.
func readStatus(record *stream.Record) (string, error) {
	message, err := status.Parse(record.Data)
	if err != nil {
		return "", err
	}
	return message.State()
}
