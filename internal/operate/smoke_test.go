package operate

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/deployed"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/faultproxy"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// describe gives the pipeline arguments and a device table.
func (f *farm) describe(arguments string) {
	f.t.Helper()
	f.populate()
	text := must(contract.FormatManifest(contract.Manifest[json.RawMessage]{Version: contract.ManifestVersion, ID: "token",
		Name: "farm", TopicPrefix: "farm", Region: mototest.Region, Spec: json.RawMessage(arguments),
		Parts: func() map[string]contract.ManifestPart {
			f.Parts[contract.KeyDeviceTable] = contract.ManifestPart{Name: "farm"}
			return f.Parts
		}()}))(f.t)
	must(f.SSM().PutParameter(f.t.Context(), &ssm.PutParameterInput{Name: aws.String(contract.ManifestName("farm")),
		Value: &text, Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true)}))(f.t)
	must(f.DynamoDB().CreateTable(f.t.Context(), &dynamodb.CreateTableInput{TableName: aws.String("farm"),
		BillingMode: dbtypes.BillingModePayPerRequest,
		AttributeDefinitions: []dbtypes.AttributeDefinition{
			{AttributeName: aws.String(contract.DeviceKey), AttributeType: dbtypes.ScalarAttributeTypeS}},
		KeySchema: []dbtypes.KeySchemaElement{
			{AttributeName: aws.String(contract.DeviceKey), KeyType: dbtypes.KeyTypeHash}}}))(f.t)
	f.Pipeline = must(deployed.Find(f.t.Context(), f.Clients, "farm"))(f.t)
	f.proxy.Clear()
}

func (f *farm) smokeTest(s Smoke) (string, error) {
	f.t.Helper()
	var told []string
	err := RunSmokeTest(f.t.Context(), f.Pipeline, s, func(message string) { told = append(told, message) })
	return strings.Join(told, "\n"), err
}

const withoutArchive = `{"name":"farm","archive":{"enabled":false}}`

// What cannot succeed is said before anything is sent.
func TestSmokeTestRefuses(t *testing.T) {
	for want, c := range map[string]struct {
		arguments string
		smoke     Smoke
		prepare   func(*farm)
	}{
		`pipeline "farm" has no device "z"`:      {withoutArchive, Smoke{Device: "z"}, nil},
		"telemetry.format":                       {`{"name":"farm","archive":{"enabled":false},"telemetry":{"format":"cbor"}}`, Smoke{}, nil},
		"the wait for one hop is at most 1h0m0s": {withoutArchive, Smoke{Wait: 2 * time.Hour}, nil},
		`"farm_telemetry" is off, so nothing reaches the pipeline: resume it (iotctl resume farm telemetry)`: {
			withoutArchive, Smoke{}, func(f *farm) {
				must(f.IoT().DisableTopicRule(f.t.Context(),
					&iot.DisableTopicRuleInput{RuleName: aws.String("farm_telemetry")}))(f.t)
			}},
		`there is no topic rule "farm_telemetry"`: {withoutArchive, Smoke{}, func(f *farm) {
			must(f.IoT().DeleteTopicRule(f.t.Context(),
				&iot.DeleteTopicRuleInput{RuleName: aws.String("farm_telemetry")}))(f.t)
		}},
		"publishing to farm/smoke-test/telemetry: ": {withoutArchive, Smoke{}, func(f *farm) {
			f.proxy.Inject(faultproxy.Fault{Kind: faultproxy.AccessDenied,
				Match: func(r faultproxy.Request) bool { return strings.Contains(r.Name, "/topics/") }})
		}},
	} {
		t.Run(want, func(t *testing.T) {
			f := newFarm(t, false)
			f.describe(c.arguments)
			if c.prepare != nil {
				c.prepare(f)
			}
			_, err := f.smokeTest(c.smoke)
			requireText(t, fmt.Sprint(err), want)
			if sent := f.Published(t); len(sent) > 0 {
				t.Errorf("published %v", sent)
			}
		})
	}
}

// A message that does not arrive is an error that says where it was lost: here nothing runs the pipeline.
func TestSmokeTestSaysWhereTheMessageWasLost(t *testing.T) {
	f := newFarm(t, false)
	f.describe(withoutArchive)
	f.letter(record(t, SmokeDevice, "1", "x", "not_json", time.Until(arrived)*-2))
	f.letter(record(t, "a", "1", "x", "others", time.Until(arrived)*-2))
	told, err := f.smokeTest(Smoke{})
	requireText(t, fmt.Sprint(err), "the message did not reach the device state", "iotctl redrive farm --dry-run",
		"/aws/lambda/farm-processor", `a dead letter of smoke-test from "processor" says: not_json`,
		`function "farm-processor" reads nothing`)
	if strings.Contains(err.Error(), "others") {
		t.Errorf("%v tells of another device", err)
	}
	requireText(t, told, "published to farm/smoke-test/telemetry", "device state: not there after", "what stays")
	if n := f.visible("farm-dead-letters"); n != "2" {
		t.Errorf("%s letters can be received, want 2", n)
	}
}

// Whatever request fails, the test says so or succeeds, and leaves nothing of its device.
func TestSmokeTestSurvivesEveryFault(t *testing.T) {
	f := newFarm(t, false)
	f.describe(withoutArchive)
	for n, met := 1, true; met; n++ {
		f.proxy.Clear()
		// Nobody runs the pipeline: the state is there as soon as the message is.
		published := f.proxy.Inject(faultproxy.Fault{Kind: faultproxy.Rewrite, Rewrite: func(body string) string {
			f.store()
			return body
		}, Match: func(r faultproxy.Request) bool { return r.N != n && strings.Contains(r.Name, "/topics/") }})
		fault := f.proxy.Inject(faultproxy.Fault{Kind: faultproxy.AccessDenied, Match: faultproxy.Nth(n), Times: 1})
		told, err := f.smokeTest(Smoke{})
		met = f.proxy.Hits(fault) > 0
		request := f.proxy.Requests()[min(n, len(f.proxy.Requests()))-1]
		stored := f.proxy.Hits(published) > 0
		f.proxy.Clear()
		if met != (err != nil) && request.Name != "GetObject" {
			t.Errorf("%d: after %s failed: %v\n%s", n, request.Name, err, told)
		}
		out := must(f.DynamoDB().Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String("farm")}))(t)
		if len(out.Items) > 0 && request.Name != "DeleteItem" {
			t.Errorf("after %s failed, the table has %v (stored: %v)", request.Name, out.Items, stored)
		}
	}
}

// store writes the state of the test's device past the proxy.
func (f *farm) store() {
	client := dynamodb.NewFromConfig(f.Config(f.t))
	must(client.PutItem(f.t.Context(), &dynamodb.PutItemInput{TableName: aws.String("farm"),
		Item: map[string]dbtypes.AttributeValue{
			contract.DeviceKey:         &dbtypes.AttributeValueMemberS{Value: SmokeDevice},
			contract.LastSeenAttribute: &dbtypes.AttributeValueMemberN{Value: fmt.Sprint(time.Now().UnixMilli())}}}))(f.t)
}
