package simulate

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
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// answerTime is how long a device waits for an answer; the hook alone may take five seconds. [AWS 4 Pre-provisioning
// hook]
const answerTime = 30 * time.Second

// refusedSubscription is the return code of a SUBACK for a filter that is refused. [MQTT 3.1.1, 3.9.3]
const refusedSubscription = 0x80

// A Claim is what a pipeline stores for devices that have no certificate of their own yet.
type Claim struct {
	CertificatePEM string `json:"certificate_pem"`
	PrivateKey     string `json:"private_key"`
	Endpoint       string `json:"endpoint"`
	Template       string `json:"template"`
}

// Format keeps the private key out of anything printed.
func (c Claim) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "claim of template %q", c.Template) }

// ReadClaim reads the pipeline's claim bundle. The error says so when the pipeline has none.
func ReadClaim(ctx context.Context, c *awsapi.Clients, m *local.Manifest) (Claim, error) {
	name := m.Parts[contract.KeyClaim]
	if m.Parts == nil {
		name = contract.ClaimBundleName(m.CredentialsPath)
	}
	if name == "" {
		return Claim{}, fmt.Errorf(
			"pipeline %q has no claim certificate: give it provisioning = { claim = {} }, and apply",
			m.Name,
		)
	}
	text, err := bundle(ctx, c, m.CredentialsStore == contract.SecretsManager, name)
	if err != nil {
		return Claim{}, fmt.Errorf("reading the claim bundle %q: %w", name, err)
	}
	var claim Claim
	if json.Unmarshal([]byte(text), &claim) != nil || claim.PrivateKey == "" {
		return Claim{}, fmt.Errorf("reading the claim bundle %q: it is not a claim bundle", name)
	}
	if claim.CertificatePEM == "" {
		return Claim{}, fmt.Errorf(
			"reading the claim bundle %q: its certificate is not made yet: apply the pipeline again",
			name,
		)
	}
	return claim, nil
}

func bundle(ctx context.Context, c *awsapi.Clients, secret bool, name string) (string, error) {
	absent := errors.New("there is none; apply the pipeline")
	if secret {
		out, err := c.SecretsManager().GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
		if errors.As(err, new(*secrettypes.ResourceNotFoundException)) {
			return "", absent
		}
		if err != nil {
			return "", err
		}
		return aws.ToString(out.SecretString), nil
	}
	out, err := c.SSM().GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if errors.As(err, new(*ssmtypes.ParameterNotFound)) {
		return "", absent
	}
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Parameter.Value), nil
}

// Registration says which devices register themselves, where and as what.
type Registration struct {
	Claim Claim
	// Broker and Roots are as in Options.
	Broker string
	Roots  *x509.CertPool
	// Serials are the devices' serial numbers; each registers one thing.
	Serials []string
	// Parameters are what every device reports besides its serial number.
	Parameters map[string]string
	// TopicPrefix is the pipeline's.
	TopicPrefix string
	// Dir is where devices keep their credentials, as they would in their flash: one that finds some there is
	// registered already. "" keeps none.
	Dir    string
	Events runlog.Sink
}

// serialPattern is what the pipeline's allow-list takes; it is also safe as the name of a file.
var serialPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Register lets new devices register themselves, some at once: each makes its key, has it certified and asks for its
// thing. It returns the credentials of those that are registered, in the order of the serials. The error joins those
// of the devices that failed, each of which is an event as well.
func Register(ctx context.Context, r Registration) ([]contract.Bundle, error) {
	const atOnce = 10
	slots := make(chan struct{}, atOnce)
	bundles, failed := make([]*contract.Bundle, len(r.Serials)), make([]error, len(r.Serials))
	var registering sync.WaitGroup
	for i, serial := range r.Serials {
		slots <- struct{}{}
		registering.Go(func() {
			defer func() { <-slots }()
			b, err := r.registered(ctx, serial)
			if err != nil {
				failed[i] = fmt.Errorf("registering the device with serial number %q: %w", serial, err)
				r.Events.Send(
					runlog.Event{
						Kind:   runlog.Failed,
						Thing:  contract.ClaimClientPrefix + serial,
						Action: "register",
						Error:  err.Error(),
					},
				)
				return
			}
			bundles[i] = &b
		})
	}
	registering.Wait()
	var all []contract.Bundle
	for _, b := range bundles {
		if b != nil {
			all = append(all, *b)
		}
	}
	return all, errors.Join(failed...)
}

// registered gives the credentials that the device kept, or registers it.
func (r Registration) registered(ctx context.Context, serial string) (b contract.Bundle, err error) {
	if !serialPattern.MatchString(serial) {
		return b, errors.New("a serial number has 1 to 64 letters, digits, - and _")
	}
	file := filepath.Join(r.Dir, serial+".json")
	if r.Dir != "" {
		text, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(text, &b)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return b, err
		}
	}
	began := time.Now()
	if b, err = r.register(ctx, serial); err != nil {
		return b, err
	}
	r.Events.Send(
		runlog.Event{
			Kind:     runlog.Admitted,
			Thing:    contract.ClaimClientPrefix + serial,
			Action:   "register",
			Target:   b.Thing,
			Duration: time.Since(began),
		},
	)
	if r.Dir == "" {
		return b, nil
	}
	text, err := json.Marshal(b)
	if err == nil {
		err = os.MkdirAll(r.Dir, 0o700)
	}
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		return b, fmt.Errorf("keeping its credentials: %w", err)
	}
	return b, nil
}

// register is the life of one device before it is a thing. [AWS 4 Claim flow]
func (r Registration) register(ctx context.Context, serial string) (b contract.Bundle, err error) {
	keyPEM, csrPEM, err := newKey(serial)
	if err != nil {
		return b, err
	}
	ctx, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	client, err := r.connect(ctx, serial, lost)
	if err != nil {
		return b, err
	}
	defer client.Disconnect(250)
	var certified struct {
		CertificatePEM string `json:"certificatePem"`
		Token          string `json:"certificateOwnershipToken"`
	}
	if err := ask(ctx, client, "$aws/certificates/create-from-csr/json",
		map[string]any{"certificateSigningRequest": csrPEM}, &certified); err != nil {
		return b, fmt.Errorf("asking for a certificate: %w", err)
	}
	parameters := maps.Clone(r.Parameters)
	if parameters == nil {
		parameters = map[string]string{}
	}
	parameters["SerialNumber"] = serial
	var provisioned struct {
		Thing string `json:"thingName"`
	}
	request := map[string]any{"certificateOwnershipToken": certified.Token, "parameters": parameters}
	if err := ask(ctx, client, "$aws/provisioning-templates/"+r.Claim.Template+"/provision/json", request,
		&provisioned); err != nil {
		return b, fmt.Errorf("asking to be registered: %w", err)
	}
	if provisioned.Thing == "" {
		return b, fmt.Errorf("asking to be registered: template %q makes no thing", r.Claim.Template)
	}
	return contract.Bundle{
		Thing:          provisioned.Thing,
		CertificatePEM: certified.CertificatePEM,
		PrivateKey:     keyPEM,
		Endpoint:       r.Claim.Endpoint,
		Topics:         contract.TopicsOf(r.TopicPrefix, provisioned.Thing),
	}, nil
}

// newKey makes a device's key and the request for its certificate, both in PEM.
func newKey(serial string) (keyPEM, csrPEM string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("making a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", fmt.Errorf("making a key: %w", err)
	}
	csr, err := x509.CreateCertificateRequest(
		rand.Reader,
		&x509.CertificateRequest{Subject: pkix.Name{CommonName: serial}},
		key,
	)
	if err != nil {
		return "", "", fmt.Errorf("making a certificate request: %w", err)
	}
	return string(
			pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		), string(
			pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}),
		), nil
}

// connect connects with the claim certificate. A connection that breaks is the end, since the answers come over this
// one only: then lost is called.
func (r Registration) connect(ctx context.Context, serial string, lost context.CancelCauseFunc) (paho.Client, error) {
	certificate, err := tls.X509KeyPair([]byte(r.Claim.CertificatePEM), []byte(r.Claim.PrivateKey))
	if err != nil {
		return nil, fmt.Errorf("reading the claim certificate: %w", err)
	}
	broker := r.Broker
	if broker == "" {
		broker = r.Claim.Endpoint + ":8883"
	}
	client := paho.NewClient(
		paho.NewClientOptions().
			AddBroker("ssl://" + broker).
			SetClientID(contract.ClaimClientPrefix + serial).
			SetProtocolVersion(4).
			SetCleanSession(true).
			SetTLSConfig(&tls.Config{RootCAs: r.Roots, Certificates: []tls.Certificate{certificate},
				MinVersion: tls.VersionTLS12}).
			SetConnectTimeout(10 * time.Second).
			SetAutoReconnect(false).
			SetOrderMatters(false).
			SetConnectionLostHandler(func(_ paho.Client,
				err error) {
				lost(fmt.Errorf("the broker closed the connection: %w", err))
			}),
	)
	if err := await(ctx, client.Connect()); err != nil {
		client.Disconnect(0)
		return nil, fmt.Errorf(
			"connecting with the claim certificate: %w (is it ACTIVE, and the broker the one of this pipeline?)",
			err,
		)
	}
	return client, nil
}

// ask publishes a request and reads its answer into the result. The error of a rejection has AWS's code and message.
func ask(ctx context.Context, client paho.Client, topic string, request, result any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	answers := make(chan paho.Message, 2)
	filters := map[string]byte{topic + "/accepted": 1, topic + "/rejected": 1}
	subscribing := client.SubscribeMultiple(filters, func(_ paho.Client, m paho.Message) { answers <- m })
	err := await(ctx, subscribing)
	if s, ok := subscribing.(*paho.SubscribeToken); ok && err == nil &&
		slices.Contains(slices.Collect(maps.Values(s.Result())), refusedSubscription) {
		err = errors.New("no policy allows it")
	}
	if err != nil {
		return fmt.Errorf("subscribing to the answers on %q: %w", topic, err)
	}
	payload, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if err := await(ctx, client.Publish(topic, 1, false, payload)); err != nil {
		return fmt.Errorf("publishing to %q: %w", topic, err)
	}
	select {
	case m := <-answers:
		if m.Topic() == topic+"/accepted" {
			return json.Unmarshal(m.Payload(), result)
		}
		var why struct {
			Code    string `json:"errorCode"`
			Message string `json:"errorMessage"`
		}
		if err := json.Unmarshal(m.Payload(), &why); err != nil {
			return fmt.Errorf("rejected, with an answer that cannot be read: %w", err)
		}
		return fmt.Errorf("rejected: %s: %s", why.Code, why.Message)
	case <-ctx.Done():
		return fmt.Errorf("no answer on %q: %w", topic, context.Cause(ctx))
	}
}

func await(ctx context.Context, token paho.Token) error {
	select {
	case <-token.Done():
		return token.Error()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
