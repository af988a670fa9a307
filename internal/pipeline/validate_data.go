package pipeline

import "strings"

// checkStream: bounds of [AWS 5 Shard, Retention].
func (c *checker) checkStream(s *StreamSpec) {
	if s == nil {
		return
	}
	c.oneOf("stream.mode", s.Mode, "on_demand", "provisioned")
	c.number("stream.shards", s.Shards, 1, 20_000, "Kinesis")
	if s.Shards != nil && c.known("stream.shards") && c.known("stream.mode") && *or(s.Mode, "on_demand") == "on_demand" {
		c.fail("stream.shards", "shards has no meaning for an on-demand stream",
			`Kinesis decides how many shards an on-demand stream has. Leave shards out, or set mode = "provisioned".`)
	}
	c.number("stream.retention_hours", s.RetentionHours, 24, 8760, "Kinesis")
	c.key("stream.kms_key_id", s.KMSKeyID)
}

// checkProcessor: bounds of [AWS 5 ESM parameter] and of Lambda.
func (c *checker) checkProcessor(s *ProcessorSpec) {
	if s == nil {
		return
	}
	const lambda = "Lambda"
	c.number("processor.batch_size", s.BatchSize, 1, 10_000, lambda)
	c.number("processor.batch_window_seconds", s.BatchWindowSeconds, 0, 300, lambda)
	c.number("processor.parallelization_factor", s.ParallelizationFactor, 1, 10, lambda)
	c.number("processor.memory_mb", s.MemoryMB, 128, 10_240, lambda)
	c.number("processor.timeout_seconds", s.TimeoutSeconds, 1, 900, lambda)
	c.number("processor.max_retries", s.MaxRetries, -1, 10_000, "Lambda (-1 is until the record expires)")
	const age = "processor.max_record_age_seconds"
	if v := s.MaxRecordAgeSeconds; v != nil && *v != -1 {
		c.number(age, v, 60, 604_800, "Lambda (-1 is until the stream forgets the record)")
	}
	if s.Package != nil && c.known("processor.package") && *s.Package == "" {
		c.fail("processor.package", "package is empty", "Write the path of a zip with an executable called bootstrap, or leave package out to use the function that comes with the provider.")
	}
}

func (c *checker) checkTelemetry(s *TelemetrySpec) {
	if s == nil {
		return
	}
	c.checkField("telemetry.data_field", s.DataField)
	c.checkField("telemetry.time_field", s.TimeField)
	both := s.DataField != nil && s.TimeField != nil && c.known("telemetry.data_field") && c.known("telemetry.time_field")
	if both && *s.DataField == *s.TimeField && *s.DataField != "" {
		c.fail("telemetry.time_field", "time_field and data_field are the same", "Both are %s; the time of a message cannot be the object that holds its measurements.", excerpt(*s.TimeField))
	}
}

func (c *checker) checkField(path string, field *string) {
	if field != nil && c.known(path) && (*field == "" || len(*field) > 256) {
		c.fail(path, lastName(path)+" is not valid", "It names a member of the device's payload and has 1 to 256 characters. Leave it out for the documented shapes.")
	}
}

// checkTimestream: bounds of [AWS 6.1].
func (c *checker) checkTimestream(s *TimestreamSpec) {
	if s == nil {
		return
	}
	const rule = "Timestream names have 3 to 256 letters, digits and the characters _ . -"
	if s.Database != nil {
		c.text("timestream.database", *s.Database, databasePattern, rule)
	}
	if s.Table != nil {
		c.text("timestream.table", *s.Table, databasePattern, rule)
	}
	c.number("timestream.memory_retention_hours", s.MemoryRetentionHours, 1, 8_766, "Timestream")
	c.number("timestream.magnetic_retention_days", s.MagneticRetentionDays, 1, 73_000, "Timestream")
	c.oneOf("timestream.layout", s.Layout, "multi", "single")
	c.key("timestream.kms_key_id", s.KMSKeyID)
}

func (c *checker) checkArchive(s *ArchiveSpec) {
	if s == nil {
		return
	}
	const longest = 36_500 // days; S3 takes more, nobody means it
	c.number("archive.intelligent_tiering_after_days", s.IntelligentTieringAfterDays, 0, longest, "this provider")
	c.number("archive.expire_after_days", s.ExpireAfterDays, 1, longest, "this provider")
	tier, expire := s.IntelligentTieringAfterDays, s.ExpireAfterDays
	if tier != nil && expire != nil && *tier >= *expire && c.known("archive.intelligent_tiering_after_days") && c.known("archive.expire_after_days") {
		c.fail("archive.intelligent_tiering_after_days", "The archive would expire before it is moved",
			"Objects move after %d days and expire after %d, which S3 refuses. Let them move earlier or expire later.", *tier, *expire)
	}
	c.key("archive.kms_key_id", s.KMSKeyID)
	const path = "archive.prefix"
	if s.Prefix == nil || !c.known(path) {
		return
	}
	prefix := strings.TrimSuffix(*s.Prefix, "/") + "/"
	switch {
	case strings.HasPrefix(prefix, "/") || len(prefix) > 512 || !archivePattern.MatchString(prefix):
		c.fail(path, "prefix is not valid", "%s is not where the archive can be: it starts with a name and holds letters, digits and _ . = - / only, for example \"raw/\".", excerpt(*s.Prefix))
	case strings.HasPrefix(prefix, deadLetterPrefix) || strings.HasPrefix(failedBatches, prefix) || strings.HasPrefix(prefix, failedBatches):
		c.fail(path, "prefix is not valid", "Dead letters lie below %q and %q and expire on their own terms; put the archive elsewhere.", deadLetterPrefix, failedBatches)
	}
}
