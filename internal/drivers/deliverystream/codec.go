package deliverystream

import (
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Members of a destination that are never wanted, as Departs names them.
const (
	backup       = "backup"
	partitioning = "dynamic_partitioning"
	encryption   = "encryption"
	timeZone     = "time_zone"
	deserializer = "conversion"
)

// irrevocable are additions that AWS does not take back [Firehose API S3BackupMode, DynamicPartitioningConfiguration].
var irrevocable = []string{backup, partitioning}

// destination is what a new stream delivers to. What a stream may be changed to has the same members in another type.
func (d *Driver) destination(want spec.DeliveryStream) *types.ExtendedS3DestinationConfiguration {
	u := d.destinationUpdate(want)
	return &types.ExtendedS3DestinationConfiguration{
		RoleARN: u.RoleARN, BucketARN: u.BucketARN, Prefix: u.Prefix, ErrorOutputPrefix: u.ErrorOutputPrefix,
		FileExtension: u.FileExtension, CustomTimeZone: u.CustomTimeZone, BufferingHints: u.BufferingHints,
		CompressionFormat: u.CompressionFormat, EncryptionConfiguration: u.EncryptionConfiguration,
		CloudWatchLoggingOptions: u.CloudWatchLoggingOptions, ProcessingConfiguration: u.ProcessingConfiguration,
		DataFormatConversionConfiguration: u.DataFormatConversionConfiguration,
	}
}

func (d *Driver) destinationUpdate(want spec.DeliveryStream) *types.ExtendedS3DestinationUpdate {
	u := &types.ExtendedS3DestinationUpdate{
		RoleARN: &want.RoleARN, BucketARN: &want.BucketARN, Prefix: &want.Prefix, ErrorOutputPrefix: &want.ErrorPrefix,
		FileExtension: &want.Extension, CustomTimeZone: aws.String("UTC"),
		BufferingHints: &types.BufferingHints{IntervalInSeconds: &want.BufferSeconds, SizeInMBs: &want.BufferMB},
		// With a format conversion the files are compressed inside, and AWS allows no compression around them.
		CompressionFormat: types.CompressionFormatUncompressed,
		EncryptionConfiguration: &types.EncryptionConfiguration{
			NoEncryptionConfig: types.NoEncryptionConfigNoEncryption},
		ProcessingConfiguration:  processing(want),
		CloudWatchLoggingOptions: &types.CloudWatchLoggingOptions{Enabled: aws.Bool(want.LogGroup != "")},
	}
	if want.Gzip {
		u.CompressionFormat = types.CompressionFormatGzip
	}
	if want.LogGroup != "" {
		u.CloudWatchLoggingOptions.LogGroupName = &want.LogGroup
		u.CloudWatchLoggingOptions.LogStreamName = &want.LogStream
	}
	u.DataFormatConversionConfiguration = d.conversion(want)
	return u
}

func processing(want spec.DeliveryStream) *types.ProcessingConfiguration {
	if want.FunctionARN == "" {
		return &types.ProcessingConfiguration{Enabled: aws.Bool(false)}
	}
	parameter := func(name types.ProcessorParameterName, value string) types.ProcessorParameter {
		return types.ProcessorParameter{ParameterName: name, ParameterValue: &value}
	}
	b := want.FunctionBuffer
	return &types.ProcessingConfiguration{
		Enabled: aws.Bool(true),
		Processors: []types.Processor{{
			Type: types.ProcessorTypeLambda,
			Parameters: []types.ProcessorParameter{
				parameter(types.ProcessorParameterNameLambdaArn, want.FunctionARN),
				parameter(types.ProcessorParameterNameLambdaNumberOfRetries, strconv.Itoa(int(b.Retries))),
				parameter(types.ProcessorParameterNameBufferSizeInMb, strconv.FormatFloat(b.MB, 'f', -1, 64)),
				parameter(types.ProcessorParameterNameBufferIntervalInSeconds, strconv.Itoa(int(b.Seconds))),
			},
		}},
	}
}

// conversion reads JSON with the OpenX SerDe: it understands "2006-01-02 15:04:05.000" as a timestamp, and leaves the
// keys of maps as they are when told not to ignore case.
func (d *Driver) conversion(want spec.DeliveryStream) *types.DataFormatConversionConfiguration {
	if want.Parquet == nil {
		return &types.DataFormatConversionConfiguration{Enabled: aws.Bool(false)}
	}
	return &types.DataFormatConversionConfiguration{
		Enabled: aws.Bool(true),
		InputFormatConfiguration: &types.InputFormatConfiguration{Deserializer: &types.Deserializer{
			OpenXJsonSerDe: &types.OpenXJsonSerDe{CaseInsensitive: aws.Bool(false)}}},
		OutputFormatConfiguration: &types.OutputFormatConfiguration{Serializer: &types.Serializer{
			ParquetSerDe: &types.ParquetSerDe{Compression: types.ParquetCompressionSnappy}}},
		SchemaConfiguration: &types.SchemaConfiguration{
			RoleARN: &want.RoleARN, DatabaseName: &want.Parquet.Database, TableName: &want.Parquet.Table,
			Region: aws.String(d.c.Region()), VersionId: aws.String("LATEST"),
		},
	}
}

// specOf is the inverse of destination. A destination of another kind, which AWS cannot change into one of S3, has no
// bucket here.
func specOf(s *types.DeliveryStreamDescription) spec.DeliveryStream {
	o := spec.DeliveryStream{Failed: s.DeliveryStreamStatus == types.DeliveryStreamStatusCreatingFailed}
	if s.Source != nil && s.Source.KinesisStreamSourceDescription != nil {
		o.SourceARN = aws.ToString(s.Source.KinesisStreamSourceDescription.KinesisStreamARN)
		o.RoleARN = aws.ToString(s.Source.KinesisStreamSourceDescription.RoleARN)
	}
	if len(s.Destinations) == 0 || s.Destinations[0].ExtendedS3DestinationDescription == nil {
		return o
	}
	e := s.Destinations[0].ExtendedS3DestinationDescription
	if s.Source == nil {
		o.RoleARN = aws.ToString(e.RoleARN)
		readEncryption(&o, s.DeliveryStreamEncryptionConfiguration)
	}
	o.BucketARN, o.Prefix, o.ErrorPrefix = aws.ToString(e.BucketARN), aws.ToString(e.Prefix),
		aws.ToString(e.ErrorOutputPrefix)
	o.Extension = aws.ToString(e.FileExtension)
	if b := e.BufferingHints; b != nil {
		o.BufferSeconds, o.BufferMB = aws.ToInt32(b.IntervalInSeconds), aws.ToInt32(b.SizeInMBs)
	}
	o.Gzip = e.CompressionFormat == types.CompressionFormatGzip
	if l := e.CloudWatchLoggingOptions; l != nil && aws.ToBool(l.Enabled) {
		o.LogGroup, o.LogStream = aws.ToString(l.LogGroupName), aws.ToString(l.LogStreamName)
	}
	readFunction(&o, e.ProcessingConfiguration)
	if c := e.DataFormatConversionConfiguration; c != nil && aws.ToBool(c.Enabled) && c.SchemaConfiguration != nil {
		o.Parquet = &spec.ParquetSchema{Database: aws.ToString(c.SchemaConfiguration.DatabaseName),
			Table: aws.ToString(c.SchemaConfiguration.TableName)}
	}
	o.Departs = departures(e)
	return o
}

// readEncryption counts a stream as encrypted while AWS is at it, and not if that has failed.
func readEncryption(o *spec.DeliveryStream, e *types.DeliveryStreamEncryptionConfiguration) {
	if e == nil {
		return
	}
	switch e.Status {
	case types.DeliveryStreamEncryptionStatusEnabled, types.DeliveryStreamEncryptionStatusEnabling:
		o.Encrypted = true
		if e.KeyType == types.KeyTypeCustomerManagedCmk {
			o.KMSKeyARN = aws.ToString(e.KeyARN)
		}
	default: // it is off, or neither enabling nor disabling has succeeded
	}
}

// encryptionOf is nil for a stream that holds nothing itself.
func encryptionOf(want spec.DeliveryStream) *types.DeliveryStreamEncryptionConfigurationInput {
	switch {
	case !want.Encrypted:
		return nil
	case want.KMSKeyARN == "":
		return &types.DeliveryStreamEncryptionConfigurationInput{KeyType: types.KeyTypeAwsOwnedCmk}
	}
	return &types.DeliveryStreamEncryptionConfigurationInput{KeyType: types.KeyTypeCustomerManagedCmk,
		KeyARN: &want.KMSKeyARN}
}

// readFunction takes the parameters of the transformation. AWS may write numbers in other ways than they were given, as
// "1.0" for "1".
func readFunction(o *spec.DeliveryStream, c *types.ProcessingConfiguration) {
	if c == nil || !aws.ToBool(c.Enabled) {
		return
	}
	number := func(text string) float64 {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return -1 // which is never wanted
		}
		return n
	}
	for _, p := range c.Processors {
		if p.Type != types.ProcessorTypeLambda {
			continue
		}
		for _, q := range p.Parameters {
			switch value := aws.ToString(q.ParameterValue); q.ParameterName {
			case types.ProcessorParameterNameLambdaArn:
				o.FunctionARN = value
			case types.ProcessorParameterNameLambdaNumberOfRetries:
				o.FunctionBuffer.Retries = int32(number(value))
			case types.ProcessorParameterNameBufferSizeInMb:
				o.FunctionBuffer.MB = number(value)
			case types.ProcessorParameterNameBufferIntervalInSeconds:
				o.FunctionBuffer.Seconds = int32(number(value))
			default: // what AWS adds by itself
			}
		}
	}
}

func departures(e *types.ExtendedS3DestinationDescription) []string {
	var all []string
	if e.S3BackupMode == types.S3BackupModeEnabled {
		all = append(all, backup)
	}
	if p := e.DynamicPartitioningConfiguration; p != nil && aws.ToBool(p.Enabled) {
		all = append(all, partitioning)
	}
	if c := e.EncryptionConfiguration; c != nil && c.KMSEncryptionConfig != nil {
		all = append(all, encryption)
	}
	if c := e.DataFormatConversionConfiguration; c != nil && aws.ToBool(c.Enabled) && !converts(c) {
		all = append(all, deserializer)
	}
	if zone := aws.ToString(e.CustomTimeZone); zone != "" && zone != "UTC" {
		all = append(all, timeZone)
	}
	return all
}

// converts reports whether a conversion reads and writes as this driver sets it.
func converts(c *types.DataFormatConversionConfiguration) bool {
	in, out := c.InputFormatConfiguration, c.OutputFormatConfiguration
	if in == nil || in.Deserializer == nil || in.Deserializer.OpenXJsonSerDe == nil ||
		out == nil || out.Serializer == nil || out.Serializer.ParquetSerDe == nil {
		return false
	}
	sensitive := in.Deserializer.OpenXJsonSerDe.CaseInsensitive
	return sensitive != nil && !*sensitive
}
