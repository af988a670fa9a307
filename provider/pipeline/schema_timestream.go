package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"

// timestream is the database of time series.
func timestream() capability {
	return capability{
		arguments: attributes{
			"timestream": object("Time series in Timestream for LiveAnalytics, which AWS has closed to new "+
				"customers: only for accounts that already use it. Without the block, the pipeline has no time "+
				"series. Removing the block deletes the database.", attributes{
				"database": optional("Name of the database. Defaults to `name`. Changing this replaces the database " +
					"and its data."),
				"table": optional("Name of the table. Defaults to `telemetry`. Changing this replaces the table and " +
					"its data."),
				"memory_retention_hours": number("Hours that the memory store keeps a record.",
					pipeline.TimestreamMemoryRetentionHours),
				"magnetic_retention_days": number("Days that the magnetic store keeps a record. A smaller value "+
					"drops older records.", pipeline.TimestreamMagneticRetentionDays),
				"layout": choice("Layout of new records: `multi` writes one record per message with all its "+
					"measures, `single` one record per measure.", pipeline.TimestreamLayouts),
				"kms_key_id": optional("KMS key that encrypts the database. Defaults to the AWS managed key."),
			}),
		},
		computed: attributes{
			"timestream_table_arn": result("ARN of the Timestream table. Null without `timestream`."),
		},
	}
}
