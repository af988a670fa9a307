package broker

import (
	"errors"
	"fmt"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/message"
)

// Command sends a command to a child with QoS 1, and does not wait for it. A child that has a session and is not
// connected gets it when it is again, if the command has not expired by then. An error says why nobody gets it.
func (b *Broker) Command(child string, m message.Message) error {
	if err := b.command(child, &m); err != nil {
		b.undelivered.Add(1)
		return fmt.Errorf("sending a command to %q: %w", child, err)
	}
	return nil
}

func (b *Broker) command(child string, m *message.Message) error {
	o, ok := b.outboxes[child]
	if !ok {
		return errors.New("the gateway has no such child")
	}
	if expired(m.Deadline, time.Now()) {
		b.expire(child, m.CorrelationData)
		return nil
	}
	b.expireOf(child, o, false)
	topic := contract.TopicsOf(b.options.Prefix, b.thing(child)).Commands
	unacknowledged, err := b.unacknowledged(child, topic)
	if err != nil {
		return err
	}
	send, err := o.put(letter{packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 1}, TopicName: topic, Payload: m.Payload,
		Properties: properties(m),
	}, m.Deadline}, unacknowledged)
	if err != nil {
		return err
	}
	b.commands.Add(1)
	if send {
		go b.send(child, o)
	}
	return nil
}

// unacknowledged is how many commands the MQTT server keeps for a child. An error says why it would lose another.
func (b *Broker) unacknowledged(child, topic string) (int, error) {
	client, ok := b.server.Clients.Get(child)
	subscription, subscribed := b.server.Topics.Subscribers(topic).Subscriptions[child]
	switch {
	case !ok:
		return 0, errors.New("it is not connected, and has no session")
	case !subscribed:
		return 0, errors.New("it has not subscribed to its commands")
	case subscription.Qos == 0 && client.Closed():
		return 0, errors.New("it is not connected, and has subscribed with QoS 0")
	}
	return client.State.Inflight.Len(), nil
}

// properties are those of MQTT 5. With QoS 1, OnPacketEncode sets the expiry when the command is sent, or sent again.
func properties(m *message.Message) packets.Properties {
	p := packets.Properties{ContentType: m.ContentType, ResponseTopic: m.ResponseTopic,
		CorrelationData: m.CorrelationData}
	if !m.Deadline.IsZero() {
		p.MessageExpiryInterval = max(m.Left(time.Now()), 1)
	}
	if m.UTF8 {
		p.PayloadFormat, p.PayloadFormatFlag = 1, true
	}
	for _, u := range m.User {
		p.User = append(p.User, packets.UserProperty{Key: u.Name, Val: u.Value})
	}
	return p
}

// left is how many seconds a command of a child has until it expires, 1 at least; 0 if it does not.
func (b *Broker) left(child string, number int64) uint32 {
	o, ok := b.outboxes[child]
	if !ok {
		return 0
	}
	m := message.Message{Deadline: o.deadline(number)}
	if m.Deadline.IsZero() {
		return 0
	}
	return max(m.Left(time.Now()), 1)
}

// Expire forgets commands that have expired while they waited for children.
func (b *Broker) Expire() {
	for child, o := range b.outboxes {
		b.expireOf(child, o, false)
	}
}

// resume prepares the commands of a child that connects: those that have expired are not sent, and a new session has
// none.
func (b *Broker) resume(child string, clean bool) {
	b.expireOf(child, b.outboxes[child], true)
	earlier, ok := b.server.Clients.Get(child)
	if !ok || !clean {
		return
	}
	if n := len(commandsOf(earlier)); n > 0 {
		b.lose(child, n, "the child has begun a new session")
	}
}

// maxCorrelation is how many bytes of correlation data are logged.
const maxCorrelation = 64

// expire counts a command that has expired. Its correlation data is the ID of a command of the pipeline's API.
func (b *Broker) expire(child string, correlation []byte) {
	b.expired.Add(1)
	b.options.Log.Warn("A command has expired before the child could get it.", "child", child,
		"correlation", string(correlation[:min(len(correlation), maxCorrelation)]))
}

// lose counts commands that a child does not get.
func (b *Broker) lose(child string, n int, why string) {
	b.undelivered.Add(uint64(n))
	b.options.Log.Warn("Commands are lost.", "child", child, "commands", n, "why", why)
}
