package pipeline

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
)

func TestRefusalsAreAWarning(t *testing.T) {
	var none, one, many diag.Diagnostics
	addRefusals(&none, "farm", nil)
	addRefusals(&one, "farm", []fleet.Refusal{{Gateway: "gw-1", Reason: "rule hot: no such function"}})
	addRefusals(&many, "farm", make([]fleet.Refusal, 25))
	if len(none) != 0 || len(one.Warnings()) != 1 || one.HasError() {
		t.Fatalf("none %v, one %v", none, one)
	}
	if d := one[0]; d.Summary() != `A gateway of pipeline "farm" refuses its settings` ||
		!strings.Contains(d.Detail(), "- gw-1: rule hot: no such function\n") {
		t.Errorf("%s\n%s", d.Summary(), d.Detail())
	}
	if d := many[0]; !strings.HasPrefix(d.Summary(), "25 gateways") || !strings.Contains(d.Detail(), "and 5 more") {
		t.Errorf("%s\n%s", d.Summary(), d.Detail())
	}
}
