package delivery

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/glue"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

// A Config is the deployed configuration of a delivery stream.
type Config struct {
	Name, ARN, Version string
	SourceARN          string    // Kinesis stream; "" means that records are put to it
	Start              time.Time // records from then on are delivered
	Bucket             string
	Prefix             string
	ErrorPrefix        string
	Extension          string // of the keys; "" means the format's own
	BufferBytes        int
	BufferInterval     time.Duration // AWS's; here Options.Interval counts
	Compression        string        // of objects without conversion
	FunctionARN        string        // "" means that records are stored as they are
	FunctionBytes      int
	Retries            int // of a failed invocation
	Table              *Table
}

// A Table is the Glue table whose columns Parquet files have.
type Table struct {
	Database, Name, VersionID string
	Codec                     string
	Columns                   []Column
}

// A Column is a column of a Glue table; Type is Hive's.
type Column struct{ Name, Type string }

// ErrDirectPut is the error of a delivery stream that stores what is put as it is: the local AWS does that at once.
var ErrDirectPut = errors.New("the delivery stream takes direct puts")

// ErrNotActive is the error of a delivery stream that is being created or deleted.
var ErrNotActive = errors.New("the delivery stream is not active")

// Describe reads the configuration of a delivery stream. The error says what of it cannot be played here.
func Describe(ctx context.Context, c *awsapi.Clients, name string) (Config, error) {
	config, err := describe(ctx, c, name)
	if err != nil {
		return Config{}, fmt.Errorf("delivery stream %q: %w", name, err)
	}
	return config, nil
}

func describe(ctx context.Context, c *awsapi.Clients, name string) (Config, error) {
	out, err := c.Firehose().DescribeDeliveryStream(ctx,
		&firehose.DescribeDeliveryStreamInput{DeliveryStreamName: &name})
	if err != nil {
		return Config{}, err
	}
	d := out.DeliveryStreamDescription
	if d.DeliveryStreamStatus != types.DeliveryStreamStatusActive {
		return Config{}, fmt.Errorf("%w: it is %s", ErrNotActive, d.DeliveryStreamStatus)
	}
	source := &types.KinesisStreamSourceDescription{}
	if d.DeliveryStreamType != types.DeliveryStreamTypeDirectPut {
		if d.Source == nil || d.Source.KinesisStreamSourceDescription == nil {
			return Config{}, errors.New(
				"its source is neither a Kinesis stream nor direct puts; iot-local plays only those")
		}
		source = d.Source.KinesisStreamSourceDescription
	}
	if len(d.Destinations) != 1 || d.Destinations[0].ExtendedS3DestinationDescription == nil {
		return Config{}, errors.New("its destination is not S3; iot-local plays only that")
	}
	to := d.Destinations[0].ExtendedS3DestinationDescription
	config := Config{
		Name: name, ARN: aws.ToString(d.DeliveryStreamARN), Version: aws.ToString(d.VersionId),
		SourceARN: aws.ToString(source.KinesisStreamARN), Start: aws.ToTime(source.DeliveryStartTimestamp),
		Bucket: aws.ToString(to.BucketARN)[strings.LastIndexByte(aws.ToString(to.BucketARN), ':')+1:],
		Prefix: aws.ToString(to.Prefix), ErrorPrefix: aws.ToString(to.ErrorOutputPrefix),
		Extension: aws.ToString(to.FileExtension), Compression: string(to.CompressionFormat),
		BufferBytes: 5 << 20, BufferInterval: 300 * time.Second,
	}
	if config.Start.IsZero() {
		config.Start = aws.ToTime(d.CreateTimestamp)
	}
	if b := to.BufferingHints; b != nil {
		config.BufferBytes = int(aws.ToInt32(b.SizeInMBs)) << 20
		config.BufferInterval = time.Duration(aws.ToInt32(b.IntervalInSeconds)) * time.Second
	}
	if p := to.DynamicPartitioningConfiguration; p != nil && aws.ToBool(p.Enabled) {
		return Config{}, errors.New("iot-local does not play dynamic partitioning")
	}
	if zone := aws.ToString(to.CustomTimeZone); zone != "" && zone != "UTC" {
		return Config{}, fmt.Errorf("iot-local does not play the time zone %s, only UTC", zone)
	}
	if err := processing(&config, to.ProcessingConfiguration); err != nil {
		return Config{}, err
	}
	if config.SourceARN == "" && config.FunctionARN == "" {
		return Config{}, ErrDirectPut
	}
	return config, conversion(ctx, c, &config, to.DataFormatConversionConfiguration)
}

// processing reads the transformation function. The defaults are Firehose's. [AWS 7.4]
func processing(c *Config, p *types.ProcessingConfiguration) error {
	if p == nil || !aws.ToBool(p.Enabled) {
		return nil
	}
	for _, processor := range p.Processors {
		if processor.Type != types.ProcessorTypeLambda || c.FunctionARN != "" {
			return fmt.Errorf("iot-local plays one processor of the type Lambda, not also %s", processor.Type)
		}
		c.FunctionBytes, c.Retries = 1<<20, 3
		for _, parameter := range processor.Parameters {
			value := aws.ToString(parameter.ParameterValue)
			number, err := strconv.ParseFloat(value, 64)
			switch parameter.ParameterName {
			case types.ProcessorParameterNameLambdaArn:
				c.FunctionARN, err = value, nil
			case types.ProcessorParameterNameBufferSizeInMb:
				c.FunctionBytes = int(number * (1 << 20))
			case types.ProcessorParameterNameLambdaNumberOfRetries:
				c.Retries = int(number)
			case types.ProcessorParameterNameBufferIntervalInSeconds, types.ProcessorParameterNameRoleArn:
				err = nil // here, Options.Interval counts, and roles mean nothing
			}
			if err != nil {
				return fmt.Errorf("its parameter %s is %q, which is not a number", parameter.ParameterName, value)
			}
		}
	}
	return nil
}

// conversion reads the table of the format conversion.
func conversion(ctx context.Context, c *awsapi.Clients, config *Config,
	from *types.DataFormatConversionConfiguration) error {
	if from == nil || from.Enabled != nil && !*from.Enabled || from.SchemaConfiguration == nil {
		return nil
	}
	codec, err := parquetCodec(from)
	if err != nil {
		return err
	}
	schema := from.SchemaConfiguration
	if version := aws.ToString(schema.VersionId); version != "" && version != "LATEST" {
		return fmt.Errorf("iot-local converts with the latest version of a table, not with version %s", version)
	}
	out, err := c.Glue().GetTable(ctx, &glue.GetTableInput{DatabaseName: schema.DatabaseName, Name: schema.TableName,
		CatalogId: schema.CatalogId})
	if err != nil {
		return fmt.Errorf("reading the table %s.%s: %w", aws.ToString(schema.DatabaseName),
			aws.ToString(schema.TableName), err)
	}
	config.Table = &Table{Database: aws.ToString(schema.DatabaseName), Name: aws.ToString(schema.TableName),
		VersionID: "LATEST", Codec: codec}
	if out.Table.StorageDescriptor == nil {
		return fmt.Errorf("the table %s.%s has no columns", config.Table.Database, config.Table.Name)
	}
	for _, column := range out.Table.StorageDescriptor.Columns {
		config.Table.Columns = append(config.Table.Columns,
			Column{strings.ToLower(aws.ToString(column.Name)), aws.ToString(column.Type)})
	}
	return nil
}

// parquetCodec checks the formats of a conversion and returns the compression of the Parquet files.
func parquetCodec(from *types.DataFormatConversionConfiguration) (string, error) {
	in, out := from.InputFormatConfiguration, from.OutputFormatConfiguration
	if out == nil || out.Serializer == nil || out.Serializer.ParquetSerDe == nil {
		return "", errors.New("iot-local converts to Parquet only")
	}
	if in != nil && in.Deserializer != nil {
		if o := in.Deserializer.OpenXJsonSerDe; o != nil &&
			(len(o.ColumnToJsonKeyMappings) > 0 || aws.ToBool(o.ConvertDotsInJsonKeysToUnderscores)) {
			return "", errors.New("iot-local does not rename the members of JSON documents")
		}
		if h := in.Deserializer.HiveJsonSerDe; h != nil && len(h.TimestampFormats) > 0 {
			for _, format := range h.TimestampFormats {
				if !strings.HasPrefix(format, "yyyy-MM-dd HH:mm:ss") {
					return "", fmt.Errorf("iot-local reads timestamps of the form yyyy-MM-dd HH:mm:ss.SSS, not %s",
						format)
				}
			}
		}
	}
	if codec := out.Serializer.ParquetSerDe.Compression; codec != "" {
		return string(codec), nil
	}
	return "SNAPPY", nil
}
