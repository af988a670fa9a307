package pipeline

import (
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

const (
	// archiveErrorPrefix is where Firehose keeps what could not be transformed or converted.
	archiveErrorPrefix = "archive-errors/"
	archiveErrorDays   = deadLetterObjectDays
	// archiveDay is the part of a key that names the day of delivery; Firehose fills it in, in UTC.
	archiveDay = contract.ArchivePartition + "=!{timestamp:yyyy-MM-dd}/"
	// archiveJSON is the level of the keys that keeps JSON apart from Parquet, so that a table never finds both.
	archiveJSON = "json/"
	// archiveLogStream is the stream of the log group that Firehose writes errors of delivery to.
	archiveLogStream = "delivery"
)

// ArchiveFunctionBuffer says how Firehose calls the archiver. Lambda answers with 6 MB at most, and an answer is longer
// than what it answers: for 1 MB of messages of 120 bytes it has 5.6 MB, and many readings in a message take more. What
// does not fit goes to the error prefix. So an invocation gets the least that Firehose allows, and one comes at
// least every minute, which is shorter than any buffer that a person would call long [Firehose API ProcessorParameter].
var ArchiveFunctionBuffer = spec.FunctionBuffer{MB: 0.2, Seconds: 60, Retries: 3}

// Settings of the archiver.
const (
	// ArchiverMemoryMB is its memory.
	ArchiverMemoryMB       = 512
	archiverTimeoutSeconds = 300 // as long as Firehose waits
)

// batched reports whether the archive is written in batches.
func (s *ArchiveSpec) batched() bool { return *s.Enabled && *s.Delivery == DeliveryBatched }

func (b *builder) batched() bool { return b.config.Archive.batched() }

// archiver is the function that turns messages into the rows of the archive.
func archiver() *function {
	return &function{
		name:   "archiver",
		exists: (*builder).batched,
		configure: func(b *builder) spec.Function {
			return spec.Function{
				Description:    "Turns messages of pipeline " + b.config.Name + " into rows of its archive",
				MemoryMB:       ArchiverMemoryMB,
				TimeoutSeconds: archiverTimeoutSeconds,
				Environment: map[string]string{
					contract.EnvDataField: *b.config.Telemetry.DataField,
					contract.EnvTimeField: *b.config.Telemetry.TimeField,
					contract.EnvTelemetry: b.telemetry,
				},
			}
		},
	}
}

// archiveParts are the parts of an archive in batches.
func (b *builder) archiveParts() []assembly.Part {
	if !b.batched() {
		return nil
	}
	group := b.names.deliveryLogGroup()
	stream := spec.NameIn(group, archiveLogStream)
	return slices.Concat([]assembly.Part{
		b.part("archive/log_group", spec.KindLogGroup, group, b.arn.logGroup(group), nil,
			spec.LogGroup{RetentionDays: int32(*b.config.Functions.LogRetentionDays), Tags: b.env.Tags}),
		b.part("archive/log_stream", spec.KindLogStream, stream, b.deliveryLogARN(), []string{"archive/log_group"},
			spec.LogStream{}),
		b.deliveryRole(),
	}, b.deliveries(), b.archiveTables(), b.queryParts())
}

func (b *builder) deliveryLogARN() string {
	return b.arn.logGroup(b.names.deliveryLogGroup()) + ":log-stream:" + archiveLogStream
}

// deliveries are the Firehose streams: one that reads the stream, and one that gets what the rules put beside a queue.
func (b *builder) deliveries() (parts []assembly.Part) {
	if b.hasStream() {
		parts = append(parts, b.delivery(false))
	}
	if b.hasQueue() {
		parts = append(parts, b.delivery(true))
	}
	return parts
}

// delivery is a Firehose stream. It needs all that AWS tries when it is created.
func (b *builder) delivery(direct bool) assembly.Part {
	a := b.config.Archive
	desired := spec.DeliveryStream{
		RoleARN:        b.arn.role(b.names.role("archive")),
		BucketARN:      b.arn.bucket(b.names.bucket()),
		Prefix:         b.archivePrefix() + archiveDay,
		ErrorPrefix:    archiveErrorPrefix + "!{firehose:error-output-type}/!{timestamp:yyyy-MM-dd}/",
		BufferSeconds:  int32(*a.BufferSeconds),
		BufferMB:       int32(*a.BufferMB),
		FunctionARN:    b.arn.function(b.names.function("archiver")) + latest,
		FunctionBuffer: ArchiveFunctionBuffer,
		LogGroup:       b.names.deliveryLogGroup(),
		LogStream:      archiveLogStream,
		Tags:           b.env.Tags,
	}
	if *a.Format == FormatJSON {
		desired.Gzip, desired.Extension = true, ".json.gz"
	} else {
		desired.Parquet = &spec.ParquetSchema{Database: b.names.glueDatabase(), Table: archiveTable}
	}
	needed := []string{"archive/log_stream", "archive/table", "bucket", "function/archiver", "role/archive"}
	name, key := b.names.delivery(), contract.KeyDelivery
	if direct {
		name, key = b.names.directDelivery(), contract.KeyDirectDelivery
		desired.Encrypted, desired.KMSKeyARN = true, b.arn.key(deref(a.KMSKeyID))
	} else {
		needed = append(needed, contract.KeyStream)
		desired.SourceARN = b.arn.stream(b.names.pipeline)
	}
	return b.part(key, spec.KindDeliveryStream, name, b.arn.firehose(name), needed, desired)
}

// deliveryName is the name of the Firehose stream that archives what devices send now. AWS cannot change where one
// takes its records from.
func (b *builder) deliveryName() string {
	if b.queued() {
		return b.names.directDelivery()
	}
	return b.names.delivery()
}

// archivePrefix starts the keys of the current format, without the day.
func (b *builder) archivePrefix() string {
	if *b.config.Archive.Format == FormatJSON {
		return *b.config.Archive.Prefix + archiveJSON
	}
	return *b.config.Archive.Prefix
}

// latest is what Firehose wants after a function's ARN: it invokes a version.
const latest = ":$LATEST"

// deliveryRole is what Firehose does everything with [Firehose developer guide, Grant Firehose access to an Amazon S3
// destination]. Its trust names the account's Firehose streams as AWS's documentation does.
func (b *builder) deliveryRole() assembly.Part {
	bucket, function := b.arn.bucket(b.names.bucket()), b.arn.function(b.names.function("archiver"))
	database := b.names.glueDatabase()
	var source []statement
	if b.hasStream() {
		source = append([]statement{allow([]string{"kinesis:DescribeStream", "kinesis:GetRecords",
			"kinesis:GetShardIterator", "kinesis:ListShards"}, b.arn.stream(b.names.pipeline))},
			b.useKey("kms:Decrypt", b.config.Stream.KMSKeyID)...)
	}
	grants := slices.Concat(
		source,
		[]statement{
			allow([]string{"lambda:GetFunctionConfiguration", "lambda:InvokeFunction"}, function, function+latest),
			allow([]string{"glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"}, b.arn.glueCatalog(),
				b.arn.glueDatabase(database), b.arn.glueTable(database, archiveTable)),
			allow([]string{"s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"}, bucket),
			allow([]string{"s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"},
				bucket+"/"+*b.config.Archive.Prefix+"*", bucket+"/"+archiveErrorPrefix+"*"),
			allow([]string{"logs:PutLogEvents"}, b.deliveryLogARN()),
		},
		b.encryptWith(b.config.Archive.KMSKeyID),
	)
	return b.role("archive", "Lets Firehose archive the telemetry of pipeline "+b.config.Name,
		trust("firehose.amazonaws.com", b.env.AccountID, b.arn.in("firehose", "*")), grants)
}
