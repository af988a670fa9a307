package broker

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/ca"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/policy"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/registry"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

const devicePolicy = `{"Statement":[
 {"Effect":"Allow","Action":"iot:Connect","Resource":"*client/${iot:Connection.Thing.ThingName}"},
 {"Effect":"Allow","Action":["iot:Publish","iot:Receive"],"Resource":["*topic/gh/${iot:Connection.Thing.ThingName}/*","*topic/$aws/rules/*"]},
 {"Effect":"Allow","Action":"iot:Subscribe","Resource":["*topicfilter/gh/${iot:Connection.Thing.ThingName}/*","*topicfilter/gh/#"]}]}`

// fakeRegistry knows certificates by their common name, which is the thing's.
type fakeRegistry struct {
	mu       sync.Mutex
	inactive map[string]bool
	text     string
}

func (f *fakeRegistry) Active(_ context.Context, c *x509.Certificate) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.inactive[c.Subject.CommonName] {
		return "", errors.New("certificate is INACTIVE, not ACTIVE")
	}
	return "arn", nil
}

func (f *fakeRegistry) Authorize(
	ctx context.Context,
	c *x509.Certificate,
	clientID, sourceIP string,
) (*registry.Grant, error) {
	if _, err := f.Active(ctx, c); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	d, err := policy.Parse(f.text)
	if err != nil {
		return nil, err
	}
	subject := policy.Subject{ClientID: clientID, SourceIP: sourceIP}
	if c.Subject.CommonName == clientID {
		subject.Thing = clientID
	}
	return &registry.Grant{
		CertificateID: registry.Fingerprint(c),
		Thing:         subject.Thing,
		Policies:      policy.Compile([]*policy.Document{d}, subject),
	}, nil
}

func (f *fakeRegistry) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// fixture is a running broker with what it handed on and told.
type fixture struct {
	*Broker
	registry *fakeRegistry
	roots    *x509.CertPool
	handled  chan message.Message
	events   chan runlog.Event
}

func start(t *testing.T) *fixture {
	t.Helper()
	authority, err := ca.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := authority.Server("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	r := &fixture{registry: &fakeRegistry{inactive: map[string]bool{}, text: devicePolicy}, roots: authority.Pool(),
		handled: make(chan message.Message, 100), events: make(chan runlog.Event, 1000)}
	r.Broker, err = Start(
		Options{Address: "127.0.0.1:0", Certificate: certificate, Authorizer: r.registry, Refresh: time.Hour,
			Handle: func(m message.Message) { r.handled <- m }, Events: func(e runlog.Event) { r.events <- e }},
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// next returns the next forwarded message that is not a presence event.
func (r *fixture) next(t *testing.T) message.Message {
	t.Helper()
	for {
		select {
		case m := <-r.handled:
			if !strings.HasPrefix(m.Topic, "$aws/events/") {
				return m
			}
		case <-time.After(10 * time.Second):
			t.Fatal("no message arrived")
		}
	}
}

// told returns the next event of the kind.
func (r *fixture) told(t *testing.T, kind runlog.Kind) runlog.Event {
	t.Helper()
	for {
		select {
		case e := <-r.events:
			if e.Kind == kind {
				return e
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no event %q", kind)
		}
	}
}

func deviceCertificate(t *testing.T, thing string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: thing},
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (r *fixture) tls(t *testing.T, thing string) *tls.Config {
	t.Helper()
	return &tls.Config{RootCAs: r.roots, Certificates: []tls.Certificate{deviceCertificate(t, thing)}}
}

// connect connects with the thing's certificate under the client ID; lost is closed when the connection is.
func (r *fixture) connect(
	t *testing.T,
	thing, clientID string,
	change ...func(*paho.ClientOptions),
) (client paho.Client, lost chan struct{}, err error) {
	t.Helper()
	lost = make(chan struct{})
	o := paho.NewClientOptions().AddBroker("ssl://" + r.Address()).SetClientID(clientID).SetTLSConfig(r.tls(t, thing)).
		SetProtocolVersion(4).SetAutoReconnect(false).SetConnectRetry(false).
		SetConnectionLostHandler(func(paho.Client, error) { close(lost) })
	for _, c := range change {
		c(o)
	}
	client = paho.NewClient(o)
	token := client.Connect()
	if !token.WaitTimeout(10 * time.Second) {
		return nil, nil, errors.New("no answer to CONNECT")
	}
	t.Cleanup(func() { client.Disconnect(0) })
	return client, lost, token.Error()
}

func (r *fixture) mustConnect(
	t *testing.T,
	thing string,
	change ...func(*paho.ClientOptions),
) (paho.Client, chan struct{}) {
	t.Helper()
	c, lost, err := r.connect(t, thing, thing, change...)
	if err != nil {
		t.Fatal(err)
	}
	return c, lost
}

func wait(t *testing.T, token paho.Token) error {
	t.Helper()
	if !token.WaitTimeout(10 * time.Second) {
		t.Fatal("no answer from the broker")
	}
	return token.Error()
}

func awaitLoss(t *testing.T, lost chan struct{}) {
	t.Helper()
	select {
	case <-lost:
	case <-time.After(10 * time.Second):
		t.Fatal("the connection stayed open")
	}
}

func TestMessageIsHandedOnWithItsPublisher(t *testing.T) {
	r := start(t)
	c, _ := r.mustConnect(t, "soil-001")
	if err := wait(t, c.Publish("gh/soil-001/telemetry", 1, false, []byte{0, 0xff})); err != nil {
		t.Fatal(err)
	}
	m := r.next(t)
	if m.Topic != "gh/soil-001/telemetry" || string(m.Payload) != "\x00\xff" || m.ClientID != "soil-001" ||
		m.SourceIP != "127.0.0.1" ||
		len(m.Principal) != 64 || m.TraceID == "" || m.Time.IsZero() ||
		m.MQTT5 != nil {
		t.Errorf("got %+v", m)
	}
}

func TestConnectIsRefused(t *testing.T) {
	r := start(t)
	r.registry.set(func() { r.registry.inactive["disabled"] = true })
	for reason, who := range map[string][2]string{
		"the client ID of another device": {"soil-001", "soil-002"},
		"a certificate that is inactive":  {"disabled", "disabled"},
	} {
		if _, _, err := r.connect(t, who[0], who[1]); err == nil {
			t.Errorf("connected with %s", reason)
		}
		r.told(t, runlog.Refused)
	}
	bare := paho.NewClientOptions().
		AddBroker("ssl://" + r.Address()).
		SetClientID("soil-001").
		SetTLSConfig(&tls.Config{RootCAs: r.roots})
	if err := wait(t, paho.NewClient(bare).Connect()); err == nil {
		t.Error("connected without a certificate")
	}
}

func TestForbiddenPublishDisconnects(t *testing.T) {
	for reason, c := range map[string]struct {
		topic   string
		payload int
		qos     byte
	}{
		"the topic of another device":        {"gh/soil-002/telemetry", 1, 1},
		"the topic of another device, QoS 0": {"gh/soil-002/telemetry", 1, 0},
		"a topic of nine levels":             {"gh/soil-001/3/4/5/6/7/8/9", 1, 1},
		"a payload over 128 KiB":             {"gh/soil-001/telemetry", 128<<10 + 1, 1},
		"a packet far over the limit":        {"gh/soil-001/telemetry", 1 << 20, 1},
		"a reserved topic":                   {"$aws/events/presence/connected/soil-001", 1, 1},
	} {
		t.Run(reason, func(t *testing.T) {
			r := start(t)
			client, lost := r.mustConnect(t, "soil-001")
			client.Publish(c.topic, c.qos, false, make([]byte, c.payload))
			awaitLoss(t, lost)
			r.told(t, runlog.Disconnected)
			for len(r.handled) > 0 {
				if m := <-r.handled; !strings.HasPrefix(m.Topic, "$aws/events/") {
					t.Errorf("the message was handed on: %s", m.Topic)
				}
			}
		})
	}
}

func TestRetainNeedsItsOwnPermission(t *testing.T) {
	r := start(t)
	c, lost := r.mustConnect(t, "soil-001")
	c.Publish("gh/soil-001/telemetry", 1, true, "x")
	awaitLoss(t, lost)
}

func TestSubscriptionsFollowThePolicy(t *testing.T) {
	r := start(t)
	c, _ := r.mustConnect(t, "soil-001")
	arrived := make(chan string, 10)
	handler := func(_ paho.Client, m paho.Message) { arrived <- m.Topic() }
	for filter, allowed := range map[string]bool{
		"gh/soil-001/commands": true, "gh/#": true, "gh/soil-002/commands": false, "#": false, "$aws/rules/x": false,
	} {
		token := c.Subscribe(filter, 1, handler).(*paho.SubscribeToken)
		wait(t, token)
		if granted := token.Result()[filter] < 0x80; granted != allowed {
			t.Errorf("subscribing to %s: granted %v, want %v", filter, granted, allowed)
		}
	}
	// gh/# is subscribed, but only the device's own topics may be received.
	for _, topic := range []string{"gh/soil-002/commands", "gh/soil-001/commands"} {
		m := message.New(topic, []byte("x"))
		m.QoS = 1
		if err := r.Publish(m); err != nil {
			t.Fatal(err)
		}
	}
	if got := <-arrived; got != "gh/soil-001/commands" {
		t.Errorf("received %s first, want the device's own commands only", got)
	}
}

func TestBasicIngestReachesNoSubscriber(t *testing.T) {
	r := start(t)
	c, _ := r.mustConnect(t, "soil-001")
	if err := wait(t, c.Publish("$aws/rules/greenhouse_telemetry/gh/soil-001/telemetry", 1, false, "{}")); err != nil {
		t.Fatal(err)
	}
	if m := r.next(t); m.Topic != "$aws/rules/greenhouse_telemetry/gh/soil-001/telemetry" {
		t.Errorf("handed on %s", m.Topic)
	}
}

func TestRefreshTakesAChangedPolicy(t *testing.T) {
	r := start(t)
	c, lost := r.mustConnect(t, "soil-001")
	if err := wait(t, c.Publish("gh/soil-001/telemetry", 1, false, "x")); err != nil {
		t.Fatal(err)
	}
	r.next(t)
	r.registry.set(func() { r.registry.text = strings.ReplaceAll(devicePolicy, "*topic/gh/", "*topic/other/") })
	r.RefreshNow(t.Context())
	c.Publish("gh/soil-001/telemetry", 1, false, "x")
	awaitLoss(t, lost)
}
