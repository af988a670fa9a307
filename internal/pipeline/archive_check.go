package pipeline

import (
	"regexp"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

var archivePattern = regexp.MustCompile(`^[a-zA-Z0-9_.=/-]+$`)

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
	c.choice("archive.delivery", s.Delivery, ArchiveDeliveries)
	if s.Delivery != nil && !c.known("archive.delivery") {
		return
	}
	if *ArchiveDeliveries.Or(s.Delivery) == DeliveryPerMessage {
		c.checkArchivePerMessage(s)
		return
	}
	c.checkArchiveBatched(s)
}

// checkArchivePerMessage reports arguments that have no meaning with one object per message.
func (c *checker) checkArchivePerMessage(s *ArchiveSpec) {
	for _, a := range []struct {
		name    string
		written bool
	}{
		{"format", s.Format != nil},
		{"buffer_seconds", s.BufferSeconds != nil},
		{"buffer_mb", s.BufferMB != nil},
		{"measures", s.Measures != nil},
		{"scan_limit_gb", s.ScanLimitGB != nil},
	} {
		if path := "archive." + a.name; a.written && c.known(path) {
			c.fail(path, a.name+" has no meaning with one object per message", "The archive is written as each "+
				`message arrives, and has no table. Leave %s out, or set delivery = "batched".`, a.name)
		}
	}
}

func (c *checker) checkArchiveBatched(s *ArchiveSpec) {
	const mbPath = "archive.buffer_mb"
	c.choice("archive.format", s.Format, ArchiveFormats)
	c.number("archive.buffer_seconds", s.BufferSeconds, ArchiveBufferSeconds)
	c.number("archive.scan_limit_gb", s.ScanLimitGB, ArchiveScanLimitGB)
	if c.known("archive.format") && *ArchiveFormats.Or(s.Format) == FormatParquet {
		c.number(mbPath, s.BufferMB, archiveParquetMB)
	} else {
		c.number(mbPath, s.BufferMB, ArchiveBufferMB)
	}
	c.checkMeasures(s.Measures)
}

// checkMeasures checks that each measure gives the view a column of its own.
func (c *checker) checkMeasures(measures []string) {
	const list = "archive.measures"
	if !c.known(list) {
		return
	}
	taken := map[string]string{} // what a column is of, by its name
	for _, column := range []string{"thing", "time", "arrived_at", contract.ArchivePartition} {
		taken[column] = ""
	}
	for i, measure := range measures {
		path := item(list, i)
		if !c.known(path) {
			continue
		}
		column := measureColumn(measure)
		other, twice := taken[column]
		switch {
		case measure == "" || len(measure) > 255:
			c.fail(path, "A measure has no usable name", "%s is no name of a measure: write 1 to 255 characters, as "+
				"the device names it.", excerpt(measure))
		case twice && other == "":
			c.fail(path, "A measure has the name of another column", "The view has a column %q of its own, and "+
				"measure %s would have the same. Leave the measure out and query the table, where it is measures[%s].",
				column, excerpt(measure), sqlText(measure))
		case twice:
			c.fail(path, "Two measures have one column", "Measures %s and %s would both be column %q: names of "+
				"columns are in lower case, with _ for other characters than letters and digits. Leave one out.",
				excerpt(other), excerpt(measure), column)
		default:
			taken[column] = measure
		}
	}
}

// keptElsewhere are prefixes of the bucket with what is no archive.
var keptElsewhere = []string{
	deadLetterPrefix, failedBatches, archiveErrorPrefix, queryResults, exportPrefix, accessLogPrefix,
}

func (c *checker) checkArchivePrefix(path, text string) {
	prefix := strings.TrimSuffix(text, "/") + "/"
	overlaps := func(other string) bool { return strings.HasPrefix(prefix, other) || strings.HasPrefix(other, prefix) }
	switch {
	case strings.HasPrefix(prefix, "/") || len(prefix) > 512 || !archivePattern.MatchString(prefix):
		c.fail(path, "prefix is not valid", "%s cannot start the keys of the archive: a prefix starts with a name and "+
			"holds only letters, digits and _ . = - /, for example \"raw/\".", excerpt(text))
	case slices.ContainsFunc(keptElsewhere, overlaps):
		c.fail(path, "prefix is not valid", "Dead letters, errors of delivery, results of queries, exported "+
			"metrics and access logs are kept below %s; put the archive elsewhere.", quoted(keptElsewhere))
	}
}
