package endtoend_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	v5 "github.com/eclipse/paho.golang/paho"
	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/uuid"

	"github.com/iot-pipeline/terraform-provider-iot/client"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/gateway"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/operate"
)

const commandedPipeline = `
resource "iot_pipeline" "gh" {
  name          = "NAME"
  devices       = { "gw-1" = { gateway = {} } }
  edge          = {}
  api           = {}
  archive       = { enabled = false }
  processor     = { batch_window_seconds = 0 }
  force_destroy = true
}
`

// TestEdgeCommands: commands reach devices behind a gateway that nobody has described, with what MQTT 5 says of them;
// their answers come back; and what expires meanwhile is never delivered.
func TestEdgeCommands(t *testing.T) {
	w := deploy(t, strings.ReplaceAll(commandedPipeline, "NAME", name),
		func(o *local.Options) { o.HTTPAddr = "127.0.0.1:0" })
	g := newEdge(t, w, startLine(t, w.runtime.MQTTAddr()).listener.Addr(), "valve", "lamp")
	g.run(t)
	w.awaitSettled(t, "gw-1", 0) // children may answer
	c := &commanded{w: w, g: g, api: &application{url: "http://" + w.runtime.HTTPAddr()}}
	c.api.ClientWithResponses = must(client.NewClientWithResponses(c.api.url))(t)
	t.Run("an answer", func(t *testing.T) { answeredByChild(t, c) })
	t.Run("expiry", func(t *testing.T) { expiredForChildren(t, c) })
	t.Run("other ways", func(t *testing.T) { otherWaysToChild(t, c) })
	if letters := w.takeLetters(t); len(letters) > 0 {
		t.Errorf("dead letters %s", letters)
	}
}

// commanded is a gateway whose children get commands from the API.
type commanded struct {
	w   *deployment
	g   *gatewayProgram
	api *application
}

// send sends a command to a child, and returns its ID.
func (c *commanded) send(t *testing.T, child, action string, expires int64) string {
	t.Helper()
	sent := must(c.api.SendCommandWithResponse(t.Context(), "gw-1:"+child,
		&client.SendCommandParams{ExpiresIn: &expires}, client.SendCommandJSONRequestBody{"action": action}))(t)
	if sent.JSON202 == nil {
		t.Fatalf("got %d %s", sent.StatusCode(), sent.Body)
	}
	return sent.JSON202.ID
}

// status is what the API says of a command.
func (c *commanded) status(t *testing.T, child, id string) string {
	t.Helper()
	c.w.drain(t)
	answer := must(c.api.GetCommandWithResponse(t.Context(), "gw-1:"+child, uuid.MustParse(id)))(t)
	if answer.JSON200 == nil {
		t.Fatalf("got %d %s", answer.StatusCode(), answer.Body)
	}
	return string(answer.JSON200.Status)
}

// child5 is a child with MQTT 5 and a session of an hour.
type child5 struct {
	*v5.Client
	got chan *v5.Publish
}

func (c *commanded) connect5(t *testing.T, name string) *child5 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn := must(net.Dial("tcp", c.g.address))(t)
	d := &child5{got: make(chan *v5.Publish, 10)}
	d.Client = v5.NewClient(v5.ClientConfig{Conn: packets.NewThreadSafeConn(conn), PacketTimeout: patience,
		OnPublishReceived: []func(v5.PublishReceived) (bool, error){func(p v5.PublishReceived) (bool, error) {
			d.got <- p.Packet
			return true, nil
		}}})
	hour := uint32(3600)
	must(d.Connect(ctx, &v5.Connect{ClientID: name, KeepAlive: 30, UsernameFlag: true, Username: name, PasswordFlag: true,
		Password: []byte(c.g.password), Properties: &v5.ConnectProperties{SessionExpiryInterval: &hour}}))(t)
	must(d.Subscribe(ctx, &v5.Subscribe{Subscriptions: []v5.SubscribeOptions{{Topic: "commands", QoS: 1}}}))(t)
	t.Cleanup(func() { conn.Close() })
	return d
}

// next is the next command, whose payload has an action.
func (d *child5) next(t *testing.T, action string) *v5.Publish {
	t.Helper()
	select {
	case p := <-d.got:
		if !strings.Contains(string(p.Payload), `"action":"`+action+`"`) {
			t.Fatalf("the child got %s, want the action %s", p.Payload, action)
		}
		return p
	case <-time.After(patience):
		t.Fatalf("the child did not get the command %s", action)
		return nil
	}
}

// expiry is how many seconds a message says that it has left; 0 if it says nothing.
func expiry(p *v5.Publish) uint32 {
	if p.Properties.MessageExpiry == nil {
		return 0
	}
	return *p.Properties.MessageExpiry
}

// answeredByChild: the child learns where to answer, and its answer completes the command.
func answeredByChild(t *testing.T, c *commanded) {
	valve := c.connect5(t, "valve")
	defer func() { _ = valve.Disconnect(&v5.Disconnect{}) }()
	id := c.send(t, "valve", "open", 60)
	p := valve.next(t, "open")
	if want := name + "/gw-1:valve/commands/" + id + "/result"; p.Topic != "commands" ||
		p.Properties.ResponseTopic != want || string(p.Properties.CorrelationData) != id ||
		p.Properties.ContentType != "application/json" || p.Properties.PayloadFormat == nil {
		t.Errorf("the child got %s with %+v, want an answer on %s", p.Topic, p.Properties, want)
	}
	if left := expiry(p); left < 30 || left > 60 {
		t.Errorf("the command has %d seconds left of 60", left)
	}
	if got := c.status(t, "valve", id); got != "sent" {
		t.Errorf("before the answer, the command is %s", got)
	}
	must(valve.Publish(t.Context(), &v5.Publish{Topic: p.Properties.ResponseTopic, QoS: 1,
		Properties: &v5.PublishProperties{CorrelationData: p.Properties.CorrelationData},
		Payload:    []byte(`{"status":"succeeded","result":{"position":"open"}}`)}))(t)
	c.g.forwards(t)
	if got := c.status(t, "valve", id); got != "succeeded" {
		t.Errorf("after the answer, the command is %s", got)
	}
	device := must(c.api.GetDeviceWithResponse(t.Context(), "gw-1:valve"))(t)
	if device.JSON200 == nil || device.JSON200.Gateway == nil || *device.JSON200.Gateway != "gw-1" ||
		!device.JSON200.Registered || device.JSON200.LastSeen == nil {
		t.Errorf("the API says of the child: %s", device.Body)
	}
	for _, unknown := range []string{"gw-2:valve", "gw-1:valve:a"} {
		got := must(c.api.SendCommandWithResponse(t.Context(), unknown, &client.SendCommandParams{},
			client.SendCommandJSONRequestBody{}))(t)
		if got.ApplicationProblemJSON404 == nil {
			t.Errorf("a command for %s: %d %s", unknown, got.StatusCode(), got.Body)
		}
	}
}

// expiredForChildren: of what is sent to children that are away, they get what has not expired when they are back.
func expiredForChildren(t *testing.T, c *commanded) {
	lamp := func() (paho.Client, chan string) {
		got := make(chan string, 10)
		d := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + c.g.address).SetClientID("lamp").
			SetUsername("lamp").SetPassword(c.g.password).SetAutoReconnect(false).SetProtocolVersion(4).
			SetCleanSession(false).SetConnectTimeout(patience).
			SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { got <- string(m.Payload()) }))
		for _, step := range []func() paho.Token{d.Connect,
			func() paho.Token { return d.Subscribe("commands", 1, nil) }} {
			if token := step(); !token.WaitTimeout(patience) || token.Error() != nil {
				t.Fatalf("the lamp: %v", token.Error())
			}
		}
		return d, got
	}
	old, _ := lamp()
	old.Disconnect(100)
	c.g.await(t, "the children are away", func(s gateway.Status) bool { return s.Children == 0 })
	before := c.g.status(t).Commands
	late := map[string]string{}
	for _, child := range []string{"valve", "lamp"} {
		c.send(t, child, "first", 600)
		late[child] = c.send(t, child, "late", 1)
		c.send(t, child, "last", 600)
	}
	s := c.g.await(t, "commands have expired", func(s gateway.Status) bool { return s.Commands.Expired == before.Expired+2 })
	if s.Commands.Sent != before.Sent+6 || s.Commands.Undelivered != before.Undelivered {
		t.Errorf("the gateway counts %+v, before %+v", s.Commands, before)
	}
	valve := c.connect5(t, "valve")
	defer func() { _ = valve.Disconnect(&v5.Disconnect{}) }()
	for _, action := range []string{"first", "last"} {
		if left := expiry(valve.next(t, action)); left < 300 || left > 599 {
			t.Errorf("the command %s has %d seconds left of 600, after more than one", action, left)
		}
	}
	old, got := lamp()
	defer old.Disconnect(100)
	for _, action := range []string{"first", "last"} {
		if text := next(t, got); !strings.Contains(text, `"action":"`+action+`"`) {
			t.Errorf("the lamp got %s, want the action %s", text, action)
		}
	}
	for child, id := range late {
		if got := c.status(t, child, id); got != "expired" {
			t.Errorf("the command that %s never got is %s", child, got)
		}
	}
}

// otherWaysToChild: each way brings one message, and nothing has come that was not awaited.
func otherWaysToChild(t *testing.T, c *commanded) {
	valve := c.connect5(t, "valve")
	defer func() { _ = valve.Disconnect(&v5.Disconnect{}) }()
	own := message.New(name+"/gw-1:valve/commands", []byte(`{"action":"by rule"}`))
	own.QoS, own.MQTT5 = 1, &message.Properties{ExpirySeconds: 60, ResponseTopic: "elsewhere"}
	if err := c.w.runtime.Publish(own); err != nil {
		t.Fatal(err)
	}
	if p := valve.next(t, "by rule"); expiry(p) != 0 || p.Properties.ResponseTopic != "" {
		t.Errorf("a rule passes on %+v", p.Properties)
	}
	sent, err := operate.Send(t.Context(), c.w.operated(t), operate.Command{Payload: `{"action":"by hand"}`,
		Devices: []string{"gw-1:valve"}}, func(string) {})
	if err != nil || sent != 1 {
		t.Fatalf("sent %d, %v", sent, err)
	}
	if left := expiry(valve.next(t, "by hand")); left != 0 {
		t.Errorf("a command without end has %d seconds left", left)
	}
	c.send(t, "valve", "at last", 60)
	valve.next(t, "at last")
	if s := c.g.status(t); s.Commands.Undelivered != 0 || len(valve.got) > 0 {
		t.Errorf("at the end: %+v, %d more", s.Commands, len(valve.got))
	}
}
