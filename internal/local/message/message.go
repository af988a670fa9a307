// Package message is the one form in which a published message travels between the broker, the rules, the shadows and
// the data plane of the local runtime.
package message

import "time"

// A Message is one publish that the broker accepted.
type Message struct {
	Topic   string
	Payload []byte // never changed after publishing; may be shared
	QoS     byte   // 0 or 1
	Retain  bool
	// ClientID is the publisher's MQTT client ID; "" when it came over HTTP or from AWS itself.
	ClientID string
	// Principal is the publisher's certificate ID; "" without a certificate.
	Principal string
	// Session is the publisher's connection, for an answer that is for nobody else; "" when there is no ClientID.
	Session  string
	SourceIP string
	Time     time.Time // of arrival
	// TraceID follows the message through the rules; the broker makes one per message.
	TraceID    string
	Properties *Properties // nil for MQTT 3.1.1
}

// Properties are the MQTT 5 properties of a publish that rules can read and republish can set.
type Properties struct {
	PayloadFormatUTF8 bool
	ContentType       string
	ResponseTopic     string
	CorrelationData   []byte
	ExpirySeconds     uint32 // 0: none
	User              []UserProperty
}

// A UserProperty is one name and value; names may repeat, and order counts.
type UserProperty struct{ Key, Value string }
