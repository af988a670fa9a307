// Package status reads the messages on <prefix>/<thing>/status, as the pipeline's status rule puts them into the
// stream.
//
// It is for the project's functions and for anyone who writes a processor of their own. It must not know where the
// messages go.
package status

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// Unknown is the reason of a status message that cannot be read.
const Unknown = telemetry.Reason("unknown_status")

// What State returns.
const (
	Online  = "online"
	Offline = "offline"
)

// Message is a status message.
type Message struct {
	Topic   string
	Payload []byte // the device's own bytes
}

// envelope is the status rule's output.
type envelope struct {
	Payload *string `json:"status_payload"` // base64
	Topic   *string `json:"status_topic"`
}

// Is distinguishes a status message from telemetry without parsing it; Parse checks more closely.
func Is(data string) bool {
	return strings.Contains(data, `"status_payload"`) && strings.Contains(data, `"status_topic"`)
}

// Parse reads the data of a record for which Is holds. The error is a *telemetry.Error; the message then has only its
// topic, if that could be read.
func Parse(data string) (Message, error) {
	var e envelope
	if err := json.Unmarshal([]byte(data), &e); err != nil || e.Payload == nil || e.Topic == nil {
		message := Message{}
		if err == nil && e.Topic != nil {
			message.Topic = *e.Topic
		}
		return message, refuse("the message has status_payload and status_topic but not in the form of the status rule")
	}
	payload, err := base64.StdEncoding.DecodeString(*e.Payload)
	if err != nil {
		return Message{Topic: *e.Topic}, refuse("status_payload is not base64")
	}
	return Message{Topic: *e.Topic, Payload: payload}, nil
}

func refuse(detail string) error { return &telemetry.Error{Reason: Unknown, Detail: detail} }

// State reads what devices send: online or offline, as plain text, as a JSON string, as the member "status" or "state"
// of an object, or as its Boolean member "online" or "connected". For anything else, the error is a *telemetry.Error.
func (m Message) State() (string, error) {
	var object struct {
		Status, State     string
		Online, Connected *bool
	}
	unknown := refuse("the payload says neither online nor offline")
	text := strings.TrimSpace(string(m.Payload))
	if strings.HasPrefix(text, "{") {
		if json.Unmarshal(m.Payload, &object) != nil {
			return "", unknown
		}
		for _, yes := range []*bool{object.Online, object.Connected} {
			switch {
			case yes == nil:
			case *yes:
				return Online, nil
			default:
				return Offline, nil
			}
		}
		if text = object.Status; text == "" {
			text = object.State
		}
	}
	switch strings.ToLower(strings.Trim(text, `"`)) {
	case Online:
		return Online, nil
	case Offline:
		return Offline, nil
	}
	return "", unknown
}
