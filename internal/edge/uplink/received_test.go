package uplink

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/queue"
)

// TestReceive: a message arrives with its properties, and with its expiry as a moment.
func TestReceive(t *testing.T) {
	value := func(v uint32) *uint32 { return &v }
	text, bytes := byte(1), byte(0)
	const topic = "gh/gw/children/gw:a/commands"
	for _, c := range []struct {
		why  string
		sent *packets.Properties
		want func(now time.Time) message.Message
	}{
		{"no properties", &packets.Properties{}, func(time.Time) message.Message { return message.Message{} }},
		{"all of them", &packets.Properties{PayloadFormat: &text, ContentType: "application/json",
			ResponseTopic: "gh/gw:a/commands/7/result", CorrelationData: []byte{0, 7}, MessageExpiry: value(90),
			User: []packets.User{{Key: "k", Value: "2"}, {Key: "k", Value: "1"}}},
			func(now time.Time) message.Message {
				return message.Message{UTF8: true, ContentType: "application/json",
					ResponseTopic: "gh/gw:a/commands/7/result", CorrelationData: []byte{0, 7},
					User:     []message.UserProperty{{Name: "k", Value: "2"}, {Name: "k", Value: "1"}},
					Deadline: now.Add(90 * time.Second)}
			}},
		{"a payload of bytes", &packets.Properties{PayloadFormat: &bytes},
			func(time.Time) message.Message { return message.Message{} }},
		{"no time left is not the same as no end", &packets.Properties{MessageExpiry: value(0)},
			func(now time.Time) message.Message { return message.Message{Deadline: now} }},
	} {
		t.Run(c.why, func(t *testing.T) {
			inBubble(t, func(t *testing.T, q *queue.Queue) {
				var got []message.Message
				s := &server{receive: func(m message.Message) { got = append(got, m) }}
				start(t, s, q, Settings{Limits: DefaultLimits})
				p := s.accept()
				synctest.Wait()
				p.write(&packets.Publish{Topic: topic, QoS: 1, PacketID: 1, Payload: []byte("{}"), Properties: c.sent})
				synctest.Wait()
				want := c.want(time.Now())
				want.Topic, want.Payload = topic, []byte("{}")
				if diff := cmp.Diff([]message.Message{want}, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}
