// Package envelope tells apart the kinds of records in a pipeline's stream. Telemetry is the device's own bytes. Of
// other messages, a topic rule makes an envelope: a JSON object with what was published, as base64, and its topic.
//
// It is for the project's functions and for anyone who writes a processor of their own. It must not know where the
// messages go.
//
// A device can publish text as telemetry that looks like an envelope. The partition key, which the rule takes from the
// topic, is the device anyway: whoever acts on an envelope applies it to that device only.
package envelope

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// Kind is the kind of a record.
type Kind string

// Kinds of records.
const (
	CommandResult Kind = "command_result" // what a device answers to a command
	Presence      Kind = "presence"       // what AWS IoT says of a device's connection
	Status        Kind = "status"         // what a device says on its status topic
	Telemetry     Kind = "telemetry"      // anything without an envelope
)

// envelopes are the kinds that have an envelope, with the members that its rule selects.
var envelopes = []struct {
	kind           Kind
	payload, topic string
}{
	{CommandResult, "result_payload", "result_topic"},
	{Status, "status_payload", "status_topic"},
	{Presence, "presence_payload", "presence_topic"},
}

// mark ends the name of a member that every envelope has, so that one look recognises most telemetry.
const mark = `_topic"`

// KindOf returns the kind of a record without parsing it; Open looks more closely.
func KindOf(data string) Kind {
	if !strings.Contains(data, mark) {
		return Telemetry
	}
	for _, e := range envelopes {
		if strings.Contains(data, `"`+e.payload+`"`) && strings.Contains(data, `"`+e.topic+`"`) {
			return e.kind
		}
	}
	return Telemetry
}

// Message is what an envelope holds.
type Message struct {
	Topic   string
	Payload []byte // as it was published
}

// Open opens the envelope of a record with that partition key. For telemetry, and for text that only looks like an
// envelope, the error is a *telemetry.Error with the reason Unreadable(KindOf(data)).
func Open(thing, data string) (Message, error) {
	kind := KindOf(data)
	refuse := func(detail string) (Message, error) {
		return Message{}, &telemetry.Error{Reason: Unreadable(kind), Detail: detail}
	}
	for _, e := range envelopes {
		if e.kind != kind {
			continue
		}
		var object map[string]any
		err := json.Unmarshal([]byte(data), &object)
		encoded, isPayload := object[e.payload].(string)
		topic, isTopic := object[e.topic].(string)
		if err != nil || !isPayload || !isTopic {
			return refuse("the message has " + e.payload + " and " + e.topic + " but not in the form of the rule")
		}
		if !strings.Contains("/"+topic+"/", "/"+thing+"/") {
			return refuse(e.topic + " is not a topic of the device")
		}
		payload, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return refuse(e.payload + " is not base64")
		}
		return Message{Topic: topic, Payload: payload}, nil
	}
	return refuse("the message is telemetry")
}

// Unreadable is the reason of a record that looks like one of a kind and cannot be read as such.
func Unreadable(kind Kind) telemetry.Reason { return telemetry.Reason("unknown_" + string(kind)) }
