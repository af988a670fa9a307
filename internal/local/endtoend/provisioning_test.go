package endtoend_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

const registering = `
variable "force" { default = false }

resource "iot_pipeline" "field" {
  name          = "NAME"
  devices       = { "gateway" = {} }
  archive       = { enabled = false }
  force_destroy = var.force

  provisioning = {
    claim = { thing_name_prefix = "probe-", attributes = ["site"] }
  }
}

output "registered" { value = iot_pipeline.field.registered_devices_count }
`

// claimer is a device that has a claim certificate only.
type claimer struct {
	t       *testing.T
	client  paho.Client
	answers chan paho.Message
}

// claim connects with the claim certificate and listens for answers.
func (w *deployment) claim(t *testing.T, clientID string) *claimer {
	t.Helper()
	bundle := must(
		w.aws.SSM().GetParameter(t.Context(), &ssm.GetParameterInput{
			Name:           aws.String("/iot-pipeline/" + name + "/devices-claim"),
			WithDecryption: aws.Bool(true),
		}),
	)(t)
	var b contract.Bundle
	if err := json.Unmarshal([]byte(*bundle.Parameter.Value), &b); err != nil {
		t.Fatal(err)
	}
	w.devices["the claim certificate"] = b
	c := &claimer{
		t:       t,
		client:  must(w.try(t, "the claim certificate", clientID))(t),
		answers: make(chan paho.Message, 10),
	}
	for _, topic := range []string{"$aws/certificates/create-from-csr/json/+", "$aws/provisioning-templates/" + name +
		"/provision/json/+"} {
		token := c.client.Subscribe(strings.TrimSuffix(topic, "+")+"accepted", 1,
			func(_ paho.Client, m paho.Message) { c.answers <- m })
		if !token.WaitTimeout(patience) || token.Error() != nil {
			t.Fatalf("subscribing to %s: %v", topic, token.Error())
		}
		token = c.client.Subscribe(strings.TrimSuffix(topic, "+")+"rejected", 1,
			func(_ paho.Client, m paho.Message) { c.answers <- m })
		if !token.WaitTimeout(patience) || token.Error() != nil {
			t.Fatalf("subscribing to %s: %v", topic, token.Error())
		}
	}
	return c
}

// ask publishes a request and gives the answer and whether it was accepted.
func (c *claimer) ask(topic string, request any) (map[string]any, bool) {
	c.t.Helper()
	text := must(json.Marshal(request))(c.t)
	if token := c.client.Publish(topic, 1, false, text); !token.WaitTimeout(patience) || token.Error() != nil {
		c.t.Fatalf("publishing to %s: %v", topic, token.Error())
	}
	select {
	case m := <-c.answers:
		var answer map[string]any
		if err := json.Unmarshal(m.Payload(), &answer); err != nil {
			c.t.Fatalf("%s: %v", m.Payload(), err)
		}
		return answer, strings.HasSuffix(m.Topic(), "/accepted")
	case <-time.After(patience):
		c.t.Fatalf("no answer to %s", topic)
		return nil, false
	}
}

// certify asks for a certificate of a key of the device's own.
func (c *claimer) certify() (certificate contract.Bundle, token string) {
	c.t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(c.t)
	csr := must(x509.CreateCertificateRequest(rand.Reader,
		&x509.CertificateRequest{Subject: pkix.Name{CommonName: "made on the device"}}, key))(c.t)
	der := must(x509.MarshalPKCS8PrivateKey(key))(c.t)
	answer, ok := c.ask("$aws/certificates/create-from-csr/json", map[string]any{
		"certificateSigningRequest": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}))})
	if !ok {
		c.t.Fatalf("no certificate: %v", answer)
	}
	return contract.Bundle{
			CertificatePEM: answer["certificatePem"].(string),
			PrivateKey:     string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		},
		answer["certificateOwnershipToken"].(string)
}

// register asks to be registered under a serial.
func (c *claimer) register(token, serial string, more map[string]string) (map[string]any, bool) {
	c.t.Helper()
	parameters := map[string]string{"SerialNumber": serial}
	for key, value := range more {
		parameters[key] = value
	}
	return c.ask("$aws/provisioning-templates/"+name+"/provision/json",
		map[string]any{"certificateOwnershipToken": token, "parameters": parameters})
}

// admit puts a serial on the allow-list.
func (w *deployment) admit(t *testing.T, serial string, parameters map[string]string) {
	t.Helper()
	values := map[string]types.AttributeValue{}
	for key, value := range parameters {
		values[key] = &types.AttributeValueMemberS{Value: value}
	}
	must(
		w.aws.DynamoDB().PutItem(
			t.Context(),
			&dynamodb.PutItemInput{TableName: aws.String(name + "-allow-list"), Item: map[string]types.AttributeValue{
				"serial": &types.AttributeValueMemberS{
					Value: serial,
				}, "parameters": &types.AttributeValueMemberM{Value: values}}},
		),
	)(t)
}

// TestDevicesRegisterThemselves: from an empty account to a device that has registered with a claim certificate and
// whose telemetry arrives, with the hook as it is shipped; then a destroy that refuses, and one that leaves nothing.
func TestDevicesRegisterThemselves(t *testing.T) {
	w := deploy(t, strings.ReplaceAll(registering, "NAME", name))
	w.admit(t, "A1", map[string]string{"site": "hall-3"})
	w.admit(t, "A2", nil)

	c := w.claim(t, "claim:A1")
	own, token := c.certify()
	answer, ok := c.register(token, "A1", map[string]string{"site": "what the device says"})
	if !ok || answer["thingName"] != "probe-A1" {
		t.Fatalf("registering A1: accepted %t, %v", ok, answer)
	}
	thing := must(w.aws.IoT().DescribeThing(t.Context(), &iot.DescribeThingInput{ThingName: aws.String("probe-A1")}))(t)
	if thing.Attributes["iot-pipeline-registered"] != "claim" || thing.Attributes["site"] != "hall-3" ||
		thing.Attributes["iot-pipeline"] == "" {
		t.Errorf("attributes %v", thing.Attributes)
	}
	checkRefusals(t, w, c)

	own.Thing = "probe-A1"
	own.Topics.Telemetry, own.Topics.Commands = name+"/probe-A1/telemetry", name+"/probe-A1/commands"
	w.devices["probe-A1"] = own
	device := w.connect(t, "probe-A1")
	device.send(t, `{"data":{"humidity":44}}`)
	w.drain(t)
	item := must(w.aws.DynamoDB().GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(name),
		Key: map[string]types.AttributeValue{"device_id": &types.AttributeValueMemberS{Value: "probe-A1"}}}))(t)
	if item.Item["latest"] == nil {
		t.Errorf("the telemetry of the registered device did not arrive: %v", item.Item)
	}
	checkDestroy(t, w)
}

// checkRefusals: serials that are used, unknown or incomplete, and what a claim certificate may not do.
func checkRefusals(t *testing.T, w *deployment, c *claimer) {
	t.Helper()
	_, token := c.certify()
	for why, serial := range map[string]string{"used by another certificate": "A1", "not on the list": "B9",
		"no value for site": "A2", "not a serial": "../gateway"} {
		if answer, ok := c.register(token, serial, nil); ok {
			t.Errorf("%s was admitted, %s: %v", serial, why, answer)
		}
	}
	if answer, ok := c.register(token, "A2", map[string]string{"site": "hall-4"}); !ok ||
		answer["thingName"] != "probe-A2" {
		t.Errorf("a refused device may try again with what was missing: %t, %v", ok, answer)
	}
	if _, err := w.try(t, "the claim certificate", "gateway"); err == nil {
		t.Error("the claim certificate connected as a described device")
	}
	thief := must(w.try(t, "the claim certificate", "claim:thief"))(t)
	thief.Publish(name+"/gateway/telemetry", 1, false, `{"data":{"humidity":1}}`)
	w.await(t, 1, refused("claim:thief", "Publish"))
}

// checkDestroy: the devices are counted, keep a destroy from beginning, and go with a forced one.
func checkDestroy(t *testing.T, w *deployment) {
	t.Helper()
	w.Apply()
	if out := w.Run("output", "-raw", "registered"); out != "2" {
		t.Errorf("%s devices are counted, want 2", out)
	}
	w.Unchanged() // devices that registered themselves are not drift
	refused := w.Try("destroy", "-auto-approve")
	if refused.Code == 0 || !refused.Says("2 devices have registered themselves") ||
		!refused.Says("set force_destroy = true") {
		t.Errorf("the destroy should refuse:\n%s", refused.Output)
	}
	w.Apply("-var=force=true")
	w.Destroy("-var=force=true")
	things := must(w.aws.IoT().ListThings(t.Context(), &iot.ListThingsInput{}))(t)
	certificates := must(w.aws.IoT().ListCertificates(t.Context(), &iot.ListCertificatesInput{}))(t)
	tables := must(w.aws.DynamoDB().ListTables(t.Context(), &dynamodb.ListTablesInput{}))(t)
	parameters := must(w.aws.SSM().DescribeParameters(t.Context(), &ssm.DescribeParametersInput{}))(t)
	if diff := cmp.Diff([]int{0, 0, 0, 0}, []int{len(things.Things), len(certificates.Certificates),
		len(tables.TableNames), len(parameters.Parameters)}); diff != "" {
		t.Errorf("left of things, certificates, tables, parameters (-want +got):\n%s\n%v", diff,
			certificates.Certificates)
	}
}
