package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"

// metrics are statistics per device and measure over windows of time.
func metrics() capability {
	return capability{
		arguments: attributes{
			"metrics": object("Statistics of each device's measures over windows of time: count, sum, minimum, "+
				"maximum, average, first and last value. They are in a DynamoDB table when a window has ended. A "+
				"Boolean counts as 1 or 0; text has no statistics. Removing the block deletes the table.", attributes{
				"window_seconds": number("Length of a window in seconds. A message belongs to the window in which it "+
					"reaches the stream, whatever time it carries.", pipeline.MetricsWindowSeconds),
				"measures": textSet("Names of the measures that have metrics, such as `wind.speed`. Without it, all " +
					"have."),
				"keep_days": number("Days that metrics stay in the table after their window. A change applies to "+
					"later windows.", pipeline.MetricsKeepDays),
				"export": flag("Whether metrics also go to the archive's bucket: JSON lines, delivered by Firehose, " +
					"with a Glue table for Athena and QuickSight. They move and expire as the archive does. Defaults " +
					"to `true`."),
			}),
		},
		computed: attributes{
			"metrics_table_name": result("Name of the DynamoDB table with the metrics. Null without `metrics`."),
			"metrics_reader_policy_json": result("IAM policy document that allows reading the metrics and nothing " +
				"else. Null without `metrics`."),
			"metrics_database": result("Name of the Glue database in which the table `metrics` describes the " +
				"exported metrics. Null without `metrics.export`."),
		},
	}
}
