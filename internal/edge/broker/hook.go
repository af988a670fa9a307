package broker

import (
	"crypto/tls"
	"strings"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/queue"
)

// hook receives the callbacks of the MQTT server.
type hook struct {
	mqtt.HookBase
	broker *Broker
}

// ID implements mqtt.Hook.
func (h *hook) ID() string { return "iot-edge" }

// Provides lists the callbacks that the server should call.
func (h *hook) Provides(b byte) bool {
	switch b {
	case mqtt.OnConnect, mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnSessionEstablish,
		mqtt.OnSessionEstablished, mqtt.OnDisconnect, mqtt.OnSubscribe, mqtt.OnUnsubscribe, mqtt.OnPublish,
		mqtt.OnPublishDropped, mqtt.OnPacketRead, mqtt.OnPacketEncode, mqtt.OnWill, mqtt.OnClientExpired:
		return true
	}
	return false
}

// maxLogged is how much of what a client sends goes into a line of the log.
const maxLogged = 128

func shortened(text string) string {
	if len(text) <= maxLogged {
		return text
	}
	return text[:maxLogged] + "…"
}

func (h *hook) refuse(child, remote, what string) {
	h.broker.refused.Add(1)
	h.broker.options.Log.Warn("A client was refused.", "child", shortened(child), "remote", remote,
		"why", shortened(what))
}

// maxKeepAlive is the longest one for which the MQTT server computes a deadline: it is one and a half times as long, in
// sixteen bits.
const maxKeepAlive = 43_690

// OnConnect sees a client before it is known.
func (h *hook) OnConnect(cl *mqtt.Client, pk packets.Packet) error {
	if pk.Connect.Keepalive > maxKeepAlive {
		cl.State.Keepalive = maxKeepAlive
		cl.State.ServerKeepalive = pk.ProtocolVersion == 5 // older clients cannot be told, and need not
	}
	// With a quota, the MQTT server takes a read lock twice (Inflight.NextImmediate in mochi-mqtt 2.7.9), and stands
	// still forever when a command is sent to the child in between.
	cl.State.Inflight.ResetSendQuota(0)
	return nil
}

// OnConnectAuthenticate identifies the child. Its name is its client ID as well, whatever it sent: nobody can take over
// the session of another.
func (h *hook) OnConnectAuthenticate(cl *mqtt.Client, pk packets.Packet) bool {
	c := connOf(cl.Net.Conn)
	h.broker.strangers.proves(c, true)
	late := time.NewTimer(h.broker.pause)
	defer late.Stop()
	child, why := h.identify(cl, pk)
	if why != "" {
		h.refuse(child, cl.Net.Remote, why)
		h.broker.strangers.proves(c, false)
		select {
		case <-late.C:
		case <-h.broker.done:
		}
		return false
	}
	cl.ID = child
	cl.Properties.Props.TopicAliasMaximum = 0 // OnPacketEncode changes topics
	return true
}

// identify returns the child's name, and why it is not let in.
func (h *hook) identify(cl *mqtt.Client, pk packets.Packet) (child, why string) {
	child = string(pk.Connect.Username)
	if certified := commonName(cl); certified != "" && (child == "" || child == certified) {
		if _, ok := h.broker.options.Children[certified]; !ok {
			return certified, "the gateway has no child of the certificate's common name"
		}
		return certified, ""
	}
	known, ok := h.broker.options.Children[child]
	if !ok || known.Password == "" {
		return child, wrongPassword
	}
	return child, h.broker.passwords.check(child, cl.Net.Remote, config.PasswordHash(known.Password),
		pk.Connect.Password, h.broker.done)
}

// commonName is that of a client certificate that the client CA signed.
func commonName(cl *mqtt.Client) string {
	conn, ok := cl.Net.Conn.(*tls.Conn)
	if !ok {
		return ""
	}
	state := conn.ConnectionState()
	if len(state.VerifiedChains) == 0 {
		return ""
	}
	return state.PeerCertificates[0].Subject.CommonName
}

// OnSessionEstablish is called before a child takes over the session that it had.
func (h *hook) OnSessionEstablish(cl *mqtt.Client, pk packets.Packet) {
	h.broker.resume(cl.ID, pk.Connect.Clean)
}

// OnSessionEstablished notes the connection.
func (h *hook) OnSessionEstablished(cl *mqtt.Client, pk packets.Packet) {
	h.broker.mu.Lock()
	h.broker.clients[cl] = cl.ID
	closed := h.broker.closed
	h.broker.mu.Unlock()
	c := connOf(cl.Net.Conn)
	c.establish()
	h.broker.strangers.leave(c)
	if !cl.IsTakenOver() { // else a newer connection was here before
		h.broker.back(cl.ID, c, pk.Connect.Clean)
	}
	if closed {
		h.broker.disconnect(cl, packets.ErrServerShuttingDown)
		return
	}
	h.broker.options.Log.Debug("A child has connected.", "child", cl.ID, "remote", cl.Net.Remote)
}

// OnDisconnect forgets the connection.
func (h *hook) OnDisconnect(cl *mqtt.Client, err error, _ bool) {
	h.broker.mu.Lock()
	delete(h.broker.clients, cl)
	h.broker.mu.Unlock()
	h.broker.options.Log.Debug("A child has disconnected.", "child", cl.ID, "error", err)
}

// own returns what follows the child's own name in a topic: "telemetry" for both forms.
func (h *hook) own(child, name string) string {
	return strings.TrimPrefix(name, h.broker.options.Prefix+"/"+h.broker.thing(child)+"/")
}

// full is the topic of a child in the pipeline.
func (h *hook) full(child, rest string) string {
	return h.broker.options.Prefix + "/" + h.broker.thing(child) + "/" + rest
}

const commands = "commands"

// OnSubscribe allows a child its own commands only.
func (h *hook) OnSubscribe(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	for i, s := range pk.Filters {
		if h.own(cl.ID, s.Filter) != commands {
			h.refuse(cl.ID, cl.Net.Remote, "subscribing to "+s.Filter)
			pk.Filters[i].Filter = "" // the server rejects an empty filter
			continue
		}
		h.broker.mu.Lock()
		h.broker.short[cl.ID] = s.Filter == commands
		h.broker.mu.Unlock()
		pk.Filters[i].Filter = h.full(cl.ID, commands)
	}
	return pk
}

// OnUnsubscribe undoes what OnSubscribe did to the topic.
func (h *hook) OnUnsubscribe(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	for i, s := range pk.Filters {
		if h.own(cl.ID, s.Filter) == commands {
			pk.Filters[i].Filter = h.full(cl.ID, commands)
		}
	}
	return pk
}

// OnPacketEncode gives a command the topic to which the child subscribed, and the time that is left.
func (h *hook) OnPacketEncode(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	if pk.FixedHeader.Type == packets.Publish {
		h.broker.mu.Lock()
		if h.broker.short[cl.ID] {
			pk.TopicName = commands
		}
		h.broker.mu.Unlock()
		if left := h.broker.left(cl.ID, pk.Created); left > 0 && pk.FixedHeader.Qos > 0 {
			pk.Properties.MessageExpiryInterval = left
		}
	}
	return pk
}

// OnPublishDropped is called for a command to a child that is connected and reads too slowly.
func (h *hook) OnPublishDropped(cl *mqtt.Client, _ packets.Packet) {
	h.broker.lose(cl.ID, 1, "the child reads too slowly")
}

// OnACLCheck lets a child receive its own commands. What it publishes is decided in OnPublish, where a topic alias has
// been resolved.
func (h *hook) OnACLCheck(cl *mqtt.Client, name string, write bool) bool {
	return write || cl.Net.Inline || name == h.full(cl.ID, commands)
}

// publishable reports whether a child may publish on a topic, of which rest follows its name.
func (h *hook) publishable(rest string) bool {
	if rest == "telemetry" || rest == "status" {
		return true
	}
	id, ok := strings.CutPrefix(rest, commands+"/")
	id, result := strings.CutSuffix(id, "/result")
	return ok && result && validID(id) && h.broker.commandResults.Load()
}

// validID reports whether a command can have the ID. AWS IoT ends the connection of whoever publishes on a topic that
// is none: a child would lock the gateway out.
func validID(id string) bool {
	return id != "" && strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:") == ""
}

// OnPacketRead refuses what the MQTT server would leave without an answer: the child would wait for one forever.
func (h *hook) OnPacketRead(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if pk.FixedHeader.Type != packets.Publish {
		return pk, nil
	}
	switch {
	case pk.FixedHeader.Qos > 1:
		h.refuse(cl.ID, cl.Net.Remote, "publishing with QoS 2: use 0 or 1")
		h.broker.disconnect(cl, packets.ErrQosNotSupported)
		return pk, packets.ErrRejectPacket
	case !mqtt.IsValidFilter(pk.TopicName, true):
		h.refuse(cl.ID, cl.Net.Remote, "publishing on "+pk.TopicName)
		h.broker.disconnect(cl, packets.ErrTopicNameInvalid)
		return pk, packets.ErrRejectPacket
	}
	return pk, nil
}

// OnClientExpired is called before the server forgets the session of a child that has been away for long.
func (h *hook) OnClientExpired(cl *mqtt.Client) {
	if n := len(commandsOf(cl)); n > 0 {
		h.broker.lose(cl.ID, n, "the child's session has expired")
	}
}

// OnPublish stores a child's message. The server acknowledges it afterwards, and sends it to nobody.
func (h *hook) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if cl.Net.Inline { // a command
		pk.Created = int64(pk.PacketID) // see outbox
		return pk, nil
	}
	rest := h.own(cl.ID, pk.TopicName)
	name := h.full(cl.ID, rest)
	if !h.publishable(rest) || len(pk.Payload) > queue.MaxPayload || len(name) > queue.MaxTopic {
		h.refuse(cl.ID, cl.Net.Remote, "publishing on "+pk.TopicName)
		return pk, h.fail(cl, pk, packets.ErrNotAuthorized)
	}
	if err := h.broker.options.Take(cl.ID, name, pk.Payload); err != nil {
		h.broker.failed.Add(1)
		h.broker.options.Log.Error("A message could not be stored.", "child", cl.ID, "error", err)
		return pk, h.fail(cl, pk, packets.ErrQuotaExceeded)
	}
	h.broker.messages.Add(1)
	return pk, packets.CodeSuccessIgnore
}

// fail tells a client that its message was not taken: by the acknowledgement's reason code, or, before MQTT 5, by the
// end of the connection, after which the client sends it again.
func (h *hook) fail(cl *mqtt.Client, pk packets.Packet, code packets.Code) error {
	if cl.Properties.ProtocolVersion == 5 && pk.FixedHeader.Qos > 0 {
		return code
	}
	if pk.FixedHeader.Qos > 0 || code == packets.ErrNotAuthorized {
		h.broker.disconnect(cl, code)
	}
	return packets.ErrRejectPacket
}
