// Package message defines the form in which a published message travels between the broker, the rules, the shadows and
// the data plane of the local runtime.
package message

import iotsql "github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/message"

// A Message is one publish that the broker accepted: what rules can read, and what only the broker needs. Its payload
// never changes after publishing, so it may be shared.
type Message struct {
	iotsql.Message
	QoS    byte // 0 or 1
	Retain bool
	// Session identifies the publisher's connection, the only one that may receive an answer; "" without a ClientID.
	Session string
}

// Properties are the MQTT 5 properties of a message.
type Properties = iotsql.Properties

// UserProperty is one MQTT 5 user property.
type UserProperty = iotsql.UserProperty

// New returns a message without a sender, as AWS itself publishes it.
func New(topic string, payload []byte) Message {
	return Message{Message: iotsql.Message{Topic: topic, Payload: payload}}
}
