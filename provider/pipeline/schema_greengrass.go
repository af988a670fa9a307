package pipeline

import (
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// greengrassArgument is the block greengrass of the block edge.
func greengrassArgument() schema.Attribute {
	return object("Deploys `iot-edge` to gateways as a component of AWS IoT Greengrass V2. The pipeline uploads the "+
		"program to a bucket of its own, makes the component, and deploys it to a thing group that all devices with "+
		"`gateway` are in; gateways download it with a role that can do nothing else. Another program is another "+
		"version of the component, and other settings are a new revision of the deployment.", attributes{
		"artifacts": schema.MapAttribute{Required: true, ElementType: types.StringType,
			MarkdownDescription: "Paths of the zips of `iot-edge` from the release, by the architecture of gateways: " +
				"`arm64`, `x86_64`. A plan reads them, and compares what they hold."},
		"rollback": flag("Whether a gateway on which a deployment fails goes back to what it ran before. Defaults to " +
			"`true`."),
		"rollout": object("How fast gateways get a new deployment, and what stops it.", attributes{
			"maximum_per_minute": number("Gateways per minute at most.", pipeline.GreengrassMaximumPerMinute),
			"start_per_minute": number("Gateways per minute at first. Without it, the rollout begins with the maximum.",
				pipeline.GreengrassStartPerMinute),
			"growth_factor": number("What the rate is multiplied by.", pipeline.GreengrassGrowthFactor),
			"growth_after": number("Number of gateways that have to succeed before the rate grows.",
				pipeline.GreengrassGrowthAfter),
			"abort_percent": number("Percentage of gateways that may fail; with more, the rollout is cancelled. "+
				"`0`: it goes on.", pipeline.GreengrassAbortPercent),
			"abort_minimum": number("Number of gateways that need an outcome before the rollout is cancelled.",
				pipeline.GreengrassAbortMinimum),
			"timeout_minutes": number("How long one gateway may take.", pipeline.GreengrassTimeoutMinutes),
		}),
	})
}

// greengrass says what whoever sets up a gateway has to know.
func greengrass() capability {
	return capability{computed: attributes{
		"greengrass": resultObject("What the nucleus of a gateway has to be configured with. Null without "+
			"`edge.greengrass`.", attributes{
			"role_alias":  result("Role alias for the configuration of the nucleus."),
			"thing_group": result("Thing group of the gateways. AWS IoT Jobs shows rollouts by it."),
			"component":   result("Name of the component."),
		}),
	}}
}
