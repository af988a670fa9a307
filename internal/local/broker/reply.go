package broker

import (
	"errors"
	"fmt"
	"strings"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/policy"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

// Reply sends a message only over the connection of the session (see message.Message): all devices with the same claim
// certificate subscribe to the same topics, and an answer is meant for one of them. It uses QoS 0, since no later
// connection could receive it.
//
// Reply fails if the client has disconnected or has not subscribed to the topic. As with every message, a policy that
// denies iot:Receive is logged and is not an error.
func (b *Broker) Reply(sessionID string, m message.Message) error {
	client, s := b.sessions.find(sessionID)
	err := errors.New("the client has disconnected")
	if client != nil {
		err = nil
		if !subscribed(client, m.Topic) {
			err = errors.New("the client has not subscribed to the topic")
		}
	}
	if err != nil {
		return fmt.Errorf("replying on %q: %w", m.Topic, err)
	}
	if !s.allows(policy.Receive, "topic/", m.Topic) {
		b.options.Events.Send(runlog.Event{
			Kind:   runlog.Refused,
			Thing:  client.ID,
			Action: policy.Receive,
			Topic:  m.Topic,
			Detail: "no policy allows it",
		})
		return nil
	}
	pk := packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Publish},
		TopicName:   m.Topic,
		Payload:     m.Payload,
	}
	if err := client.WritePacket(pk); err != nil {
		return fmt.Errorf("replying on %q: %w", m.Topic, err)
	}
	return nil
}

func subscribed(client *mqtt.Client, name string) bool {
	for filter := range client.State.Subscriptions.GetAll() {
		if rest, ok := strings.CutPrefix(filter, "$share/"); ok {
			_, filter, _ = strings.Cut(rest, "/")
		}
		if topic.Match(filter, name) {
			return true
		}
	}
	return false
}
