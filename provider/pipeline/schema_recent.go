package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"

// recent is the table with the readings of the last hours.
func recent() capability {
	return capability{
		arguments: attributes{
			"recent": object("Recent readings in a DynamoDB table, which answers within milliseconds. Every reading "+
				"is an item with the key `device_id` and `at`. Removing the block deletes the table.", attributes{
				"hours": number("Hours that a reading stays after its arrival. A change applies to readings that "+
					"arrive later.", pipeline.RecentHours),
			}),
		},
		computed: attributes{
			"readings_table_name": result("Name of the DynamoDB table with the recent readings. Null without " +
				"`recent`."),
			"recent_reader_policy_json": result("IAM policy document that allows reading the recent readings and " +
				"nothing else. Null without `recent`."),
		},
	}
}
