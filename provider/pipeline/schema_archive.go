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
				"enabled": flag("Whether telemetry is archived. `false` keeps the bucket and its objects. Defaults " +
					"to `true`."),
				"prefix": optional(fmt.Sprintf("Prefix of the keys. Defaults to `%s`.",
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
		},
	}
}
