package pipeline

import (
	"regexp"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// S3 allows more days, but nobody means more than a century.
var (
	ArchiveIntelligentTieringAfterDays = Limit{Min: 0, Max: 36_500, Source: "this provider"}
	ArchiveExpireAfterDays             = Limit{Min: 1, Max: 36_500, Source: "this provider"}
)

const (
	// DefaultArchivePrefix starts the keys of archived messages.
	DefaultArchivePrefix = "telemetry/"
	// noncurrentDays is how long an overwritten or deleted object can be restored.
	noncurrentDays = 30
	// abortUploadDays is when the parts of an incomplete upload are removed.
	abortUploadDays = 7
)

var archivePattern = regexp.MustCompile(`^[a-zA-Z0-9_.=/-]+$`)

// ArchiveSpec is the archive of raw telemetry in S3. The bucket's settings apply to the dead letters in it as well.
type ArchiveSpec struct {
	Enabled                     *bool   `json:"enabled,omitzero"`
	Prefix                      *string `json:"prefix,omitzero"`
	IntelligentTieringAfterDays *int64  `json:"intelligent_tiering_after_days,omitzero"` // 0: at once
	ExpireAfterDays             *int64  `json:"expire_after_days,omitzero"`              // nil: never
	KMSKeyID                    *string `json:"kms_key_id,omitzero"`
}

// archive keeps raw telemetry in the bucket. The bucket always exists, because dead letters are in it as well; the rule
// exists unless the archive is disabled.
func archive() capability {
	return capability{
		shapes: []shape{{arguments: []string{"archive", "archive.enabled"}, parts: true,
			outputs: []string{"rule_arns"}}},
		defaults: func(s *Spec) {
			a := block(s.Archive)
			a.Enabled = or(a.Enabled, true)
			a.Prefix = or(a.Prefix, DefaultArchivePrefix)
			if !strings.HasSuffix(*a.Prefix, "/") {
				*a.Prefix += "/"
			}
			s.Archive = a
		},
		check: func(c *checker, s Spec) { c.checkArchive(s.Archive) },
		parts: func(b *builder) []assembly.Part {
			name := b.names.bucket()
			arn := b.arn.bucket(name)
			return []assembly.Part{b.part("bucket", spec.KindBucket, name, arn, nil, spec.Bucket{
				KMSKeyID:     b.arn.key(deref(b.config.Archive.KMSKeyID)),
				Policy:       policy(denyPlain("s3:*", arn, arn+"/*")),
				Lifecycle:    b.lifecycle(),
				ForceDestroy: *b.config.ForceDestroy,
				Tags:         b.env.Tags,
			})}
		},
		rules: func(b *builder) []ownRule {
			if !*b.config.Archive.Enabled {
				return nil
			}
			return []ownRule{b.archiveRule()}
		},
		outputs: func(b *builder, _ assembly.Upstream, out *Outputs) { out.ArchiveBucket = b.names.bucket() },
	}
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
		action:      spec.Action{S3: &spec.S3Action{RoleARN: b.rulesRoleARN(), Bucket: bucket, Key: key}},
		needs:       []string{"bucket"},
		grants: append([]statement{allow([]string{"s3:PutObject"}, b.arn.bucket(bucket)+"/"+prefix+"*")},
			b.encryptWith(b.config.Archive.KMSKeyID)...),
	}
}

// lifecycle removes what is no longer needed from the bucket. S3 does not allow the removal of delete markers and an
// expiry in days in one rule, so the first rule has no expiry.
func (b *builder) lifecycle() []spec.LifecycleRule {
	rules := slices.Concat([]spec.LifecycleRule{{
		ID:                         "housekeeping",
		NoncurrentExpireDays:       noncurrentDays,
		AbortMultipartUploadDays:   abortUploadDays,
		ExpiredObjectDeleteMarkers: true,
	}}, deadLetterLifecycle())
	a := b.config.Archive
	if a.ExpireAfterDays == nil && a.IntelligentTieringAfterDays == nil {
		return rules
	}
	archive := spec.LifecycleRule{ID: "archive", Prefix: *a.Prefix, ExpireDays: int32(deref(a.ExpireAfterDays))}
	if a.IntelligentTieringAfterDays != nil {
		archive.IntelligentTieringDays = ptr(int32(*a.IntelligentTieringAfterDays))
	}
	return append(rules, archive)
}

func (c *checker) checkArchive(s *ArchiveSpec) {
	if s == nil {
		return
	}
	const tierPath, expirePath = "archive.intelligent_tiering_after_days", "archive.expire_after_days"
	tier, expire := s.IntelligentTieringAfterDays, s.ExpireAfterDays
	c.number(tierPath, tier, ArchiveIntelligentTieringAfterDays)
	c.number(expirePath, expire, ArchiveExpireAfterDays)
	if tier != nil && expire != nil && *tier >= *expire && c.known(tierPath) && c.known(expirePath) {
		c.fail(tierPath, "The archive would expire before it is moved", "Objects move after %d days and expire after "+
			"%d, which S3 rejects. Let them move earlier or expire later.", *tier, *expire)
	}
	c.key("archive.kms_key_id", s.KMSKeyID)
	if s.Prefix != nil && c.known("archive.prefix") {
		c.checkArchivePrefix("archive.prefix", *s.Prefix)
	}
}

func (c *checker) checkArchivePrefix(path, text string) {
	prefix := strings.TrimSuffix(text, "/") + "/"
	switch {
	case strings.HasPrefix(prefix, "/") || len(prefix) > 512 || !archivePattern.MatchString(prefix):
		c.fail(path, "prefix is not valid", "%s cannot start the keys of the archive: a prefix starts with a name and "+
			"holds only letters, digits and _ . = - /, for example \"raw/\".", excerpt(text))
	case strings.HasPrefix(prefix, deadLetterPrefix) || strings.HasPrefix(failedBatches, prefix) ||
		strings.HasPrefix(prefix, failedBatches):
		c.fail(path, "prefix is not valid", "Dead letters are kept below %q and %q with their own expiry; put the "+
			"archive elsewhere.", deadLetterPrefix, failedBatches)
	}
}
