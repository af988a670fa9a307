package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"

// deviceState is the table with the latest state of each device.
func deviceState() capability {
	return capability{
		arguments: attributes{
			"device_state": object("DynamoDB table with the latest state of each device.", attributes{
				"ttl_days": number("Days after which the state of a silent device expires; `0` keeps it.",
					pipeline.DeviceStateTTLDays),
				"point_in_time_recovery": flag("Whether to keep continuous backups of 35 days. Defaults to `true`."),
			}),
		},
		computed: attributes{"device_table_name": result("Name of the DynamoDB table with the state of the devices.")},
	}
}
