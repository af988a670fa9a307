package main

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/stream"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

const unknownStatus = telemetry.Reason("unknown_status")

// statusEnvelope is the status rule's output for a message on <prefix>/<thing>/status.
type statusEnvelope struct {
	Payload *string `json:"status_payload"` // base64
	Topic   *string `json:"status_topic"`
}

// isStatus distinguishes a status message from telemetry without parsing it; readStatus checks more closely.
func isStatus(data string) bool {
	return strings.Contains(data, `"status_payload"`) && strings.Contains(data, `"status_topic"`)
}

// statusTopic returns the topic of a status message, the only kind of record that contains its topic.
func statusTopic(data string) string {
	var envelope statusEnvelope
	if !isStatus(data) || json.Unmarshal([]byte(data), &envelope) != nil || envelope.Topic == nil {
		return ""
	}
	return *envelope.Topic
}

// readStatus reads a status message. Its time is the arrival time, never one from the payload: a device writes its last
// will when it connects, and the broker sends it when the device is gone.
func readStatus(record *stream.Record) (string, error) {
	refuse := func(detail string) (string, error) {
		return "", &telemetry.Error{Reason: unknownStatus, Detail: detail}
	}
	var envelope statusEnvelope
	if err := json.Unmarshal([]byte(record.Data), &envelope); err != nil || envelope.Payload == nil ||
		envelope.Topic == nil {
		return refuse("the message has status_payload and status_topic but not in the form of the status rule")
	}
	payload, err := base64.StdEncoding.DecodeString(*envelope.Payload)
	if err != nil {
		return refuse("status_payload is not base64")
	}
	status := statusOf(payload)
	if status == "" {
		return refuse("the payload says neither online nor offline")
	}
	return status, nil
}

// statusOf reads what devices send: online or offline, as plain text, as a JSON string, as the member "status" or
// "state" of an object, or as its Boolean member "online" or "connected". It returns "" for anything else.
func statusOf(payload []byte) string {
	var object struct {
		Status, State     string
		Online, Connected *bool
	}
	text := strings.TrimSpace(string(payload))
	if strings.HasPrefix(text, "{") {
		if json.Unmarshal(payload, &object) != nil {
			return ""
		}
		for _, yes := range []*bool{object.Online, object.Connected} {
			switch {
			case yes == nil:
			case *yes:
				return "online"
			default:
				return "offline"
			}
		}
		if text = object.Status; text == "" {
			text = object.State
		}
	}
	switch strings.ToLower(strings.Trim(text, `"`)) {
	case "online":
		return "online"
	case "offline":
		return "offline"
	}
	return ""
}
