package pipeline

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/authorization"
)

// ofDevices are the condition keys of device policies that the service authorization reference does not have; the
// developer guide of IoT has them, as policy variables [AWS 3].
var ofDevices = []string{"iot:Connection.Thing.IsAttached"}

// ofCoreDevices are actions of devices that the reference does not have. The developer guide of Greengrass V2 has them
// in the minimal policy of a core device ["Device authentication and authorization for AWS IoT Greengrass"].
var ofCoreDevices = []string{"iot:AssumeRoleWithCertificate", "greengrass:GetDeploymentConfiguration",
	"greengrass:ListThingGroupsForCoreDevice"}

// AWS understands every policy document: actions, resources and condition keys exist and go together.
func TestPoliciesAreInTheAuthorizationReference(t *testing.T) {
	reference, err := authorization.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range pipelines {
		for key, want := range resolve(t, build(t, testSpec(t, name))) {
			var further []string
			if _, ok := want.(spec.IoTPolicy); ok {
				further = ofDevices
			}
			for _, document := range documentsOf(want) {
				if document == "" {
					continue
				}
				for _, wrong := range reference.Check(document, further...) {
					ofCore := key == "policy/greengrass" && slices.ContainsFunc(ofCoreDevices,
						func(action string) bool { return strings.Contains(wrong, action) })
					if !strings.Contains(wrong, qualifiedFunction) && !ofCore {
						t.Errorf("%s: policy of %s: %s", name, key, wrong)
					}
				}
			}
		}
	}
}

// qualifiedFunction is in what the reference finds of a function's ARN with a version, which it does not have for
// InvokeFunction. The developer guides of Lambda and Firehose do.
const qualifiedFunction = "-archiver:$LATEST: no action of"

// ofAthena is what a reader of the archive names besides parts: Athena's documentation asks for the catalog and the
// database "default" with any query, and tools for the data source that stands for the catalog.
var ofAthena = []string{
	"arn:aws:athena:eu-west-1:123456789012:datacatalog/AwsDataCatalog",
	"arn:aws:glue:eu-west-1:123456789012:catalog",
	"arn:aws:glue:eu-west-1:123456789012:database/default",
	"arn:aws:glue:eu-west-1:123456789012:table/north_field/*",
}

// So are the documents among the computed attributes, which let others read what the pipeline stores.
func TestReaderPoliciesAreInTheAuthorizationReference(t *testing.T) {
	reference, err := authorization.Load()
	if err != nil {
		t.Fatal(err)
	}
	var outputs map[string]any
	if err := json.Unmarshal([]byte(encode(OutputsOf(testSpec(t, "full"), testEnv(), nil))), &outputs); err != nil {
		t.Fatal(err)
	}
	parts, words := build(t, testSpec(t, "full")), wordsOf(t, testSpec(t, "full"))
	checked := 0
	for name, value := range outputs {
		if !strings.HasSuffix(name, "_policy_json") {
			continue
		}
		checked++
		document, _ := value.(string)
		for _, wrong := range reference.Check(document) {
			t.Errorf("%s: %s", name, wrong)
		}
		var v any
		if err := json.Unmarshal([]byte(document), &v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, arn := range arnsIn(v) {
			if !ofPart(arn, parts) && !written(arn, words, "farm/north") && !slices.Contains(ofAthena, arn) {
				t.Errorf("%s names %s, which is no part", name, arn)
			}
		}
	}
	if checked == 0 {
		t.Error("no computed attribute is a policy document")
	}
}
