// Package message is what a gateway passes on from AWS IoT to a device behind it.
package message

import "time"

// A Message is one publication. All but topic and payload are properties of MQTT 5, of which the zero value stands for
// none.
type Message struct {
	Topic   string
	Payload []byte

	UTF8            bool // the payload is text
	ContentType     string
	ResponseTopic   string
	CorrelationData []byte
	User            []UserProperty // in order
	// Deadline is when the message expires. It has a monotonic time: the gateway's clock may be set meanwhile.
	Deadline time.Time
}

// UserProperty is a name with a value; a name may appear more than once.
type UserProperty struct{ Name, Value string }

// Left is how long a message has until it expires, in seconds as MQTT counts them, rounded up. It is 0 for one that
// has expired.
func (m *Message) Left(now time.Time) uint32 {
	left := m.Deadline.Sub(now)
	if left <= 0 {
		return 0
	}
	return uint32((left + time.Second - 1) / time.Second)
}
