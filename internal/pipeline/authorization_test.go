package pipeline

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/authorization"
)

// ofDevices are the condition keys of device policies that the service authorization reference does not have; the
// developer guide of IoT has them, as policy variables [AWS 3].
var ofDevices = []string{"iot:Connection.Thing.IsAttached"}

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
					t.Errorf("%s: policy of %s: %s", name, key, wrong)
				}
			}
		}
	}
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
			if !ofPart(arn, build(t, testSpec(t, "full"))) {
				t.Errorf("%s names %s, which is no part", name, arn)
			}
		}
	}
	if checked == 0 {
		t.Error("no computed attribute is a policy document")
	}
}
