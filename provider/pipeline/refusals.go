package pipeline

import (
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
)

// warnRefusals names the gateways that have said, as of this refresh, that they do not take the settings in their
// shadows. What a gateway says is no part of the state: it changes without any apply.
func (s *session) warnRefusals(diags *diag.Diagnostics) {
	addRefusals(diags, s.model.spec.Name, s.fleet.Refusals())
}

func addRefusals(diags *diag.Diagnostics, pipeline string, refusals []fleet.Refusal) {
	if len(refusals) == 0 {
		return
	}
	lines := make([]string, 0, maxNamed)
	for _, r := range refusals[:min(len(refusals), maxNamed)] {
		lines = append(lines, "- "+r.Gateway+": "+r.Reason)
	}
	if more := len(refusals) - maxNamed; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	summary := fmt.Sprintf("%d gateways of pipeline %q refuse their settings", len(refusals), pipeline)
	if len(refusals) == 1 {
		summary = fmt.Sprintf("A gateway of pipeline %q refuses its settings", pipeline)
	}
	diags.AddAttributeWarning(path.Root("edge"), summary, "The settings before hold on. They say:\n"+
		strings.Join(lines, "\n")+"\n\nCorrect the rules and apply, or update iot-edge if it does not know them yet.")
}
