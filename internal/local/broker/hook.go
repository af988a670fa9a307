package broker

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/google/uuid"
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/policy"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

// hook receives the callbacks of the MQTT server.
type hook struct {
	mqtt.HookBase
	broker *Broker
}

// ID implements mqtt.Hook.
func (h *hook) ID() string { return "aws-iot" }

// Provides lists the callbacks that the server should call.
func (h *hook) Provides(b byte) bool {
	switch b {
	case mqtt.OnConnectAuthenticate,
		mqtt.OnACLCheck,
		mqtt.OnPacketRead,
		mqtt.OnPacketEncode,
		mqtt.OnSessionEstablished,
		mqtt.OnDisconnect,
		mqtt.OnSubscribe,
		mqtt.OnSubscribed,
		mqtt.OnPublish,
		mqtt.OnWill,
		mqtt.OnWillSent:
		return true
	}
	return false
}

func (h *hook) refuse(cl *mqtt.Client, action, topicName, why string) {
	h.broker.options.Events.Send(
		runlog.Event{Kind: runlog.Refused, Thing: cl.ID, Action: action, Topic: topicName, Detail: why},
	)
}

// OnConnectAuthenticate decides whether the client may connect under its client ID.
func (h *hook) OnConnectAuthenticate(cl *mqtt.Client, pk packets.Packet) bool {
	conn, ok := cl.Net.Conn.(*tls.Conn)
	if !ok {
		return false
	}
	certificate := conn.ConnectionState().PeerCertificates[0]
	host, _, err := net.SplitHostPort(cl.Net.Remote)
	if err != nil {
		host = cl.Net.Remote
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	grant, err := h.broker.options.Authorizer.Authorize(ctx, certificate, cl.ID, host)
	connect := connectAttributes(pk)
	if err == nil {
		err = mayConnect(grant, cl.ID, connect)
	}
	if err != nil {
		h.refuse(cl, policy.Connect, "", err.Error())
		return false
	}
	return h.broker.sessions.add(cl, newSession(uuid.NewString(), certificate, host, connect, grant))
}

// connectAttributes returns what the CONNECT packet asks for, as values of the condition key iot:ConnectAttributes.
// [AWS 3 CONP]
func connectAttributes(pk packets.Packet) []string {
	var asked []string
	persistent := !pk.Connect.Clean
	if pk.ProtocolVersion == 5 {
		persistent = pk.Properties.SessionExpiryInterval > 0
	}
	if persistent {
		asked = append(asked, policy.PersistentConnect)
	}
	if pk.Connect.WillFlag {
		asked = append(asked, policy.LastWill)
	}
	return asked
}

// OnSessionEstablished publishes the device's connected event. [AWS 2.1 LCE]
func (h *hook) OnSessionEstablished(cl *mqtt.Client, _ packets.Packet) {
	if s := h.broker.sessions.of(cl); s != nil {
		h.broker.options.Events.Send(runlog.Event{Kind: runlog.Connected, Thing: cl.ID})
		h.presence(cl, s, "connected", nil)
	}
}

// OnDisconnect publishes the device's disconnected event with the reason.
func (h *hook) OnDisconnect(cl *mqtt.Client, err error, _ bool) {
	s := h.broker.sessions.remove(cl)
	if s == nil {
		return
	}
	reason := disconnectReason(cl.IsTakenOver(), s.endedBy(), err)
	h.broker.options.Events.Send(runlog.Event{Kind: runlog.Disconnected, Thing: cl.ID, Detail: reason})
	h.presence(cl, s, "disconnected",
		map[string]any{"disconnectReason": reason, "clientInitiatedDisconnect": reason == clientInitiated})
}

// presence publishes a lifecycle event; rules and subscribers both see it.
func (h *hook) presence(cl *mqtt.Client, s *session, kind string, more map[string]any) {
	if strings.ContainsAny(cl.ID, "#+") {
		return // AWS IoT publishes none of such clients [Lifecycle events]
	}
	body := map[string]any{
		"clientId": cl.ID, "timestamp": time.Now().UnixMilli(), "eventType": kind, "sessionIdentifier": s.id,
		"principalIdentifier": s.certificateID(), "versionNumber": s.version,
	}
	if kind == "connected" {
		body["ipAddress"] = s.sourceIP
	}
	for k, v := range more {
		body[k] = v
	}
	payload, err := json.Marshal(body)
	if err == nil {
		err = h.broker.Publish(message.New("$aws/events/presence/"+kind+"/"+cl.ID, payload))
	}
	if err != nil {
		h.broker.options.Events.Send(
			runlog.Event{Kind: runlog.Failed, Thing: cl.ID, Action: "presence", Error: err.Error()},
		)
	}
}

// OnSubscribe decides on each filter. The server asks again through OnACLCheck, which cannot tell a filter from the
// topic of a message to be received; it therefore uses the decisions made here, until OnSubscribed.
func (h *hook) OnSubscribe(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	s := h.broker.sessions.of(cl)
	if s == nil {
		return pk
	}
	allowed := map[string]bool{}
	for i, sub := range pk.Filters {
		name := sub.Filter
		if rest, ok := strings.CutPrefix(name, "$share/"); ok {
			_, name, _ = strings.Cut(rest, "/")
		}
		err := topic.ValidateFilter(name)
		if _, _, basic := topic.TrimBasicIngest(name + "/"); err == nil && basic {
			err = fmt.Errorf("devices cannot subscribe to Basic Ingest topics") // [IoT-SQL 5 Basic Ingest]
		}
		if err == nil && !s.allows(policy.Subscribe, "topicfilter/", name) {
			err = fmt.Errorf("no policy allows it")
		}
		if err != nil {
			h.refuse(cl, policy.Subscribe, sub.Filter, err.Error())
			pk.Filters[i].Filter = "" // the server rejects an empty filter
			continue
		}
		allowed[sub.Filter] = true
		if strings.ContainsAny(name, "+#") {
			// AWS IoT sends retained messages only to a subscription without wildcards.
			pk.Filters[i].RetainHandling = retainNever
		}
	}
	s.beginSubscribing(allowed)
	return pk
}

// OnSubscribed forgets the decisions of OnSubscribe and turns "invalid filter", the server's code for an emptied
// filter, into "not authorized".
func (h *hook) OnSubscribed(cl *mqtt.Client, pk packets.Packet, codes []byte) {
	if s := h.broker.sessions.of(cl); s != nil {
		s.beginSubscribing(nil)
	}
	for i, sub := range pk.Filters {
		if sub.Filter == "" && codes[i] == packets.ErrTopicFilterInvalid.Code {
			codes[i] = packets.ErrNotAuthorized.Code
		}
	}
}

// OnACLCheck decides whether the client may receive a message. Publishing is decided in OnPublish, where the topic
// alias has been resolved and a refusal can disconnect.
func (h *hook) OnACLCheck(cl *mqtt.Client, name string, write bool) bool {
	if write || cl.Net.Inline {
		return true
	}
	s := h.broker.sessions.of(cl)
	if s == nil {
		return false
	}
	if strings.ContainsAny(name, "+#") || s.isSubscribing(name) {
		return true // a filter, decided in OnSubscribe
	}
	if _, parent := cl.State.Subscriptions.Get(name + "/#"); parent && !subscribed(cl, name) {
		return false // the server follows MQTT, where "a/#" covers "a"
	}
	return s.allows(policy.Receive, "topic/", name)
}

// OnPublish authorizes a device's message, passes it on, and lets the server deliver it to the subscribers.
func (h *hook) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if cl.Net.Inline {
		return pk, nil // the broker's own message, already passed on
	}
	s := h.broker.sessions.of(cl)
	if s == nil {
		return pk, packets.ErrRejectPacket
	}
	if err := s.mayPublish(pk.TopicName, pk.Payload, pk.FixedHeader.Retain); err != nil {
		// AWS IoT closes the connection of a client that publishes without permission.
		h.refuse(cl, policy.Publish, pk.TopicName, err.Error())
		h.broker.disconnect(cl, packets.ErrNotAuthorized)
		return pk, packets.ErrRejectPacket
	}
	h.passOn(cl, s, pk)
	if _, _, basic := topic.TrimBasicIngest(pk.TopicName); basic {
		return pk, packets.CodeSuccessIgnore // acknowledged, but only for its rule
	}
	if _, provisioning := topic.ParseProvisioning(pk.TopicName); provisioning {
		return pk, packets.CodeSuccessIgnore // contains a token that other devices with this claim must not see
	}
	return pk, nil
}

func (h *hook) passOn(cl *mqtt.Client, s *session, pk packets.Packet) {
	m := message.New(pk.TopicName, pk.Payload)
	m.QoS, m.Retain = pk.FixedHeader.Qos, pk.FixedHeader.Retain
	m.ClientID, m.Principal, m.SourceIP, m.Session = cl.ID, s.certificateID(), s.sourceIP, s.id
	if cl.Properties.ProtocolVersion == 5 {
		m.MQTT5 = messageProperties(&pk.Properties)
	}
	stamp(&m)
	h.broker.options.Events.Send(
		runlog.Event{Time: m.Time, Kind: runlog.Received, Thing: cl.ID, Topic: m.Topic, Bytes: len(m.Payload),
			Trace: m.TraceID, Payload: m.Payload},
	)
	h.broker.options.Handle(m)
}

// mayPublish returns the reason why the device may not publish; it checks the broker's limits, then the policies.
func (s *session) mayPublish(name string, payload []byte, retain bool) error {
	if err := topic.ValidateName(name); err != nil {
		return err
	}
	if len(payload) > maxPayload {
		return fmt.Errorf("the payload of %d bytes exceeds AWS IoT's limit of %d", len(payload), maxPayload)
	}
	if topic.Reserved(name) {
		if err := served(name); err != nil {
			return err
		}
	}
	if !s.allows(policy.Publish, "topic/", name) {
		return fmt.Errorf("no policy allows it")
	}
	if retain && !s.allows(policy.RetainPublish, "topic/", name) {
		return fmt.Errorf("no policy allows iot:RetainPublish")
	}
	return nil
}

// served returns the reason why devices cannot publish to the reserved topic, or nil.
func served(name string) error {
	if _, _, basic := topic.TrimBasicIngest(name); basic {
		return nil
	}
	if p, ok := topic.ParseProvisioning(name); ok {
		switch {
		case p.Answer != "":
			return fmt.Errorf("only AWS IoT may publish the answers of device provisioning")
		case p.Format != "json":
			return fmt.Errorf(
				"iot-local serves device provisioning with JSON payloads only: publish to the topic that ends in /json",
			)
		}
		return nil
	}
	rest, ok := strings.CutPrefix(name, "$aws/things/")
	_, rest, found := strings.Cut(rest, "/")
	if ok && found && strings.HasPrefix(rest, "shadow/") {
		return nil
	}
	return fmt.Errorf("iot-local serves no other reserved topics than shadows, device provisioning and Basic Ingest")
}

// OnWill authorizes the last will when it is about to be sent.
func (h *hook) OnWill(cl *mqtt.Client, will mqtt.Will) (mqtt.Will, error) {
	s := h.broker.sessions.of(cl)
	if s == nil {
		return mqtt.Will{}, nil
	}
	if err := s.mayPublish(will.TopicName, will.Payload, will.Retain); err != nil {
		h.refuse(cl, policy.Publish, will.TopicName, "last will: "+err.Error())
		return mqtt.Will{}, nil // without a topic it is not sent
	}
	return will, nil
}

// OnWillSent passes the last will on like any other message.
func (h *hook) OnWillSent(cl *mqtt.Client, pk packets.Packet) {
	if s := h.broker.sessions.of(cl); s != nil && pk.TopicName != "" {
		h.passOn(cl, s, pk)
	}
}
