package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfdiag"
)

// ValidateConfig refuses what can never work, as far as it is known.
func (r *resourceType) ValidateConfig(
	_ context.Context,
	req resource.ValidateConfigRequest,
	resp *resource.ValidateConfigResponse,
) {
	config, err := newModel(req.Config.Raw)
	if err != nil {
		resp.Diagnostics.AddError("Reading the configuration", err.Error())
		return
	}
	problems := slices.Concat(pipeline.Validate(config.spec, config.unknown.Covers), timeoutProblems(config),
		pipeline.MissingSecrets(config.spec, config.unknown.Covers))
	tfdiag.Problems(&resp.Diagnostics, req.Config.Raw.Type(), problems)
	for _, key := range r.configuration.Dropped(argumentKeys(), blockOf(req.Config.Raw)) {
		addDroppedKey(&resp.Diagnostics, key)
	}
}

// timeoutProblems checks the one block that only Terraform's operations use.
func timeoutProblems(m *model) []pipeline.Problem {
	var problems []pipeline.Problem
	for _, operation := range []string{"create", "read", "update", "delete"} {
		text := m.timeout(operation)
		if text == nil {
			continue
		}
		if d, err := time.ParseDuration(*text); err != nil || d <= 0 {
			problems = append(problems, pipeline.Problem{Path: "timeouts." + operation,
				Summary: fmt.Sprintf("Timeout %q is not valid",
					*text), Detail: "Write a duration such as \"30m\" or \"1h30m\"."})
		}
	}
	return problems
}
