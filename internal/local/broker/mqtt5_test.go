package broker

import (
	"context"
	"crypto/tls"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
)

// connect5 connects an MQTT 5 client as the thing; received gets what the broker sends it.
func (r *fixture) connect5(t *testing.T, thing string) (client *paho.Client, received chan *paho.Publish, closed chan int) {
	t.Helper()
	conn, err := tls.Dial("tcp", r.Address(), r.tls(t, thing))
	if err != nil {
		t.Fatal(err)
	}
	received, closed = make(chan *paho.Publish, 10), make(chan int, 1)
	client = paho.NewClient(paho.ClientConfig{
		Conn: packets.NewThreadSafeConn(conn), // a request and a ping may be written at once
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			received <- p.Packet
			return true, nil
		}},
		OnServerDisconnect: func(d *paho.Disconnect) { closed <- int(d.ReasonCode) },
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := client.Connect(ctx, &paho.Connect{ClientID: thing, CleanStart: true, KeepAlive: 30}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Disconnect(&paho.Disconnect{}) })
	return client, received, closed
}

func TestMQTT5PropertiesPassBothWays(t *testing.T) {
	r := start(t)
	client, received, _ := r.connect5(t, "soil-001")
	if _, err := client.Subscribe(t.Context(),
		&paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "gh/soil-001/commands", QoS: 1}}}); err != nil {
		t.Fatal(err)
	}
	format := byte(1)
	if _, err := client.Publish(t.Context(), &paho.Publish{Topic: "gh/soil-001/telemetry", QoS: 1,
		Payload: []byte("{}"), Properties: &paho.PublishProperties{
			ContentType: "application/json", ResponseTopic: "gh/soil-001/answers", CorrelationData: []byte{1, 2},
			PayloadFormat: &format,
			User:          paho.UserProperties{{Key: "b", Value: "1"}, {Key: "a", Value: "2"}}}}); err != nil {
		t.Fatal(err)
	}
	want := &message.Properties{
		UTF8:            true,
		ContentType:     "application/json",
		ResponseTopic:   "gh/soil-001/answers",
		CorrelationData: []byte{1, 2},
		User:            []message.UserProperty{{Key: "b", Value: "1"}, {Key: "a", Value: "2"}},
	}
	if diff := cmp.Diff(want, r.next(t).MQTT5); diff != "" {
		t.Errorf("handed-on properties (-want +got):\n%s", diff)
	}

	m := message.New("gh/soil-001/commands", []byte("go"))
	m.QoS = 1
	m.MQTT5 = &message.Properties{ContentType: "text/plain", User: []message.UserProperty{{Key: "k", Value: "v"}}}
	if err := r.Publish(m); err != nil {
		t.Fatal(err)
	}
	p := <-received
	if p.Properties.ContentType != "text/plain" || p.Properties.User.Get("k") != "v" || string(p.Payload) != "go" {
		t.Errorf("received %+v", p)
	}
}

func TestMQTT5ClientIsToldWhyItIsDisconnected(t *testing.T) {
	r := start(t)
	client, _, closed := r.connect5(t, "soil-001")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	client.Publish(ctx, &paho.Publish{Topic: "gh/soil-002/telemetry", QoS: 0, Payload: []byte("x")})
	select {
	case code := <-closed:
		if code != 0x87 {
			t.Errorf("reason code %#x, want 0x87 (not authorized)", code)
		}
	case <-ctx.Done():
		t.Error("the connection stayed open")
	}
}

// TestMessageExpiry: what a message says of its end is passed on, for a week at most, and one without an end has none.
func TestMessageExpiry(t *testing.T) {
	r := start(t)
	client, received, _ := r.connect5(t, "soil-001")
	if _, err := client.Subscribe(t.Context(),
		&paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "gh/soil-001/commands", QoS: 1}}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		why            string
		seconds, least uint32
		most           uint32
	}{
		{"an hour", 3600, 3590, 3600},
		{"a year is a week", 365 * 86_400, maxExpiry - 10, maxExpiry},
		{"no end", 0, 0, 0},
	} {
		m := message.New("gh/soil-001/commands", []byte("go"))
		m.QoS, m.MQTT5 = 1, &message.Properties{ExpirySeconds: c.seconds}
		if err := r.Deliver(m); err != nil {
			t.Fatal(err)
		}
		left := uint32(0)
		if p := <-received; p.Properties.MessageExpiry != nil {
			left = *p.Properties.MessageExpiry
		}
		if left < c.least || left > c.most {
			t.Errorf("%s: %d seconds are left, want %d to %d", c.why, left, c.least, c.most)
		}
	}
}
