package pipeline

import (
	"fmt"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// archive is the archive of raw telemetry in S3.
func archive() capability {
	return capability{
		arguments: attributes{
			"archive": object("Archive of raw telemetry in S3. The bucket also holds dead letters, to which its "+
				"settings apply as well.", attributes{
				"delivery": choice("How messages get into the archive. `batched`: Firehose writes them in large "+
					"objects, as a table for Athena. `per_message`: a topic rule writes one object per message.",
					pipeline.ArchiveDeliveries),
				"format": choice("Format of the objects, only with `batched`. `json`: one document per line, gzipped.",
					pipeline.ArchiveFormats),
				"buffer_seconds": number("Seconds after which an object is written, only with `batched`. The archive "+
					"is as old as this.", pipeline.ArchiveBufferSeconds),
				"buffer_mb": number("Megabytes after which an object is written, only with `batched`. At least 64 "+
					"with `parquet`.", pipeline.ArchiveBufferMB),
				"measures": textList("Measures that the view `readings` has a column for, only with `batched`. For " +
					"tools that know no maps, such as QuickSight. Without a value there is no view."),
				"scan_limit_gb": number("Gigabytes after which Athena cancels a query of the pipeline's workgroup, "+
					"only with `batched`.", pipeline.ArchiveScanLimitGB),
				"enabled": flag("Whether telemetry is archived. `false` keeps the bucket and its objects. Defaults " +
					"to `true`."),
				"prefix": optional(fmt.Sprintf("Prefix of the keys. Objects of another format or delivery have other "+
					"keys below it. Defaults to `%s`.",
					pipeline.DefaultArchivePrefix)),
				"intelligent_tiering_after_days": number("Days after which objects move to Intelligent-Tiering; `0` "+
					"moves them at once. Without a value they stay in the Standard class.",
					pipeline.ArchiveIntelligentTieringAfterDays),
				"expire_after_days": number("Days after which objects are deleted. Without a value they are kept.",
					pipeline.ArchiveExpireAfterDays),
				"kms_key_id": optional("KMS key that encrypts the bucket. Defaults to keys of S3 (SSE-S3)."),
			}),
		},
		computed: attributes{
			"archive_bucket": result("Name of the S3 bucket with the archive and the dead letters."),
			"archive_database": result("Name of the Glue database with the archive's table and view. Null unless the " +
				"archive is `batched`."),
			"archive_table": result("Name of the table with one row per reading. Null unless the archive is " +
				"`batched`."),
			"archive_workgroup": result("Name of the Athena workgroup for queries of the archive. Null unless the " +
				"archive is `batched`."),
			"archive_reader_policy_json": result("Policy document that lets somebody query the archive, and nothing " +
				"else. Null unless the archive is `batched`."),
		},
	}
}
