package function

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// TestWhatIsKept: code and variables whose source cannot be read stay as they are, and nothing is written that lacks
// them.
func TestWhatIsKept(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	d, ref := New(c), assembly.Ref{Name: name, Owner: drivertest.Owner}
	full := wanted(t, newRole(t, c, "role"))
	full.Environment["IOT_TELEMETRY"] = "settings"
	kept := full
	kept.CodeSHA256, kept.Code = "", func() ([]byte, error) { return nil, errNoCode }
	kept.Kept, kept.Environment = []string{"IOT_TELEMETRY"}, map[string]string{"IOT_TELEMETRY": "?",
		"IOT_PIPELINE": "greenhouse"}
	if _, err := d.Create(t.Context(), ref, kept); err == nil || !strings.Contains(err.Error(), "IOT_TELEMETRY") {
		t.Fatalf("a function without its settings: %v", err)
	}
	if _, err := d.Create(t.Context(), ref, full); err != nil {
		t.Fatal(err)
	}
	have := observe(t, d, ref)
	if changes := d.Diff(have.Spec, kept); len(changes) > 0 {
		t.Errorf("changes %v", changes)
	}
	kept.MemoryMB = 512
	changes := d.Diff(have.Spec, kept)
	if _, err := d.Update(t.Context(), ref, have, kept, changes); err != nil {
		t.Fatal(err)
	}
	have = observe(t, d, ref)
	if have.Spec.MemoryMB != 512 || have.Spec.Environment["IOT_TELEMETRY"] != "settings" {
		t.Errorf("the function became %+v", have.Spec)
	}
	if _, err := c.Lambda().UpdateFunctionConfiguration(t.Context(),
		&lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String(name),
			Environment: environment(spec.Function{})}); err != nil {
		t.Fatal(err)
	}
	have = observe(t, d, ref)
	changes = d.Diff(have.Spec, kept)
	if len(changes) != 1 || changes[0].Field != "environment" {
		t.Errorf("without its variables it differs in %v", changes)
	}
	if _, err := d.Update(t.Context(), ref, have, kept, changes); err == nil ||
		!strings.Contains(err.Error(), "IOT_TELEMETRY") {
		t.Errorf("writing settings that are not known: %v", err)
	}
}

func observe(t *testing.T, d *Driver, ref assembly.Ref) *assembly.Observed[spec.Function] {
	t.Helper()
	have, err := d.Observe(t.Context(), ref)
	if err != nil || have == nil {
		t.Fatalf("observed %v, %v", have, err)
	}
	return have
}
