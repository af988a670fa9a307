package pipeline

import (
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Arguments of the archive block. S3 allows more days, but nobody means more than a century. Firehose converts to
// Parquet only what it has collected 64 MB of, or for the time of the buffer.
var (
	ArchiveIntelligentTieringAfterDays = Limit{Min: 0, Max: 36_500, Source: "this provider"}
	ArchiveExpireAfterDays             = Limit{Min: 1, Max: 36_500, Source: "this provider"}
	ArchiveDeliveries                  = Choice{Values: []string{DeliveryBatched, DeliveryPerMessage},
		Default: DeliveryBatched}
	ArchiveFormats       = Choice{Values: []string{FormatParquet, FormatJSON}, Default: FormatParquet}
	ArchiveBufferSeconds = Limit{Min: 0, Max: 900, Default: value(300), Source: "Firehose"}
	ArchiveBufferMB      = Limit{Min: 1, Max: 128, Default: value(128), Source: "Firehose"}
	archiveParquetMB     = Limit{Min: 64, Max: 128, Source: "Firehose with Parquet"}
	ArchiveScanLimitGB   = Limit{Min: 1, Max: 1_000_000, Default: value(100), Source: "this provider"}
)

const (
	// DefaultArchivePrefix starts the keys of archived messages.
	DefaultArchivePrefix = "telemetry/"
	// noncurrentDays is how long an overwritten or deleted object can be restored.
	noncurrentDays = 30
	// abortUploadDays is when the parts of an incomplete upload are removed.
	abortUploadDays = 7
)

// ArchiveSpec is the archive of raw telemetry in S3. The bucket's settings apply to the dead letters in it as well.
// What is about batches is nil with one object per message.
type ArchiveSpec struct {
	Enabled                     *bool    `json:"enabled,omitzero"`
	Prefix                      *string  `json:"prefix,omitzero"`
	Delivery                    *string  `json:"delivery,omitzero"`
	Format                      *string  `json:"format,omitzero"`
	BufferSeconds               *int64   `json:"buffer_seconds,omitzero"`
	BufferMB                    *int64   `json:"buffer_mb,omitzero"`
	Measures                    []string `json:"measures,omitzero"` // columns of the view
	ScanLimitGB                 *int64   `json:"scan_limit_gb,omitzero"`
	IntelligentTieringAfterDays *int64   `json:"intelligent_tiering_after_days,omitzero"` // 0: at once
	ExpireAfterDays             *int64   `json:"expire_after_days,omitzero"`              // nil: never
	KMSKeyID                    *string  `json:"kms_key_id,omitzero"`
}

// archive keeps raw telemetry in the bucket: in batches, by Firehose, with a table for Athena; or one object per
// message, by a topic rule. The bucket always exists, because dead letters are in it as well.
func archive() capability {
	return capability{
		shapes: []shape{
			{arguments: []string{"archive", "archive.enabled", "archive.delivery"}, parts: true,
				outputs: []string{"rule_arns", "function_arns", "archive_database", "archive_table",
					"archive_workgroup", "archive_reader_policy_json"}},
			{arguments: []string{"archive.measures", "archive.format"}, parts: true},
			{arguments: []string{"archive.prefix", "archive.kms_key_id"},
				outputs: []string{"archive_reader_policy_json"}},
		},
		defaults: func(s *Spec) { s.Archive = archiveDefaults(s.Archive) },
		check:    func(c *checker, s Spec) { c.checkArchive(s.Archive) },
		parts: func(b *builder) []assembly.Part {
			return slices.Concat([]assembly.Part{b.bucket()}, b.glueDatabase(), b.archiveParts())
		},
		rules: func(b *builder) []ownRule {
			if a := b.config.Archive; !*a.Enabled || a.batched() {
				return nil
			}
			return []ownRule{b.archiveRule()}
		},
		function: archiver(),
		outputs: func(b *builder, _ assembly.Upstream, out *Outputs) {
			out.ArchiveBucket = b.names.bucket()
			if b.batched() {
				out.ArchiveDatabase, out.ArchiveTable = ptr(b.names.glueDatabase()), ptr(archiveTable)
				out.ArchiveWorkgroup, out.ArchiveReaderPolicyJSON = ptr(b.names.pipeline), ptr(b.archiveReader())
			}
		},
	}
}

func archiveDefaults(written *ArchiveSpec) *ArchiveSpec {
	a := block(written)
	a.Enabled = or(a.Enabled, true)
	a.Prefix = or(a.Prefix, DefaultArchivePrefix)
	if !strings.HasSuffix(*a.Prefix, "/") {
		*a.Prefix += "/"
	}
	a.Delivery = ArchiveDeliveries.Or(a.Delivery)
	if *a.Delivery == DeliveryPerMessage {
		return a
	}
	a.Format = ArchiveFormats.Or(a.Format)
	a.BufferSeconds = ArchiveBufferSeconds.Or(a.BufferSeconds)
	a.BufferMB = ArchiveBufferMB.Or(a.BufferMB)
	a.ScanLimitGB = ArchiveScanLimitGB.Or(a.ScanLimitGB)
	return a
}

func (b *builder) bucket() assembly.Part {
	name := b.names.bucket()
	arn := b.arn.bucket(name)
	return b.part(contract.KeyBucket, spec.KindBucket, name, arn, nil, spec.Bucket{
		KMSKeyID:     b.arn.key(deref(b.config.Archive.KMSKeyID)),
		Policy:       policy(append([]statement{denyPlain("s3:*", arn, arn+"/*")}, b.acceptAccessLog()...)...),
		Lifecycle:    b.lifecycle(),
		Disposable:   []string{queryResults, accessLogPrefix},
		ForceDestroy: *b.config.ForceDestroy,
		Tags:         b.env.Tags,
	})
}

// archiveRule writes each message to a separate object with a unique key.
func (b *builder) archiveRule() ownRule {
	bucket, prefix := b.names.bucket(), *b.config.Archive.Prefix
	key := prefix + `dt=${parse_time("yyyy-MM-dd", timestamp())}/hour=${parse_time("HH", timestamp())}/` +
		b.thingTemplate() + "/${timestamp()}-${newuuid()}.json"
	return ownRule{
		key: "archive", topic: "telemetry",
		description: "Telemetry of pipeline " + b.config.Name + " to its archive",
		sql:         constant("SELECT * FROM " + b.from("telemetry")),
		actions: constantAction(spec.Action{
			S3: &spec.S3Action{RoleARN: b.rulesRoleARN(), Bucket: bucket, Key: key}}),
		needs: []string{"bucket"},
		grants: append([]statement{allow([]string{"s3:PutObject"}, b.arn.bucket(bucket)+"/"+prefix+"*")},
			b.encryptWith(b.config.Archive.KMSKeyID)...),
	}
}

// lifecycle removes what is no longer needed from the bucket. S3 does not allow the removal of delete markers and an
// expiry in days in one rule, so the first rule has no expiry. The rules for what Firehose and Athena leave, and for
// metrics, stay without them: there may be objects from before.
func (b *builder) lifecycle() []spec.LifecycleRule {
	rules := slices.Concat([]spec.LifecycleRule{{
		ID:                         "housekeeping",
		NoncurrentExpireDays:       noncurrentDays,
		AbortMultipartUploadDays:   abortUploadDays,
		ExpiredObjectDeleteMarkers: true,
	}}, deadLetterLifecycle(), []spec.LifecycleRule{
		{ID: "archive-errors", Prefix: archiveErrorPrefix, ExpireDays: archiveErrorDays},
		{ID: "athena-results", Prefix: queryResults, ExpireDays: queryResultDays, NoncurrentExpireDays: 1},
	})
	if b.logsAccess() {
		rules = append(rules, spec.LifecycleRule{ID: "credentials-access", Prefix: accessLogPrefix,
			ExpireDays: accessLogDays, NoncurrentExpireDays: 1})
	}
	a := b.config.Archive
	if a.ExpireAfterDays == nil && a.IntelligentTieringAfterDays == nil {
		return rules
	}
	archive := spec.LifecycleRule{ID: "archive", Prefix: *a.Prefix, ExpireDays: int32(deref(a.ExpireAfterDays))}
	if a.IntelligentTieringAfterDays != nil {
		archive.IntelligentTieringDays = ptr(int32(*a.IntelligentTieringAfterDays))
	}
	metrics := archive
	metrics.ID, metrics.Prefix = "metrics", exportPrefix
	return append(rules, archive, metrics)
}
