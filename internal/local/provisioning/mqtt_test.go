package provisioning

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/broker"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/ca"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/registry"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

const arn = "arn:aws:iot:us-east-1:123456789012:"

// onAir is the service behind a broker that asks the registry of moto.
type onAir struct {
	*fixture
	broker  *broker.Broker
	roots   *x509.CertPool
	claim   tls.Certificate
	handled chan message.Message // messages that are not requests
}

func startOnAir(t *testing.T) *onAir {
	t.Helper()
	w := &onAir{fixture: start(t), handled: make(chan message.Message, 100)}
	authority := must(ca.Open(t.TempDir()))(t)
	w.roots = authority.Pool()
	w.broker = must(
		broker.Start(broker.Options{
			Address:     "127.0.0.1:0",
			Certificate: must(authority.Server("127.0.0.1"))(t),
			Authorizer:  registry.New(w.aws.Client),
			Events:      func(e runlog.Event) { w.events <- e },
			Handle: func(m message.Message) {
				if !w.Handle(m) {
					w.handled <- m
				}
			},
		}),
	)(t)
	t.Cleanup(w.broker.Close)
	w.options.Reply = w.broker.Reply // before the first request
	w.claim = w.policies(t)
	return w
}

// policies makes the policy of the fleet, on its group, and a claim certificate with the policy that the contract
// gives it.
func (w *onAir) policies(t *testing.T) tls.Certificate {
	t.Helper()
	ctx := t.Context()
	attach := func(name, document, target string) {
		must(w.aws.CreatePolicy(ctx, &iot.CreatePolicyInput{PolicyName: &name, PolicyDocument: &document}))(t)
		must(w.aws.AttachPolicy(ctx, &iot.AttachPolicyInput{PolicyName: &name, Target: &target}))(t)
	}
	const thing = "${iot:Connection.Thing.ThingName}"
	attach("gh", `{"Version":"2012-10-17","Statement":[
	 {"Effect":"Allow","Action":"iot:Connect","Resource":"`+arn+`client/`+thing+`","Condition":{"Bool":{"iot:Connection.Thing.IsAttached":["true"]}}},
	 {"Effect":"Allow","Action":"iot:Publish","Resource":"`+arn+`topic/gh/`+thing+`/telemetry"}]}`, arn+"thinggroup/gh")
	topics := func(kind string) string {
		return `["` + arn + kind + `/$aws/certificates/create/*","` + arn + kind +
			`/$aws/certificates/create-from-csr/*","` + arn + kind + `/$aws/provisioning-templates/gh/provision/*"]`
	}
	key, request := newRequest(t)
	var csr struct {
		CertificateSigningRequest string
	}
	if err := json.Unmarshal([]byte(request), &csr); err != nil {
		t.Fatal(err)
	}
	made := must(
		w.aws.CreateCertificateFromCsr(ctx, &iot.CreateCertificateFromCsrInput{
			CertificateSigningRequest: &csr.CertificateSigningRequest,
			SetAsActive:               true,
		}),
	)(t)
	attach("gh-claim", `{"Version":"2012-10-17","Statement":[
	 {"Effect":"Allow","Action":"iot:Connect","Resource":"`+arn+`client/claim:*"},
	 {"Effect":"Allow","Action":["iot:Publish","iot:Receive"],"Resource":`+topics("topic")+`},
	 {"Effect":"Allow","Action":"iot:Subscribe","Resource":`+topics("topicfilter")+`}]}`, *made.CertificateArn)
	return pair(t, *made.CertificatePem, key)
}

// device is a connected client and what it receives on the topics of the API.
type device struct {
	paho.Client
	answers chan paho.Message
	lost    chan struct{}
}

func (w *onAir) connect(t *testing.T, certificate tls.Certificate, clientID string) (*device, error) {
	t.Helper()
	d := &device{answers: make(chan paho.Message, 10), lost: make(chan struct{})}
	d.Client = paho.NewClient(paho.NewClientOptions().AddBroker("ssl://" + w.broker.Address()).SetClientID(clientID).
		SetProtocolVersion(4).SetAutoReconnect(false).SetConnectTimeout(patience).
		SetTLSConfig(&tls.Config{RootCAs: w.roots, Certificates: []tls.Certificate{certificate}}).
		SetConnectionLostHandler(func(paho.Client, error) { close(d.lost) }))
	token := d.Connect()
	if !token.WaitTimeout(patience) {
		t.Fatal("no answer to CONNECT")
	}
	t.Cleanup(func() { d.Disconnect(0) })
	return d, token.Error()
}

// connectClaim connects with the claim certificate and subscribes to the answers.
func (w *onAir) connectClaim(t *testing.T, clientID string) *device {
	t.Helper()
	d := must(w.connect(t, w.claim, clientID))(t)
	for _, topic := range []string{createTopic, csrTopic, provisionTopic} {
		for _, answer := range []string{"/accepted", "/rejected"} {
			token := d.Subscribe(topic+answer, 1, func(_ paho.Client,
				m paho.Message) {
				d.answers <- m
			}).(*paho.SubscribeToken)
			if !token.WaitTimeout(patience) || token.Error() != nil || token.Result()[topic+answer] >= 0x80 {
				t.Fatalf("subscribing to %s%s: %v", topic, answer, token.Error())
			}
		}
	}
	return d
}

// request publishes and waits for the answer: "accepted" or "rejected", and the document.
func (d *device) request(t *testing.T, topic, payload string) (string, document) {
	t.Helper()
	if token := d.Publish(topic, 1, false, payload); !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("publishing to %s: %v", topic, token.Error())
	}
	select {
	case m := <-d.answers:
		var answer document
		if err := json.Unmarshal(m.Payload(), &answer); err != nil || !strings.HasPrefix(m.Topic(), topic+"/") {
			t.Fatalf("%s: %s: %v", m.Topic(), m.Payload(), err)
		}
		return strings.TrimPrefix(m.Topic(), topic+"/"), answer
	case <-time.After(patience):
		t.Fatalf("no answer on %s", topic)
		return "", nil
	}
}

// reports connects as the thing with its new certificate and publishes telemetry.
func (w *onAir) reports(t *testing.T, certificate tls.Certificate, thing string) {
	t.Helper()
	d := must(w.connect(t, certificate, thing))(t)
	if token := d.Publish("gh/"+thing+"/telemetry", 1, false, "{}"); !token.WaitTimeout(patience) ||
		token.Error() != nil {
		t.Fatal(token.Error())
	}
	for {
		if m := <-w.handled; m.Topic == "gh/"+thing+"/telemetry" {
			return
		}
	}
}

func TestDeviceWithItsOwnKey(t *testing.T) {
	w := startOnAir(t)
	d := w.connectClaim(t, "claim:A1")
	key, request := newRequest(t)
	how, made := d.request(t, csrTopic, request)
	if how != "accepted" || made["privateKey"] != nil {
		t.Fatalf("%s %v", how, made)
	}
	own := pair(t, made.text("certificatePem"), key) // which fails unless the certificate holds the device's key
	if _, err := w.connect(t, own, "hall-A1"); err == nil {
		t.Error("connected with a certificate that is not provisioned yet")
	}
	how, answer := d.request(t, provisionTopic, provisionRequest(t, made.text("certificateOwnershipToken"),
		map[string]string{"SerialNumber": "A1", "site": "hall-3"}))
	if how != "accepted" || answer.text("thingName") != "hall-A1" {
		t.Fatalf("%s %v", how, answer)
	}
	w.reports(t, own, "hall-A1")
}

func TestDeviceThatIsGivenItsKey(t *testing.T) {
	w := startOnAir(t)
	d, other := w.connectClaim(t, "claim:A1"), w.connectClaim(t, "claim:A2")
	how, made := d.request(t, createTopic, "{}")
	if how != "accepted" || len(made) != 4 {
		t.Fatalf("%s with %d members", how, len(made))
	}
	own := must(tls.X509KeyPair([]byte(made.text("certificatePem")), []byte(made.text("privateKey"))))(t)
	if how, answer := d.request(t, provisionTopic,
		provisionRequest(t, made.text("certificateOwnershipToken"),
			map[string]string{"SerialNumber": "A1", "site": "hall-3"})); how != "accepted" {
		t.Fatalf("%s %v", how, answer)
	}
	w.reports(t, own, "hall-A1")
	if len(other.answers) != 0 {
		t.Error("another device with the same claim got an answer")
	}
	for len(w.events) > 0 {
		if told := fmt.Sprint(<-w.events); strings.Contains(told, "PRIVATE KEY") ||
			strings.Contains(told, made.text("certificateOwnershipToken")) {
			t.Error("an event holds a secret")
		}
	}
}

func TestRejections(t *testing.T) {
	w := startOnAir(t)
	d, other := w.connectClaim(t, "claim:A1"), w.connectClaim(t, "claim:A2")
	_, request := newRequest(t)
	_, mine := d.request(t, csrTopic, request)
	_, request = newRequest(t)
	_, others := other.request(t, csrTopic, request)
	_, request = newRequest(t)
	w.set(func() { w.now = w.now.Add(-time.Hour) })
	_, expired := d.request(t, csrTopic, request)
	w.set(func() { w.now = w.now.Add(time.Hour) })
	good := map[string]string{"SerialNumber": "A1", "site": "hall-3"}
	no := func(context.Context, preProvisioning) (string, error) { return `{"allowProvisioning":false}`, nil }
	fails := func(context.Context, preProvisioning) (string, error) { return "", context.DeadlineExceeded }
	for _, c := range []struct {
		why, topic, payload string
		hook                func(context.Context, preProvisioning) (string, error)
		status              float64
		code, log           string
	}{
		{"no CSR", csrTopic, `{}`, nil, 400, "InvalidPayload", "not a PEM certificate signing request"},
		{"something else than a CSR", csrTopic, `{"certificateSigningRequest":"x"}`, nil, 400, "InvalidPayload",
			"not a PEM certificate signing request"},
		{"a CSR that is broken", csrTopic, strings.Replace(request, "BEGIN CERTIFICATE REQUEST-----\\n",
			"BEGIN CERTIFICATE REQUEST-----\\nAAAA", 1), nil, 400, "InvalidPayload", "cannot be parsed"},
		{"no JSON", csrTopic, `{`, nil, 400, "InvalidPayload", "not a JSON object of this request"},
		{"keys, with another payload than none", createTopic, `[1]`, nil, 400, "InvalidPayload",
			"not a JSON object of this request"},
		{"a thing, and no JSON", provisionTopic, `A1`, nil, 400, "InvalidPayload", "not a JSON object of this request"},
		{"a parameter that is not text", provisionTopic,
			`{"certificateOwnershipToken":"x","parameters":{"SerialNumber":1}}`, nil, 400, "InvalidPayload",
			"not a JSON object of this request"},
		{"a parameter that is AWS's own", provisionTopic,
			provisionRequest(t, mine.text("certificateOwnershipToken"),
				map[string]string{"AWS::IoT::Certificate::Id": others.text("certificateId")}), nil, 400,
			"InvalidParameters", "must not begin with AWS::"},
		{"no token", provisionTopic, `{"parameters":{}}`, nil, 400, "InvalidCertificateOwnershipToken",
			"has no certificateOwnershipToken"},
		{"an unknown token", provisionTopic, provisionRequest(t, "guessed", good), nil, 400,
			"InvalidCertificateOwnershipToken", "is unknown"},
		{"an expired token", provisionTopic, provisionRequest(t, expired.text("certificateOwnershipToken"), good), nil,
			400, "InvalidCertificateOwnershipToken", "expired"},
		{"the token of another client's certificate", provisionTopic,
			provisionRequest(t, others.text("certificateOwnershipToken"), good), nil, 400,
			"InvalidCertificateOwnershipToken", `another client, "claim:A2"`},
		{"a missing parameter", provisionTopic, provisionRequest(t, mine.text("certificateOwnershipToken"),
			map[string]string{"site": "hall-3"}), nil, 400, "InvalidParameters", `"SerialNumber"`},
		{"a name that no thing can have", provisionTopic,
			provisionRequest(t, mine.text("certificateOwnershipToken"),
				map[string]string{"SerialNumber": "A 1", "site": "hall-3"}), nil, 400, "InvalidParameters",
			"cannot be the name of a thing"},
		{"a hook that says no", provisionTopic, provisionRequest(t, mine.text("certificateOwnershipToken"), good), no,
			403, "AccessDenied", "denied the request"},
		{"a hook that takes too long", provisionTopic,
			provisionRequest(t, mine.text("certificateOwnershipToken"), good), fails, 403, "AccessDenied",
			"did not answer"},
	} {
		t.Run(c.why, func(t *testing.T) {
			if c.hook != nil {
				w.set(func() { w.hook = c.hook })
			}
			for len(w.events) > 0 {
				<-w.events
			}
			how, answer := d.request(t, c.topic, c.payload)
			if how != "rejected" || answer["statusCode"] != c.status || answer.text("errorCode") != c.code ||
				answer.text("errorMessage") == "" ||
				len(answer) != 3 {
				t.Errorf("got %s %v", how, answer)
			}
			if e := w.told(t, runlog.Refused); e.Thing != "claim:A1" || e.Topic != c.topic ||
				!strings.Contains(e.Detail, c.log) {
				t.Errorf("told %+v, want %q", e, c.log)
			}
		})
	}
	if things := must(w.aws.ListThings(t.Context(), &iot.ListThingsInput{}))(t).Things; len(things) != 0 {
		t.Errorf("got %d things", len(things))
	}
}

func TestTemplateThatDoesNotExist(t *testing.T) {
	w := startOnAir(t)
	d := w.connectClaim(t, "claim:A1")
	_, request := newRequest(t)
	_, made := d.request(t, csrTopic, request)
	w.aws.mu.Lock()
	delete(w.aws.templates, "gh")
	w.aws.mu.Unlock()
	how, answer := d.request(t, provisionTopic, provisionRequest(t, made.text("certificateOwnershipToken"), nil))
	if how != "rejected" || answer["statusCode"] != 404.0 || answer.text("errorCode") != "ResourceNotFound" {
		t.Errorf("got %s %v", how, answer)
	}
}

func TestClaimIsForNothingElse(t *testing.T) {
	w := startOnAir(t)
	must(w.aws.CreateThing(t.Context(), &iot.CreateThingInput{ThingName: aws.String("hall-A1")}))(t)
	must(w.aws.AddThingToThingGroup(t.Context(),
		&iot.AddThingToThingGroupInput{ThingName: aws.String("hall-A1"), ThingGroupName: aws.String("gh")}))(t)
	if _, err := w.connect(t, w.claim, "hall-A1"); err == nil {
		t.Error("connected as a thing")
	}
	for _, topic := range []string{"gh/claim:A1/telemetry", "gh/hall-A1/telemetry",
		"$aws/provisioning-templates/other/provision/json"} {
		d := w.connectClaim(t, "claim:A1")
		d.Publish(topic, 1, false, "{}")
		select {
		case <-d.lost:
		case <-time.After(patience):
			t.Errorf("published to %s", topic)
		}
	}
	for len(w.handled) > 0 {
		if m := <-w.handled; !strings.HasPrefix(m.Topic, "$aws/events/") {
			t.Errorf("handed on: %s", m.Topic)
		}
	}
}
