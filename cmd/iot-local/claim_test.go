package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// withTemplate is the address of the server with a provisioning template in front, without a hook; without a body
// there is none.
func withTemplate(t *testing.T, server, body string) string {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", httputil.NewSingleHostReverseProxy(target))
	mux.HandleFunc("GET /provisioning-templates/gh", func(w http.ResponseWriter, _ *http.Request) {
		if body == "" {
			w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
			w.WriteHeader(http.StatusNotFound)
			return
		}
		json.NewEncoder(w).
			Encode(map[string]any{"templateName": "gh",
				"templateArn": "arn:aws:iot:us-east-1:123456789012:provisioningtemplate/gh", "enabled": true,
				"type": "FLEET_PROVISIONING", "templateBody": body})
	})
	front := httptest.NewServer(mux)
	t.Cleanup(front.Close)
	return front.URL
}

const templateBody = `{
 "Parameters":{"SerialNumber":{"Type":"String"},"site":{"Type":"String"},"AWS::IoT::Certificate::Id":{"Type":"String"}},
 "Resources":{
  "thing":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Fn::Join":["",["hall-",{"Ref":"SerialNumber"}]]},"ThingGroups":["gh"],"AttributePayload":{"site":{"Ref":"site"}}},
   "OverrideSettings":{"AttributePayload":"FAIL","ThingTypeName":"FAIL","ThingGroups":"FAIL"}},
  "certificate":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"},"Status":"ACTIVE"}}}}`

// deployClaim gives the pipeline a claim certificate and its bundle.
func deployClaim(t *testing.T, c *awsapi.Clients) (certificatePEM, privateKey string) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	keys, err := c.IoT().CreateKeysAndCertificate(ctx, &iot.CreateKeysAndCertificateInput{SetAsActive: true})
	must(err)
	_, err = c.IoT().CreatePolicy(
		ctx,
		&iot.CreatePolicyInput{PolicyName: aws.String("gh-claim"), PolicyDocument: aws.String(`{"Statement":[
	 {"Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot:us-east-1:123456789012:client/claim:*"},
	 {"Effect":"Allow","Action":["iot:Publish","iot:Subscribe","iot:Receive"],"Resource":["arn:aws:iot:us-east-1:123456789012:topic*/$aws/certificates/create*","arn:aws:iot:us-east-1:123456789012:topic*/$aws/provisioning-templates/gh/provision/*"]}]}`)},
	)
	must(err)
	_, err = c.IoT().AttachPolicy(ctx,
		&iot.AttachPolicyInput{PolicyName: aws.String("gh-claim"), Target: keys.CertificateArn})
	must(err)
	bundle, err := json.Marshal(map[string]any{
		"certificate_pem": keys.CertificatePem,
		"private_key":     keys.KeyPair.PrivateKey,
		"certificate_id":  keys.CertificateId,
		"endpoint":        "a1b2.iot.us-east-1.amazonaws.com",
		"template":        "gh",
	})
	must(err)
	_, err = c.SSM().PutParameter(ctx, &ssm.PutParameterInput{
		Name:  aws.String("/iot-pipeline/gh/devices-claim"),
		Type:  "SecureString",
		Value: aws.String(string(bundle)),
	})
	must(err)
	return *keys.CertificatePem, *keys.KeyPair.PrivateKey
}

func TestSimulateDevicesThatRegisterThemselves(t *testing.T) {
	server := mototest.Start(t)
	for _, kv := range server.Env() {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	c := awsapi.NewLocal(server.Config(t))
	deploy(t, c)
	deployClaim(t, c)
	front := withTemplate(t, server.URL, templateBody)
	dir := t.TempDir()
	ca, kept := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "kept")

	pipeline := start(t, "run", "gh", "--endpoint", front, "--mqtt", "127.0.0.1:0", "--state", dir)
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(pipeline.await(t, ready).Detail)
	simulate := func(more ...string) *process {
		return start(
			t,
			append(
				[]string{
					"simulate",
					"gh",
					"--broker",
					address,
					"--ca",
					ca,
					"--interval",
					"20ms",
					"--faults",
					"0",
					"--claim",
				},
				more...)...)
	}
	published := func(thing string) func(runlog.Event) bool {
		return func(e runlog.Event) bool {
			return e.Kind == runlog.Acted && e.Rule == "gh_telemetry" && e.Thing == thing && e.Error == ""
		}
	}
	devices := simulate("--serial", "A1", "--serial", "A2", "--parameter", "site=hall-3", "--keep", kept)
	e := devices.await(t, func(e runlog.Event) bool { return e.Kind == runlog.Admitted })
	if e.Action != "register" || !strings.HasPrefix(e.Target, "hall-A") {
		t.Errorf("got event %+v", e)
	}
	devices.await(t, ready)
	pipeline.await(t, published("hall-A1"))
	devices.stop()
	for e := range devices.events {
		if e.Kind == runlog.Failed {
			t.Errorf("%+v", e)
		}
	}
	thing, err := c.IoT().DescribeThing(t.Context(), &iot.DescribeThingInput{ThingName: aws.String("hall-A2")})
	if err != nil || thing.Attributes["site"] != "hall-3" {
		t.Errorf("the thing of the second device: %v, %v", thing, err)
	}
	if info, err := os.Stat(filepath.Join(kept, "A1.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("kept credentials: %v, %v; want a file for its owner only", info, err)
	}

	// What has kept its key is the same device; A1 without it is another one, whose thing exists.
	again := simulate("--serial", "A2", "--keep", kept)
	again.await(t, ready)
	pipeline.await(t, published("hall-A2"))
	again.stop()
	for range again.events {
	}
	forgot := simulate("--serial", "A1,A3", "--parameter", "site=hall-3")
	if e := forgot.await(t, func(e runlog.Event) bool { return e.Kind == runlog.Failed }); e.Thing != "claim:A1" ||
		!strings.Contains(e.Error, "rejected: ResourceConflicts") {
		t.Errorf("got event %+v", e)
	}
	forgot.await(t, ready)
	pipeline.await(t, published("hall-A3"))
	forgot.stop()
	for range forgot.events {
	}
	if err := <-forgot.ended; err == nil || !strings.Contains(err.Error(), `serial number "A1"`) {
		t.Errorf("ended with %v, want the device that failed", err)
	}
}

func TestClaimMistakesSayWhatToDo(t *testing.T) {
	server := mototest.Start(t)
	for _, kv := range server.Env() {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	c := awsapi.NewLocal(server.Config(t))
	deploy(t, c)
	dir := t.TempDir()
	pipeline := start(t, "run", "gh", "--endpoint", withTemplate(t, server.URL, ""), "--mqtt", "127.0.0.1:0", "--state",
		dir)
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(pipeline.await(t, ready).Detail)
	try := func(args, want string) {
		t.Helper()
		err := dispatch(t.Context(),
			strings.Fields("simulate gh --broker "+address+" --ca "+filepath.Join(dir, "ca.pem")+" "+args), io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", args, err, want)
		}
	}
	try("--claim", "set --serial once for each")
	try("--claim --serial A1 --devices soil-001", "remove --devices and --count")
	try("--serial A1", "add --claim")
	try("--claim --serial A1 --parameter site", "want NAME=VALUE")
	try("--claim --serial A1",
		"reading the claim bundle \"/iot-pipeline/gh/devices-claim\": there is none; apply the pipeline")
	certificate, key := deployClaim(t, c)
	try("--claim --serial ../A1", "letters, digits, - and _")
	try("--claim --serial A1", "rejected: ResourceNotFound")
	put := func(name string, value any) {
		t.Helper()
		text, err := json.Marshal(value)
		if err == nil {
			_, err = c.SSM().PutParameter(t.Context(), &ssm.PutParameterInput{
				Name:      &name,
				Type:      "SecureString",
				Value:     aws.String(string(text)),
				Overwrite: aws.Bool(true),
			})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put("/iot-pipeline/gh/devices-claim",
		map[string]string{"private_key": key, "certificate_pem": certificate, "template": "other"})
	try("--claim --serial A1", `provisioning-templates/other/provision/json": no policy allows it`)
	put("/iot-pipeline/gh/devices-claim", map[string]string{"private_key": key, "csr_pem": "x"})
	try("--claim --serial A1", "its certificate is not made yet")
	put("/iot-pipeline/gh/devices-claim", "x")
	try("--claim --serial A1", "it is not a claim bundle")
	manifest, err := contract.FormatManifest(contract.Manifest[struct{}]{
		Name: "gh", Parts: map[string]contract.ManifestPart{"rule/telemetry": {Name: "gh_telemetry"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	put(contract.ManifestName("gh"), json.RawMessage(manifest))
	try("--claim --serial A1", "has no claim certificate")
}
