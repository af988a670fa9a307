package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"

// functions is what all Lambda functions have in common.
func functions() capability {
	return capability{
		arguments: attributes{
			"functions": object("Settings of all Lambda functions of the pipeline.", attributes{
				"architecture": choice("Instruction set architecture.", pipeline.FunctionArchitectures),
				"log_retention_days": number("Days that CloudWatch Logs keeps the logs.",
					pipeline.FunctionLogRetentionDays),
				"log_level": choice("Lowest level of log entries that are written.", pipeline.FunctionLogLevels),
				"tracing":   flag("Whether X-Ray traces invocations. Defaults to `false`."),
			}),
		},
		computed: attributes{"function_arns": resultMap("ARNs of the Lambda functions by function.")},
	}
}
