package local

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	firehosetypes "github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	gluetypes "github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/parquet-go/parquet-go"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/delivery"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// archive adds a batched archive to the pipeline, of the shape that the provider makes.
func (d *deployed) archive(t *testing.T) {
	t.Helper()
	ctx, c := t.Context(), d.aws
	must(c.Lambda().CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: aws.String("gh-archiver"), Role: aws.String("arn:aws:iam::" + account + ":role/r"),
		Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("archiver"),
		Code: &lambdatypes.FunctionCode{ZipFile: emptyArchive(t)}, Timeout: aws.Int32(60),
		Environment: &lambdatypes.Environment{Variables: map[string]string{"IOT_PIPELINE": "gh"}},
	}))(t)
	must(c.Glue().CreateDatabase(ctx,
		&glue.CreateDatabaseInput{DatabaseInput: &gluetypes.DatabaseInput{Name: aws.String("gh")}}))(t)
	var columns []gluetypes.Column
	for _, column := range contract.ArchiveColumns() {
		columns = append(columns, gluetypes.Column{Name: aws.String(column.Name), Type: aws.String(column.Type)})
	}
	must(c.Glue().CreateTable(ctx, &glue.CreateTableInput{DatabaseName: aws.String("gh"),
		TableInput: &gluetypes.TableInput{Name: aws.String("telemetry"),
			StorageDescriptor: &gluetypes.StorageDescriptor{Columns: columns}}}))(t)
	d.deliver(t, "parquet/day=!{timestamp:yyyy-MM-dd}/")
}

// deliver makes the delivery stream.
func (d *deployed) deliver(t *testing.T, prefix string) {
	t.Helper()
	role := aws.String("arn:aws:iam::" + account + ":role/r")
	must(d.aws.Firehose().CreateDeliveryStream(t.Context(), &firehose.CreateDeliveryStreamInput{
		DeliveryStreamName: aws.String("gh-archive"),
		DeliveryStreamType: firehosetypes.DeliveryStreamTypeKinesisStreamAsSource,
		KinesisStreamSourceConfiguration: &firehosetypes.KinesisStreamSourceConfiguration{RoleARN: role,
			KinesisStreamARN: aws.String("arn:aws:kinesis:us-east-1:" + account + ":stream/gh")},
		ExtendedS3DestinationConfiguration: &firehosetypes.ExtendedS3DestinationConfiguration{
			RoleARN: role, BucketARN: aws.String("arn:aws:s3:::gh-archive"), Prefix: aws.String(prefix),
			ErrorOutputPrefix: aws.String("archive-errors/!{firehose:error-output-type}/"),
			BufferingHints: &firehosetypes.BufferingHints{SizeInMBs: aws.Int32(128),
				IntervalInSeconds: aws.Int32(300)},
			ProcessingConfiguration: &firehosetypes.ProcessingConfiguration{Enabled: aws.Bool(true),
				Processors: []firehosetypes.Processor{{Type: firehosetypes.ProcessorTypeLambda,
					Parameters: []firehosetypes.ProcessorParameter{
						{ParameterName: firehosetypes.ProcessorParameterNameLambdaArn,
							ParameterValue: aws.String("arn:aws:lambda:us-east-1:" + account +
								":function:gh-archiver")},
						{ParameterName: firehosetypes.ProcessorParameterNameBufferSizeInMb,
							ParameterValue: aws.String("0.2")},
					}}}},
			DataFormatConversionConfiguration: &firehosetypes.DataFormatConversionConfiguration{
				Enabled: aws.Bool(true),
				InputFormatConfiguration: &firehosetypes.InputFormatConfiguration{
					Deserializer: &firehosetypes.Deserializer{HiveJsonSerDe: &firehosetypes.HiveJsonSerDe{}}},
				OutputFormatConfiguration: &firehosetypes.OutputFormatConfiguration{
					Serializer: &firehosetypes.Serializer{ParquetSerDe: &firehosetypes.ParquetSerDe{}}},
				SchemaConfiguration: &firehosetypes.SchemaConfiguration{DatabaseName: aws.String("gh"),
					TableName: aws.String("telemetry"), RoleARN: role, Region: aws.String("us-east-1")},
			},
		},
	}))(t)
}

// objects returns the archive's objects below a prefix.
func (d *deployed) objects(t *testing.T, prefix string) map[string][]byte {
	t.Helper()
	list := must(d.aws.S3().ListObjectsV2(t.Context(),
		&s3.ListObjectsV2Input{Bucket: aws.String("gh-archive"), Prefix: &prefix}))(t)
	all := map[string][]byte{}
	for _, o := range list.Contents {
		out := must(d.aws.S3().GetObject(t.Context(),
			&s3.GetObjectInput{Bucket: aws.String("gh-archive"), Key: o.Key}))(t)
		all[*o.Key] = must(io.ReadAll(out.Body))(t)
		out.Body.Close()
	}
	return all
}

type archived struct {
	Thing    string             `parquet:"thing,optional"`
	Kind     string             `parquet:"kind,optional"`
	Measures map[string]float64 `parquet:"measures,optional"`
	Payload  string             `parquet:"payload,optional"`
}

// TestBatchedArchive: what devices publish is in Parquet objects that the real archiver made the rows of. A change of
// the delivery stream loses nothing and repeats nothing.
func TestBatchedArchive(t *testing.T) {
	d := deploy(t, 2)
	d.archive(t)
	r, l := d.run(t)
	l.await(t, func(e runlog.Event) bool {
		return e.Kind == runlog.Changed && e.Action == "gh-archive" &&
			strings.Contains(e.Detail, "every 5s (on AWS: every 5m0s or 128 MB)")
	})
	for i := range 2 {
		device := must(d.connect(t, r, deviceName(i), deviceName(i)))(t)
		publish(t, device, "gh/"+deviceName(i)+"/telemetry", `{"data":{"temperature":21.5}}`)
		publish(t, device, "gh/"+deviceName(i)+"/telemetry", "poison")
	}
	drain(t, r)
	check := func(prefix string) {
		t.Helper()
		got := map[string]int{}
		day := time.Now().UTC()
		for key, body := range d.objects(t, prefix) {
			if !strings.HasPrefix(key, prefix+"day="+day.Format("2006-01-02")) &&
				!strings.HasPrefix(key, prefix+"day="+day.Add(-time.Hour).Format("2006-01-02")) ||
				!strings.HasSuffix(key, ".parquet") {
				t.Errorf("key %s", key)
			}
			for _, row := range must(parquet.Read[archived](bytes.NewReader(body), int64(len(body))))(t) {
				got[row.Thing+" "+row.Kind+" "+row.Payload]++
				if row.Kind == "telemetry" && row.Measures["temperature"] != 21.5 {
					t.Errorf("row %+v", row)
				}
			}
		}
		for row, n := range got {
			if n != 1 {
				t.Errorf("%d rows of %s", n, row)
			}
		}
		if len(got) != 4 {
			t.Errorf("rows %v below %s", got, prefix)
		}
	}
	check("parquet/")

	before := must(d.aws.Firehose().DescribeDeliveryStream(t.Context(),
		&firehose.DescribeDeliveryStreamInput{DeliveryStreamName: aws.String("gh-archive")}))(t)
	description := before.DeliveryStreamDescription
	must(d.aws.Firehose().UpdateDestination(t.Context(), &firehose.UpdateDestinationInput{
		DeliveryStreamName: aws.String("gh-archive"), CurrentDeliveryStreamVersionId: description.VersionId,
		DestinationId: description.Destinations[0].DestinationId,
		ExtendedS3DestinationUpdate: &firehosetypes.ExtendedS3DestinationUpdate{
			Prefix: aws.String("other/day=!{timestamp:yyyy-MM-dd}/")},
	}))(t)
	l.await(t, func(e runlog.Event) bool { return e.Action == "gh-archive" && strings.Contains(e.Detail, "/other/") })
	for i := range 2 {
		device := must(d.connect(t, r, deviceName(i), deviceName(i)))(t)
		publish(t, device, "gh/"+deviceName(i)+"/telemetry", `{"data":{"temperature":21.5}}`)
		publish(t, device, "gh/"+deviceName(i)+"/telemetry", "poison")
	}
	drain(t, r)
	check("parquet/")
	check("other/")
	if errors := d.objects(t, "archive-errors/"); len(errors) != 0 {
		t.Errorf("failures %v", errors)
	}
}

// TestDeliveryStreamsThatCannotBePlayed: one that iot-local cannot play is named when it starts, and the rest
// runs.
func TestDeliveryStreamsThatCannotBePlayed(t *testing.T) {
	d := deploy(t, 1)
	d.archive(t)
	must(d.aws.Glue().UpdateTable(t.Context(), &glue.UpdateTableInput{DatabaseName: aws.String("gh"),
		TableInput: &gluetypes.TableInput{Name: aws.String("telemetry"),
			StorageDescriptor: &gluetypes.StorageDescriptor{Columns: []gluetypes.Column{
				{Name: aws.String("at"), Type: aws.String("date")}}}}}))(t)
	r, l := d.run(t)
	l.await(t, func(e runlog.Event) bool {
		return e.Kind == runlog.Failed &&
			strings.Contains(e.Error, `delivery stream "gh-archive": the column "at" has the type date`)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := r.Drain(ctx); err != nil {
		t.Error(err)
	}
}

// TestDirectPutsAreNotPlayed: the local AWS delivers what is put, so that iot-local has nothing to do or to report.
func TestDirectPutsAreNotPlayed(t *testing.T) {
	d := deploy(t, 1)
	must(d.aws.Firehose().CreateDeliveryStream(t.Context(), &firehose.CreateDeliveryStreamInput{
		DeliveryStreamName: aws.String("gh-metrics"),
		DeliveryStreamType: firehosetypes.DeliveryStreamTypeDirectPut,
		ExtendedS3DestinationConfiguration: &firehosetypes.ExtendedS3DestinationConfiguration{
			BucketARN: aws.String("arn:aws:s3:::gh"), RoleARN: aws.String("arn:aws:iam::123456789012:role/gh")},
	}))(t)
	if _, err := delivery.Describe(t.Context(), d.aws, "gh-metrics"); !errors.Is(err, delivery.ErrDirectPut) {
		t.Errorf("described with %v", err)
	}
	r, l := d.run(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := r.Drain(ctx); err != nil {
		t.Error(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if strings.Contains(e.Error, "gh-metrics") {
			t.Errorf("reported: %s", e.Error)
		}
	}
}
