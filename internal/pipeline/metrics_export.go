package pipeline

import (
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

const (
	// exportPrefix starts the keys of exported metrics. The bucket's rules for the archive hold for them as well.
	exportPrefix = "metrics/"
	exportTable  = "metrics"
	// ExportBufferSeconds and ExportBufferMB say when Firehose writes an object. Rows compress to a tenth, and few
	// large objects are read faster than many small ones.
	ExportBufferSeconds = 300
	ExportBufferMB      = 64
)

func (b *builder) exportsMetrics() bool { return b.hasMetrics() && *b.config.Metrics.Export }

// exportParts are a Firehose stream that the function writes to, its role, and a table of what it delivers.
func (b *builder) exportParts() []assembly.Part {
	if !b.exportsMetrics() {
		return nil
	}
	return []assembly.Part{
		b.exportRole(),
		b.exportStream(),
		b.glueTable("metrics/export_table", exportTable, []string{"archive/database", "bucket"}, b.exportedTable()),
	}
}

func (b *builder) exportStream() assembly.Part {
	name := b.names.metrics()
	return b.part("metrics/export", spec.KindDeliveryStream, name, b.arn.firehose(name),
		[]string{"bucket", "role/export"}, spec.DeliveryStream{
			Encrypted:     true,
			KMSKeyARN:     b.arn.key(deref(b.config.Archive.KMSKeyID)),
			RoleARN:       b.arn.role(b.names.role("export")),
			BucketARN:     b.arn.bucket(b.names.bucket()),
			Prefix:        exportPrefix + archiveDay,
			ErrorPrefix:   archiveErrorPrefix + "!{firehose:error-output-type}/!{timestamp:yyyy-MM-dd}/",
			Extension:     ".json.gz",
			Gzip:          true,
			BufferSeconds: ExportBufferSeconds,
			BufferMB:      ExportBufferMB,
			Tags:          b.env.Tags,
		})
}

// exportRole is what Firehose writes to the bucket with.
func (b *builder) exportRole() assembly.Part {
	bucket := b.arn.bucket(b.names.bucket())
	grants := slices.Concat([]statement{
		allow([]string{"s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"}, bucket),
		allow([]string{"s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"},
			bucket+"/"+exportPrefix+"*", bucket+"/"+archiveErrorPrefix+"*"),
	}, b.encryptWith(b.config.Archive.KMSKeyID))
	return b.role("export", "Lets Firehose export the metrics of pipeline "+b.config.Name,
		trust("firehose.amazonaws.com", b.env.AccountID, b.arn.in("firehose", "*")), grants)
}

// exportedTable describes the rows that the function writes.
func (b *builder) exportedTable() spec.GlueTable {
	t := b.dailyTable("s3://"+b.names.bucket()+"/"+exportPrefix, FormatJSON, contract.MetricsColumns())
	t.Description = "Metrics of pipeline " + b.config.Name + ", one row per device, measure and window"
	return t
}

// readPrefixes are the prefixes that whoever queries the archive reads: those of all tables of the database.
func (b *builder) readPrefixes() []string {
	prefixes := []string{*b.config.Archive.Prefix}
	if b.exportsMetrics() {
		prefixes = append(prefixes, exportPrefix)
	}
	return prefixes
}
