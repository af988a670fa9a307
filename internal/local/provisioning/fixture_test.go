package provisioning

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

const patience = 30 * time.Second

// templateBody has the shape of the templates that the provider writes.
const templateBody = `{
 "Parameters":{"SerialNumber":{"Type":"String"},"site":{"Type":"String"},"AWS::IoT::Certificate::Id":{"Type":"String"}},
 "Resources":{
  "thing":{"Type":"AWS::IoT::Thing",
   "Properties":{"ThingName":{"Fn::Join":["",["hall-",{"Ref":"SerialNumber"}]]},"ThingTypeName":"gh","ThingGroups":["gh"],
    "AttributePayload":{"iot-pipeline":"token-1","iot-pipeline-registered":"claim","site":{"Ref":"site"}}},
   "OverrideSettings":{"AttributePayload":"DO_NOTHING","ThingTypeName":"DO_NOTHING","ThingGroups":"MERGE"}},
  "certificate":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"},"Status":"ACTIVE"}}},
 "DeviceConfiguration":{"prefix":"gh"}}`

// endpoint is AWS IoT as moto plays it, with provisioning templates of its own.
type endpoint struct {
	*iot.Client
	mu        sync.Mutex
	templates map[string]*iot.DescribeProvisioningTemplateOutput
}

func (e *endpoint) DescribeProvisioningTemplate(
	_ context.Context,
	in *iot.DescribeProvisioningTemplateInput,
	_ ...func(*iot.Options),
) (*iot.DescribeProvisioningTemplateOutput, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if out := e.templates[*in.TemplateName]; out != nil {
		return out, nil
	}
	return nil, &types.ResourceNotFoundException{Message: aws.String("no such template")}
}

// template makes or replaces an enabled template with the hook "hook", changed as the test likes.
func (e *endpoint) template(name, body string, change ...func(*iot.DescribeProvisioningTemplateOutput)) {
	out := &iot.DescribeProvisioningTemplateOutput{
		TemplateName: &name,
		TemplateBody: &body,
		Enabled:      aws.Bool(true),
		Type:         types.TemplateTypeFleetProvisioning,
		TemplateArn:  aws.String("arn:aws:iot:us-east-1:123456789012:provisioningtemplate/" + name),
		PreProvisioningHook: &types.ProvisioningHook{
			PayloadVersion: aws.String("2020-04-01"),
			TargetArn:      aws.String("arn:aws:lambda:us-east-1:123456789012:function:hook"),
		},
	}
	for _, c := range change {
		c(out)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.templates[name] = out
}

// fixture is the service on moto, with a template "gh", its thing type and group, and a hook that the test can change.
type fixture struct {
	*Service
	aws    *endpoint
	server *mototest.Server
	events chan runlog.Event

	mu      sync.Mutex
	now     time.Time
	hook    func(context.Context, preProvisioning) (string, error)
	answers map[string]chan message.Message // by session; for those that are connected without a broker
}

func start(t *testing.T) *fixture {
	t.Helper()
	r := &fixture{
		server:  mototest.Start(t),
		events:  make(chan runlog.Event, 1000),
		now:     time.Now(),
		answers: map[string]chan message.Message{},
	}
	r.aws = &endpoint{
		Client:    iot.NewFromConfig(r.server.Config(t)),
		templates: map[string]*iot.DescribeProvisioningTemplateOutput{},
	}
	r.hook = func(context.Context, preProvisioning) (string, error) { return `{"allowProvisioning":true}`, nil }
	must(r.aws.CreateThingType(t.Context(), &iot.CreateThingTypeInput{ThingTypeName: aws.String("gh")}))(t)
	must(r.aws.CreateThingGroup(t.Context(), &iot.CreateThingGroupInput{ThingGroupName: aws.String("gh")}))(t)
	r.aws.template("gh", templateBody)
	r.Service = New(Options{
		API:    r.aws,
		Hook:   r.callHook,
		Reply:  r.reply,
		Events: func(e runlog.Event) { r.events <- e },
		Now:    r.clock,
	})
	t.Cleanup(r.Close)
	return r
}

func (r *fixture) set(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

func (r *fixture) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *fixture) callHook(ctx context.Context, arn string, payload []byte) ([]byte, error) {
	var about preProvisioning
	if err := json.Unmarshal(payload, &about); err != nil || !strings.HasSuffix(arn, ":function:hook") {
		return nil, errors.New("not called as a hook")
	}
	r.mu.Lock()
	hook := r.hook
	r.mu.Unlock()
	answer, err := hook(ctx, about)
	return []byte(answer), err
}

func (r *fixture) reply(session string, m message.Message) error {
	r.mu.Lock()
	to := r.answers[session]
	r.mu.Unlock()
	if to == nil {
		return errors.New("nobody is connected so")
	}
	to <- m
	return nil
}

// told returns the next event of the kind.
func (r *fixture) told(t *testing.T, kind runlog.Kind) runlog.Event {
	t.Helper()
	for timeout := time.After(patience); ; {
		select {
		case e := <-r.events:
			if e.Kind == kind {
				return e
			}
		case <-timeout:
			t.Fatalf("no event %q", kind)
		}
	}
}

// document is an answer.
type document map[string]any

func (d document) text(name string) string {
	text, _ := d[name].(string)
	return text
}

// ask sends a request without a broker and returns the last level of the answer's topic, and the answer.
func (r *fixture) ask(t *testing.T, clientID, topic, payload string) (string, document) {
	t.Helper()
	answers := make(chan message.Message, 1)
	r.set(func() { r.answers[clientID] = answers })
	m := message.New(topic, []byte(payload))
	m.ClientID, m.Session, m.Principal = clientID, clientID, "claim"
	if !r.Handle(m) {
		t.Fatalf("%s does not count as a request", topic)
	}
	select {
	case m := <-answers:
		var d document
		if err := json.Unmarshal(m.Payload, &d); err != nil {
			t.Fatalf("%s: %v", m.Payload, err)
		}
		return strings.TrimPrefix(m.Topic, topic+"/"), d
	case <-time.After(patience):
		t.Fatalf("no answer on %s", topic)
		return "", nil
	}
}

const (
	createTopic    = "$aws/certificates/create/json"
	csrTopic       = "$aws/certificates/create-from-csr/json"
	provisionTopic = "$aws/provisioning-templates/gh/provision/json"
)

// certificate has a certificate made for a new key.
func (r *fixture) certificate(t *testing.T, clientID string) document {
	t.Helper()
	_, request := newRequest(t)
	how, answer := r.ask(t, clientID, csrTopic, request)
	if how != "accepted" {
		t.Fatalf("%s: %v", how, answer)
	}
	return answer
}

// newRequest makes a key and the request for its certificate.
func newRequest(t *testing.T) (*ecdsa.PrivateKey, string) {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	der := must(
		x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "device"}},
			key),
	)(t)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	return key, string(must(json.Marshal(map[string]string{"certificateSigningRequest": text}))(t))
}

// pair joins a certificate and its key for TLS.
func pair(t *testing.T, certificatePEM string, key *ecdsa.PrivateKey) tls.Certificate {
	t.Helper()
	der := must(x509.MarshalPKCS8PrivateKey(key))(t)
	return must(
		tls.X509KeyPair([]byte(certificatePEM), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	)(t)
}

func provisionRequest(t *testing.T, token string, parameters map[string]string) string {
	t.Helper()
	return string(must(json.Marshal(map[string]any{"certificateOwnershipToken": token, "parameters": parameters}))(t))
}

func (r *fixture) status(t *testing.T, id string) types.CertificateStatus {
	t.Helper()
	out, err := r.aws.DescribeCertificate(t.Context(), &iot.DescribeCertificateInput{CertificateId: &id})
	if errors.As(err, new(*types.ResourceNotFoundException)) {
		return ""
	}
	return must(out, err)(t).CertificateDescription.Status
}
