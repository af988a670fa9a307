package broker

import (
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/queue"
)

// FuzzClient sends any bytes, before a client is known and after. Nothing ends the program, nothing is taken but what a
// child may publish, and another child is served afterwards.
func FuzzClient(f *testing.F) {
	var mu sync.Mutex
	var wrong []string
	b, err := Start(Options{Prefix: "gh", Gateway: "gw-1", Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Children: map[string]config.Child{"a": {Password: hash()}, "b": {Password: hash()}},
		Take: func(child, topic string, payload []byte) error {
			mu.Lock()
			defer mu.Unlock()
			rest, own := strings.CutPrefix(topic, "gh/gw-1:"+child+"/")
			if !own || strings.ContainsAny(rest, "+#\x00") || len(payload) > queue.MaxPayload || len(topic) > queue.MaxTopic {
				wrong = append(wrong, topic)
			}
			return nil
		}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(b.Close)
	b.AllowCommandResults(true)
	b.pause = 0
	open := func(t testing.TB, version byte) (*client, chan struct{}) {
		t.Helper()
		ours, theirs := net.Pipe()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = b.server.EstablishConnection("fuzz", newConn(ours)) // whatever it says
			ours.Close()
		}()
		c := &client{Conn: theirs, t: t, version: version}
		c.reset()
		return c, ended
	}
	seed := func(version byte, all ...packets.Packet) {
		c := &client{t: f, version: version}
		var text []byte
		for _, pk := range all {
			text = append(text, c.encode(pk)...)
		}
		f.Add(text, version == 5, true)
		f.Add(text, version == 5, false)
	}
	publish := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 1}, PacketID: 7,
		TopicName: "commands/1/result", Payload: []byte("{}")}
	subscribe := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Subscribe, Qos: 1}, PacketID: 1,
		Filters: packets.Subscriptions{{Filter: "commands", Qos: 1}}}
	connect := connectPacket("a", secret)
	connect.Connect.WillFlag, connect.Connect.WillTopic, connect.Connect.WillPayload = true, "status", []byte("off")
	aliased := publish
	aliased.Properties.TopicAlias, aliased.Properties.TopicAliasFlag = 3, true
	seed(4, publish, subscribe)
	seed(5, aliased, publish, subscribe)
	seed(4, connect, publish)
	seed(5, connect, aliased)
	f.Fuzz(func(t *testing.T, data []byte, five, known bool) {
		version := byte(4)
		if five {
			version = 5
		}
		c, ended := open(t, version)
		if known {
			c.mustConnect("a", nil)
		}
		go io.Copy(io.Discard, c.read)
		_, _ = c.Write(data) // the broker may end the connection
		c.Close()
		<-ended
		other, ended := open(t, 4)
		other.mustConnect("b", nil)
		other.Close()
		<-ended
		mu.Lock()
		defer mu.Unlock()
		if len(wrong) > 0 {
			t.Fatalf("%q: taken are messages on %q", data, wrong)
		}
	})
}
