package simulate

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/broker"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/ca"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/policy"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/registry"
)

// everything lets every device do everything.
type everything struct{}

// Active implements broker.Authorizer.
func (everything) Active(context.Context, *x509.Certificate) (string, error) { return "arn", nil }

// Authorize implements broker.Authorizer.
func (everything) Authorize(_ context.Context, c *x509.Certificate, clientID, sourceIP string) (*registry.Grant, error) {
	d, err := policy.Parse(`{"Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}`)
	if err != nil {
		return nil, err
	}
	subject := policy.Subject{ClientID: clientID, SourceIP: sourceIP, Thing: clientID}
	return &registry.Grant{CertificateID: registry.Fingerprint(c), Thing: clientID,
		Policies: policy.Compile([]*policy.Document{d}, subject)}, nil
}

// selfSigned is a device with a key of its own.
func selfSigned(t *testing.T, thing string) contract.Bundle {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: thing},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	b := contract.Bundle{Thing: thing,
		CertificatePEM: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})),
		PrivateKey:     string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))}
	b.Topics.Telemetry, b.Topics.Status = "gh/"+thing+"/telemetry", "gh/"+thing+"/status"
	b.Topics.Commands = "gh/" + thing + "/commands"
	return b
}

// simulation is a device that plays, with the broker that it is connected to.
type simulation struct {
	*broker.Broker
	got      chan string   // topic and payload of each answer
	measured chan struct{} // telemetry has come
}

func simulated(t *testing.T, change func(*Options)) *simulation {
	t.Helper()
	authority, err := ca.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := authority.Server("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	s := &simulation{got: make(chan string, 100), measured: make(chan struct{}, 1)}
	online := make(chan struct{}, 1)
	tell := func(c chan struct{}) {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	s.Broker, err = broker.Start(broker.Options{Address: "127.0.0.1:0", Certificate: certificate,
		Authorizer: everything{}, Refresh: time.Hour, Handle: func(m message.Message) {
			switch {
			case strings.HasSuffix(m.Topic, "/result"):
				s.got <- m.Topic + " " + string(m.Payload)
			case strings.HasSuffix(m.Topic, "/status"): // sent after the subscription
				tell(online)
			default:
				tell(s.measured)
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	o := Options{Devices: []contract.Bundle{selfSigned(t, "soil-001")}, Broker: s.Address(), Roots: authority.Pool(),
		Interval: time.Hour, AnswerCommands: true}
	change(&o)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, o) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	s.next(t, online)
	return s
}

func (s *simulation) next(t *testing.T, online chan struct{}) {
	t.Helper()
	select {
	case <-online:
	case <-time.After(30 * time.Second):
		t.Fatal("the device did not come online")
	}
}

func (s *simulation) order(t *testing.T, command string) {
	t.Helper()
	m := message.New("gh/soil-001/commands", []byte(command))
	m.QoS = 1
	if err := s.Publish(m); err != nil {
		t.Fatal(err)
	}
}

// await checks the next answers; each has the text.
func (s *simulation) await(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		select {
		case got := <-s.got:
			if !strings.Contains(got, text) {
				t.Errorf("got %s, want %s", got, text)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("no answer with %s", text)
		}
	}
}

func TestDevicesAnswerCommands(t *testing.T) {
	s := simulated(t, func(o *Options) { o.FailEvery = 5 })
	s.order(t, `{"action":"irrigate"}`)                          // without an ID there is no answer
	s.order(t, `{"command_id":"../../x/#","action":"irrigate"}`) // nor where its topic would be another one
	s.order(t, `no JSON`)
	s.order(t, `{"command_id":"c-1","action":"irrigate"}`)
	s.await(t, `gh/soil-001/commands/c-1/result {"status":"received"}`, `c-1/result {"status":"succeeded","message":`)
	s.order(t, `{"command_id":"c-2","action":"dance"}`)
	s.await(t, `c-2/result {"status":"received"}`, `unknown action`)
	s.order(t, `{"command_id":"c-3","action":"irrigate"}`)
	s.await(t, `c-3/result {"status":"received"}`, `c-3/result {"status":"succeeded"`)
	s.order(t, `{"command_id":"c-4","action":"irrigate"}`)
	s.await(t, `c-4/result {"status":"received"}`, `{"status":"failed","message":"the simulation was asked to fail it"}`)
}

// A pipeline without the API lets no device publish there, and would disconnect it.
func TestDevicesOfOtherPipelinesDoNotAnswer(t *testing.T) {
	s := simulated(t, func(o *Options) { o.AnswerCommands = false })
	s.order(t, `{"command_id":"c-1","action":"update_interval","interval":0.01}`)
	select {
	case <-s.measured: // it has obeyed
	case <-time.After(30 * time.Second):
		t.Fatal("the device did not obey")
	}
	if len(s.got) > 0 {
		t.Errorf("got %s", <-s.got)
	}
}
