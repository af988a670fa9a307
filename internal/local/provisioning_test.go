package local

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go/middleware"
	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

const (
	templateARN  = "arn:aws:iot:us-east-1:" + account + ":provisioningtemplate/gh"
	templateBody = `{
 "Parameters":{"SerialNumber":{"Type":"String"},"site":{"Type":"String"},"AWS::IoT::Certificate::Id":{"Type":"String"}},
 "Resources":{
  "thing":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Fn::Join":["",["hall-",{"Ref":"SerialNumber"}]]},"ThingGroups":["gh"],"AttributePayload":{"site":{"Ref":"site"}}},
   "OverrideSettings":{"AttributePayload":"DO_NOTHING","ThingTypeName":"DO_NOTHING","ThingGroups":"MERGE"}},
  "certificate":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"},"Status":"ACTIVE"}}}}`
)

// withTemplate is the configuration of an endpoint that has the pipeline's provisioning template.
func (d *deployed) withTemplate(t *testing.T) aws.Config {
	t.Helper()
	config := d.server.Config(t)
	config.APIOptions = append(config.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(
			middleware.InitializeMiddlewareFunc(
				"template",
				func(ctx context.Context, in middleware.InitializeInput,
					next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
					if asked, ok := in.Parameters.(*iot.DescribeProvisioningTemplateInput); ok &&
						*asked.TemplateName == "gh" {
						return middleware.InitializeOutput{
							Result: &iot.DescribeProvisioningTemplateOutput{
								TemplateName: asked.TemplateName,
								TemplateArn:  aws.String(templateARN),
								TemplateBody: aws.String(templateBody),
								Enabled:      aws.Bool(true),
								Type:         types.TemplateTypeFleetProvisioning,
								PreProvisioningHook: &types.ProvisioningHook{
									TargetArn: aws.String(
										"arn:aws:lambda:us-east-1:" + account + ":function:gh-provisioning",
									),
								},
							},
						}, middleware.Metadata{}, nil
					}
					return next.HandleInitialize(ctx, in)
				},
			),
			middleware.Before,
		)
	})
	return config
}

// certify has a certificate made at the endpoint for a new key.
func (d *deployed) certify(t *testing.T) (tls.Certificate, *iot.CreateCertificateFromCsrOutput) {
	t.Helper()
	key, csr := request(t)
	made := must(d.aws.IoT().CreateCertificateFromCsr(t.Context(),
		&iot.CreateCertificateFromCsrInput{CertificateSigningRequest: &csr, SetAsActive: true}))(t)
	return pair(t, *made.CertificatePem, key), made
}

func request(t *testing.T) (key *ecdsa.PrivateKey, csr string) {
	t.Helper()
	key = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	der := must(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key))(t)
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

func pair(t *testing.T, certificatePEM string, key *ecdsa.PrivateKey) tls.Certificate {
	t.Helper()
	der := must(x509.MarshalPKCS8PrivateKey(key))(t)
	return must(
		tls.X509KeyPair([]byte(certificatePEM), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	)(t)
}

// allowRegistration gives the pipeline a claim certificate, the hook that admits the serial numbers, and a manifest.
func (d *deployed) allowRegistration(t *testing.T, serials string) tls.Certificate {
	t.Helper()
	ctx, c := t.Context(), d.aws
	claim, made := d.certify(t)
	const arn = "arn:aws:iot:us-east-1:" + account + ":"
	topics := func(kind string) string {
		return fmt.Sprintf(
			`["%[1]s%[2]s/$aws/certificates/create/*","%[1]s%[2]s/$aws/certificates/create-from-csr/*","%[1]s%[2]s/$aws/provisioning-templates/gh/provision/*"]`,
			arn,
			kind,
		)
	}
	policy := `{"Version":"2012-10-17","Statement":[
	 {"Effect":"Allow","Action":"iot:Connect","Resource":"` + arn + `client/claim:*"},
	 {"Effect":"Allow","Action":["iot:Publish","iot:Receive"],"Resource":` + topics("topic") + `},
	 {"Effect":"Allow","Action":"iot:Subscribe","Resource":` + topics("topicfilter") + `}]}`
	must(
		c.IoT().CreatePolicy(ctx, &iot.CreatePolicyInput{PolicyName: aws.String("gh-claim"), PolicyDocument: &policy}),
	)(t)
	must(c.IoT().AttachPolicy(ctx,
		&iot.AttachPolicyInput{PolicyName: aws.String("gh-claim"), Target: made.CertificateArn}))(t)
	processor := must(c.Lambda().GetFunctionConfiguration(ctx,
		&lambda.GetFunctionConfigurationInput{FunctionName: aws.String("gh-processor")}))(t)
	must(
		c.Lambda().CreateFunction(ctx, &lambda.CreateFunctionInput{
			FunctionName: aws.String("gh-provisioning"),
			Role:         processor.Role,
			Runtime:      lambdatypes.RuntimeProvidedal2023,
			Handler:      aws.String("bootstrap"),
			Code: &lambdatypes.FunctionCode{
				ZipFile: emptyArchive(t),
			},
			Timeout:    aws.Int32(5),
			MemorySize: aws.Int32(128),
			Environment: &lambdatypes.Environment{
				Variables: map[string]string{"IOT_SERIALS": serials, "IOT_TEMPLATE_ARN": templateARN},
			},
		}),
	)(t)
	manifest := must(contract.FormatManifest(contract.Manifest[arguments]{
		Name: "gh", TopicPrefix: "gh", Parts: map[string]contract.ManifestPart{
			"rule/telemetry":                 {Name: "gh_telemetry"},
			"function/processor":             {Name: "gh-processor"},
			"function/provisioning":          {Name: "gh-provisioning"},
			contract.KeyProvisioningTemplate: {Name: "gh"},
			contract.KeyClaim:                {Name: "/iot-pipeline/gh/devices-claim"},
		},
	}))(t)
	must(c.SSM().PutParameter(ctx,
		&ssm.PutParameterInput{Name: aws.String(contract.ManifestName("gh")), Type: "String", Value: &manifest}))(t)
	return claim
}

// ask sends a request of the device provisioning API and waits for its answer.
func ask(t *testing.T, c paho.Client, topic string, request any) (how string, answer map[string]any) {
	t.Helper()
	answers := make(chan paho.Message, 2)
	if token := c.SubscribeMultiple(map[string]byte{topic + "/accepted": 1, topic + "/rejected": 1},
		func(_ paho.Client, m paho.Message) { answers <- m }); !token.WaitTimeout(
		20*time.Second,
	) ||
		token.Error() != nil {
		t.Fatal("subscribing: ", token.Error())
	}
	publish(t, c, topic, string(must(json.Marshal(request))(t)))
	select {
	case m := <-answers:
		if err := json.Unmarshal(m.Payload(), &answer); err != nil {
			t.Fatal(err)
		}
		return strings.TrimPrefix(m.Topic(), topic+"/"), answer
	case <-time.After(30 * time.Second):
		t.Fatalf("no answer on %s", topic)
		return "", nil
	}
}

func TestDeviceRegistersItselfAndReports(t *testing.T) {
	d := deploy(t, 0)
	claim := d.allowRegistration(t, "A1,A2")
	r, l := d.runOn(t, d.withTemplate(t))
	l.await(t, func(e runlog.Event) bool {
		return e.Kind == runlog.Ready && strings.Contains(e.Detail, "devices register with template gh;")
	})
	if hosted := fmt.Sprint(r.hosts.Names()); hosted != "[gh-processor gh-provisioning]" {
		t.Errorf("functions that are hosted: %s; want all of the manifest, with event sources or without", hosted)
	}
	key, csr := request(t)
	c := must(connectWith(t, r, claim, "claim:A1"))(t)
	how, made := ask(t, c, "$aws/certificates/create-from-csr/json",
		map[string]string{"certificateSigningRequest": csr})
	if how != "accepted" {
		t.Fatal(how, made)
	}
	request := map[string]any{
		"certificateOwnershipToken": made["certificateOwnershipToken"],
		"parameters":                map[string]string{"SerialNumber": "B1", "site": "x"},
	}
	if how, answer := ask(t, c, "$aws/provisioning-templates/gh/provision/json", request); how != "rejected" ||
		answer["errorCode"] != "AccessDenied" {
		t.Errorf("a serial number that is not admitted: %s %v", how, answer)
	}
	l.await(t, func(e runlog.Event) bool {
		return e.Kind == runlog.Refused && e.Thing == "claim:A1" && strings.Contains(e.Detail, "denied the request")
	})
	request["parameters"] = map[string]string{"SerialNumber": "A1", "site": "x"}
	if how, answer := ask(t, c, "$aws/provisioning-templates/gh/provision/json", request); how != "accepted" ||
		answer["thingName"] != "hall-A1" {
		t.Fatal(how, answer)
	}
	l.await(t, func(e runlog.Event) bool {
		return e.Kind == runlog.Admitted && e.Thing == "claim:A1" && e.Target == "hall-A1"
	})
	thing := must(d.aws.IoT().DescribeThing(t.Context(), &iot.DescribeThingInput{ThingName: aws.String("hall-A1")}))(t)
	if thing.Attributes["site"] != "hall-9" {
		t.Errorf("attributes %v, want the hook's site", thing.Attributes)
	}

	device := must(connectWith(t, r, pair(t, made["certificatePem"].(string), key), "hall-A1"))(t)
	publish(t, device, "gh/hall-A1/telemetry", `{"data":{"temperature":21.5}}`)
	drain(t, r)
	l.await(t, func(e runlog.Event) bool {
		return e.Kind == runlog.Acted && e.Rule == "gh_telemetry" && e.Thing == "hall-A1" && e.Error == ""
	})
	if records := d.server.TimestreamRecords(t, "gh", "readings"); len(records) != 1 {
		t.Errorf("got %d records", len(records))
	}
}

func TestStoppingLeavesNoUnusedCertificate(t *testing.T) {
	d := deploy(t, 0)
	claim := d.allowRegistration(t, "A1")
	r, err := Start(t.Context(), Options{
		Config:     d.withTemplate(t),
		Pipeline:   "gh",
		MQTTAddr:   "127.0.0.1:0",
		StateDir:   t.TempDir(),
		Bootstraps: bootstraps,
	})
	if err != nil {
		t.Fatal(err)
	}
	c := must(connectWith(t, r, claim, "claim:A1"))(t)
	if how, answer := ask(t, c, "$aws/certificates/create/json", map[string]string{}); how != "accepted" ||
		!strings.Contains(answer["privateKey"].(string), "RSA PRIVATE KEY") {
		t.Fatal(how)
	}
	count := func() int {
		return len(must(d.aws.IoT().ListCertificates(t.Context(), &iot.ListCertificatesInput{}))(t).Certificates)
	}
	if n := count(); n != 2 {
		t.Errorf("%d certificates while running, want the claim's and the new one", n)
	}
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 1 {
		t.Errorf("%d certificates after the end, want the claim's", n)
	}
}
