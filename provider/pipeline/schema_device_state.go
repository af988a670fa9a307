package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"

// deviceState is the table with the latest state of each device.
func deviceState() capability {
	return capability{
		arguments: attributes{
			"device_state": object("DynamoDB table with the latest state of each device.", attributes{
				"ttl_days": number("Days after which the state of a silent device expires; `0` keeps it.",
					pipeline.DeviceStateTTLDays),
				"refresh_seconds": number("Seconds after which the state of a device is written again while only its "+
					"numbers change. A new status, a flag or text with another value, other measures and the end of a "+
					"connection are written at once. `silence_minutes` counts from the last write.",
					pipeline.DeviceStateRefreshSeconds),
				"point_in_time_recovery": flag("Whether to keep continuous backups of 35 days. Defaults to `true`."),
			}),
		},
		computed: attributes{"device_table_name": result("Name of the DynamoDB table with the state of the devices.")},
	}
}
