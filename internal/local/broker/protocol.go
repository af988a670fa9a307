package broker

import (
	"fmt"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/policy"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

// The limits of AWS IoT's broker. [AWS 1.3]
const (
	maxPayload = 128 << 10
	maxQoS     = 1
	// Besides the payload, a packet holds the fixed header, a topic of 256 bytes, and the MQTT 5 properties: 8 KB of
	// user properties and 8 KB of correlation data.
	maxPacket = maxPayload + 20<<10

	maxUserProperties  = 8 << 10 // all of them together
	maxCorrelationData = 8 << 10
	maxContentType     = 256
)

// topicAliases is how many topic aliases a client may set. A client that is not told sets none.
const topicAliases = 8

// maxExpiry is the longest message expiry interval in seconds; AWS IoT takes longer ones for it.
const maxExpiry = 7 * 24 * 60 * 60

// retainNever is the MQTT 5 subscription option by which a client asks for no retained messages.
const retainNever = 2

// mqtt311 is the protocol level of MQTT 3.1.1. AWS IoT knows no older version.
const mqtt311 = 4

// capabilities are those that AWS IoT states in its CONNACK, and its default quotas. [AWS MQTT 5 properties]
func capabilities() *mqtt.Capabilities {
	c := mqtt.NewDefaultServerCapabilities()
	c.MinimumProtocolVersion = mqtt311
	c.MaximumQos = maxQoS
	c.MaximumPacketSize = maxPacket
	c.ReceiveMaximum = 100
	c.TopicAliasMaximum = topicAliases
	c.MaximumSessionExpiryInterval = 60 * 60
	c.MaximumMessageExpiryInterval = 0 // the server would let every message expire
	c.SubIDAvailable = 0
	c.Compatibilities.NoInheritedPropertiesOnAck = true // AWS IoT does not return user properties
	return c
}

// ignored replaces a packet that must have no effect and no answer: the server drops the acknowledgement of a message
// that it has not sent.
func ignored(pk packets.Packet) packets.Packet {
	return packets.Packet{ProtocolVersion: pk.ProtocolVersion, FixedHeader: packets.FixedHeader{Type: packets.Puback}}
}

// OnPacketRead applies what AWS IoT does differently from the MQTT specification, before the server sees the packet.
// [AWS IoT differences from MQTT specifications]
func (h *hook) OnPacketRead(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if cl.Net.Inline {
		return pk, nil
	}
	switch pk.FixedHeader.Type {
	case packets.Publish:
		return h.readPublish(cl, pk)
	case packets.Subscribe:
		return h.readSubscribe(cl, pk)
	case packets.Pubrec, packets.Pubrel, packets.Pubcomp, packets.Auth:
		const why = "AWS IoT supports neither QoS 2 nor MQTT 5's AUTH"
		return h.end(cl, pk, "MQTT", "", why, packets.ErrProtocolViolation)
	}
	return pk, nil
}

func (h *hook) readPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	name := pk.TopicName // empty if the topic alias says it all; that topic was checked when the alias was set
	switch {
	case pk.FixedHeader.Qos > maxQoS && cl.Properties.ProtocolVersion == 5:
		const why = "AWS IoT does not support QoS 2"
		return h.end(cl, pk, policy.Publish, name, why, packets.ErrQosNotSupported)
	case pk.FixedHeader.Qos > maxQoS:
		h.refuse(cl, policy.Publish, name, "AWS IoT does not support QoS 2: the message is not acknowledged")
		return ignored(pk), nil
	}
	if why := propertiesProblem(&pk.Properties); why != "" {
		return h.end(cl, pk, policy.Publish, name, why, packets.ErrQuotaExceeded)
	}
	pk.Properties.MessageExpiryInterval = min(pk.Properties.MessageExpiryInterval, maxExpiry)
	if topic.Reserved(name) {
		// The server would drop a message to $SYS or $share without a word.
		if err := served(name); err != nil {
			return h.end(cl, pk, policy.Publish, name, err.Error(), packets.ErrNotAuthorized)
		}
	}
	return pk, nil
}

func (h *hook) readSubscribe(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if len(pk.Properties.SubscriptionIdentifier) > 0 {
		const why = "AWS IoT does not support subscription identifiers"
		return h.end(cl, pk, policy.Subscribe, "", why, packets.ErrSubscriptionIdentifiersNotSupported)
	}
	for _, f := range pk.Filters {
		if f.Qos > maxQoS {
			const why = "AWS IoT does not support QoS 2: the subscription is not acknowledged"
			h.refuse(cl, policy.Subscribe, f.Filter, why)
			return ignored(pk), nil
		}
	}
	return pk, nil
}

// end closes the connection because of a packet.
func (h *hook) end(
	cl *mqtt.Client, pk packets.Packet, action, topicName, why string, code packets.Code,
) (packets.Packet, error) {
	h.refuse(cl, action, topicName, why)
	h.broker.disconnect(cl, code)
	return pk, packets.ErrRejectPacket
}

// propertiesProblem says which quota of AWS IoT the MQTT 5 properties of a message exceed. [IoT-SQL 17]
func propertiesProblem(p *packets.Properties) string {
	user := 0
	for _, u := range p.User {
		user += len(u.Key) + len(u.Val)
	}
	switch {
	case user > maxUserProperties:
		return fmt.Sprintf("the user properties have %d bytes, AWS IoT allows %d", user, maxUserProperties)
	case len(p.CorrelationData) > maxCorrelationData:
		return fmt.Sprintf("the correlation data has %d bytes, AWS IoT allows %d", len(p.CorrelationData),
			maxCorrelationData)
	case len(p.ContentType) > maxContentType:
		return fmt.Sprintf("the content type has %d bytes, AWS IoT allows %d", len(p.ContentType), maxContentType)
	}
	return ""
}

// OnPacketEncode removes user properties that AWS IoT would not send: it has them in messages only.
func (h *hook) OnPacketEncode(_ *mqtt.Client, pk packets.Packet) packets.Packet {
	switch pk.FixedHeader.Type {
	case packets.Publish: // passes them on
	case packets.Connack:
		pk.Properties.SubIDAvailable, pk.Properties.SubIDAvailableFlag = 0, true
		pk.Properties.TopicAliasMaximum = topicAliases
	default:
		pk.Properties.User = nil
	}
	return pk
}
