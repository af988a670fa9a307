package pipeline

import (
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
