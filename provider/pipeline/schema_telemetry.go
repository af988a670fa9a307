package pipeline

import (
	"fmt"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// telemetry is how the payload of a telemetry message is read.
func telemetry() capability {
	return capability{arguments: attributes{
		"telemetry": object("How the payload of a telemetry message is read.", attributes{
			"data_field": optional(fmt.Sprintf("Name of the field that holds the measures. A payload without the "+
				"field is read as flat. Defaults to `%s`.", pipeline.DefaultDataField)),
			"time_field": optional(fmt.Sprintf("Name of the field that holds the time: epoch seconds, epoch "+
				"milliseconds or ISO 8601. A payload without the field has the time of its arrival. Defaults to `%s`.",
				pipeline.DefaultTimeField)),
		}),
	}}
}
