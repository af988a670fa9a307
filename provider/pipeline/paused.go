package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// warnPaused warns that an apply switches rules on that somebody has switched off, as iot_pause does: what the operator
// meant to keep off must not come back unnoticed. A route that the configuration switches is no such rule.
func (p *planner) warnPaused() error {
	if p.prior == nil {
		return nil
	}
	records, err := p.prior.records()
	if err != nil {
		return err
	}
	var off []string
	for _, r := range records {
		fields, drifted := strings.CutPrefix(string(r.Status), string(assembly.Drifted)+": ")
		route, isRoute := p.prior.spec.Routes[strings.TrimPrefix(r.Key, "rule/")]
		configuredOff := isRoute && route.Enabled != nil && !*route.Enabled
		if r.Kind == spec.KindTopicRule && drifted && !configuredOff &&
			slices.Contains(strings.Split(fields, ", "), "enabled") {
			off = append(off, strings.TrimPrefix(r.Key, "rule/"))
		}
	}
	if len(off) > 0 {
		p.warnings.AddAttributeWarning(path.Root("parts"),
			fmt.Sprintf("Pipeline %q is paused, and an apply resumes it", p.planned.spec.Name),
			fmt.Sprintf("Somebody has switched off these rules, with iot_pause or by hand: %s. An apply switches "+
				"them on again. To keep them off, wait with the apply until the pipeline may resume.",
				strings.Join(off, ", ")))
	}
	return nil
}
