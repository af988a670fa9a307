package deliverystream

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const name = "greenhouse-archive"

func stream() spec.DeliveryStream {
	return spec.DeliveryStream{
		SourceARN:   "arn:aws:kinesis:us-east-1:123456789012:stream/greenhouse",
		RoleARN:     "arn:aws:iam::123456789012:role/greenhouse-us-east-1-archive",
		BucketARN:   "arn:aws:s3:::greenhouse-123456789012-us-east-1",
		Prefix:      "telemetry/day=!{timestamp:yyyy-MM-dd}/",
		ErrorPrefix: "archive-errors/!{firehose:error-output-type}/", BufferSeconds: 300, BufferMB: 128,
		FunctionARN:    "arn:aws:lambda:us-east-1:123456789012:function:greenhouse-archiver:$LATEST",
		FunctionBuffer: spec.FunctionBuffer{MB: 1, Seconds: 60, Retries: 3},
		Parquet:        &spec.ParquetSchema{Database: "greenhouse", Table: "telemetry"},
		LogGroup:       "/aws/kinesisfirehose/greenhouse-archive", LogStream: "delivery",
		Tags: map[string]string{"team": "bay"},
	}
}

// redirected changes the destination by hand.
func redirected(
	c *awsapi.Clients,
	edit func(*types.ExtendedS3DestinationUpdate),
) func(context.Context) error {
	return func(ctx context.Context) error {
		out, err := c.Firehose().DescribeDeliveryStream(ctx,
			&firehose.DescribeDeliveryStreamInput{DeliveryStreamName: aws.String(name)})
		if err != nil {
			return err
		}
		u := &types.ExtendedS3DestinationUpdate{}
		edit(u)
		s := out.DeliveryStreamDescription
		_, err = c.Firehose().UpdateDestination(ctx, &firehose.UpdateDestinationInput{DeliveryStreamName: aws.String(name),
			CurrentDeliveryStreamVersionId: s.VersionId, DestinationId: s.Destinations[0].DestinationId,
			ExtendedS3DestinationUpdate: u})
		return err
	}
}

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	update := []string{"UpdateDestination"}
	drivertest.Life[spec.DeliveryStream]{
		Clients: c, Driver: New(c), Name: name, Reads: 1, Full: stream(),
		Steps: []drivertest.Step[spec.DeliveryStream]{
			{Why: "another buffer set by hand", Fields: []string{"buffer"}, Writes: update,
				Drift: redirected(c, func(u *types.ExtendedS3DestinationUpdate) {
					u.BufferingHints = &types.BufferingHints{IntervalInSeconds: aws.Int32(60), SizeInMBs: aws.Int32(64)}
				})},
			{Why: "conversion and function switched off by hand", Fields: []string{"format", "function"}, Writes: update,
				Drift: redirected(c, func(u *types.ExtendedS3DestinationUpdate) {
					u.ProcessingConfiguration = &types.ProcessingConfiguration{Enabled: aws.Bool(false)}
					u.DataFormatConversionConfiguration = &types.DataFormatConversionConfiguration{
						Enabled: aws.Bool(false)}
				})},
			{Why: "another prefix, no log, a key and local time", Writes: update,
				Fields: []string{"prefix", "logging", "encryption", "time_zone"},
				Drift: redirected(c, func(u *types.ExtendedS3DestinationUpdate) {
					u.Prefix, u.CustomTimeZone = aws.String("mine/"), aws.String("Europe/Berlin")
					u.CloudWatchLoggingOptions = &types.CloudWatchLoggingOptions{Enabled: aws.Bool(false)}
					u.EncryptionConfiguration = &types.EncryptionConfiguration{
						KMSEncryptionConfig: &types.KMSEncryptionConfig{AWSKMSKeyARN: aws.String(
							"arn:aws:kms:us-east-1:123456789012:key/1f3c9f5e-0000-4000-8000-000000000001")}}
				})},
			{Why: "JSON wanted", Fields: []string{"prefix", "buffer", "format"}, Writes: update,
				Want: drivertest.Changing(func(s *spec.DeliveryStream) {
					s.Parquet, s.Gzip, s.BufferMB, s.Extension = nil, true, 5, ".json.gz"
					s.Prefix = "telemetry/json/day=!{timestamp:yyyy-MM-dd}/"
				})},
			{Why: "Parquet wanted again, elsewhere", Fields: []string{"bucket", "prefix", "buffer", "format"},
				Writes: update,
				Want: drivertest.Changing(func(s *spec.DeliveryStream) {
					*s = stream()
					s.BucketARN = "arn:aws:s3:::other"
				})},
			{Why: "tags changed by hand", Fields: []string{"tags"},
				Writes: []string{"TagDeliveryStream", "UntagDeliveryStream"},
				Drift: func(ctx context.Context) error {
					_, err := c.Firehose().TagDeliveryStream(ctx, &firehose.TagDeliveryStreamInput{
						DeliveryStreamName: aws.String(name),
						Tags:               newTags(map[string]string{"team": "x", "extra": "y"})})
					return err
				}},
		},
		Foreign: func(ctx context.Context) error {
			_, err := c.Firehose().CreateDeliveryStream(ctx, &firehose.CreateDeliveryStreamInput{
				DeliveryStreamName: aws.String(name),
				ExtendedS3DestinationConfiguration: &types.ExtendedS3DestinationConfiguration{
					BucketARN: aws.String("arn:aws:s3:::mine"), RoleARN: aws.String(stream().RoleARN)}})
			return err
		},
	}.Run(t)
}

// direct is a stream that others put records into.
func direct() spec.DeliveryStream {
	return spec.DeliveryStream{
		RoleARN:   "arn:aws:iam::123456789012:role/greenhouse-us-east-1-export",
		BucketARN: "arn:aws:s3:::greenhouse-123456789012-us-east-1", Prefix: "metrics/day=!{timestamp:yyyy-MM-dd}/",
		ErrorPrefix: "archive-errors/!{firehose:error-output-type}/", Extension: ".json.gz", Gzip: true,
		BufferSeconds: 300, BufferMB: 64, Encrypted: true, Tags: map[string]string{"team": "bay"},
	}
}

func TestLifeWithDirectPuts(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	encrypt := []string{"StartDeliveryStreamEncryption"}
	const key = "arn:aws:kms:us-east-1:123456789012:key/1f3c9f5e-0000-4000-8000-000000000001"
	drivertest.Life[spec.DeliveryStream]{
		Clients: c, Driver: New(c), Name: name, Reads: 1, Full: direct(),
		Steps: []drivertest.Step[spec.DeliveryStream]{
			{Why: "encryption switched off by hand", Fields: []string{serverSide}, Writes: encrypt,
				Drift: func(ctx context.Context) error {
					_, err := c.Firehose().StopDeliveryStreamEncryption(ctx,
						&firehose.StopDeliveryStreamEncryptionInput{DeliveryStreamName: aws.String(name)})
					return err
				}},
			{Why: "a key of the user's own wanted", Fields: []string{serverSide}, Writes: encrypt,
				Want: drivertest.Changing(func(s *spec.DeliveryStream) { s.KMSKeyARN = key })},
			{Why: "another role, which is only the destination's", Fields: []string{"role"},
				Writes: []string{"UpdateDestination"},
				Drift: redirected(c, func(u *types.ExtendedS3DestinationUpdate) {
					u.RoleARN = aws.String("arn:aws:iam::123456789012:role/mine")
				})},
			{Why: "AWS's key wanted again, and another buffer", Fields: []string{serverSide, "buffer"},
				Writes: []string{"StartDeliveryStreamEncryption", "UpdateDestination"},
				Want: drivertest.Changing(func(s *spec.DeliveryStream) {
					s.KMSKeyARN, s.BufferSeconds = "", 60
				})},
		},
		Foreign: func(ctx context.Context) error {
			_, err := c.Firehose().CreateDeliveryStream(ctx, &firehose.CreateDeliveryStreamInput{
				DeliveryStreamName: aws.String(name),
				ExtendedS3DestinationConfiguration: &types.ExtendedS3DestinationConfiguration{
					BucketARN: aws.String("arn:aws:s3:::mine"), RoleARN: aws.String(direct().RoleARN)}})
			return err
		},
	}.Run(t)
}

// A stream that reads a Kinesis stream is no stream of direct puts, and the other way round.
func TestAnotherSourceReplaces(t *testing.T) {
	have, want := stream(), direct()
	want.RoleARN, have.Encrypted = have.RoleARN, true
	if changes := New(nil).Diff(have, want); len(changes) == 0 || changes[0] != (assembly.Change{
		Field: "source", Replace: true}) {
		t.Errorf("to direct puts: %v", changes)
	}
	if changes := New(nil).Diff(want, have); len(changes) == 0 || changes[0] != (assembly.Change{
		Field: "source", Replace: true}) {
		t.Errorf("to a source: %v", changes)
	}
}

func TestWhatAWSCannotChangeReplaces(t *testing.T) {
	d := New(nil)
	for why, edit := range map[string]func(*spec.DeliveryStream){
		"status":               func(s *spec.DeliveryStream) { s.Failed = true },
		"source":               func(s *spec.DeliveryStream) { s.SourceARN = "" },
		"role":                 func(s *spec.DeliveryStream) { s.RoleARN = "arn:aws:iam::123456789012:role/other" },
		"backup":               func(s *spec.DeliveryStream) { s.Departs = []string{"backup"} },
		"dynamic_partitioning": func(s *spec.DeliveryStream) { s.Departs = []string{"dynamic_partitioning"} },
	} {
		have := stream()
		edit(&have)
		if diff := cmp.Diff([]assembly.Change{{Field: why, Replace: true}}, d.Diff(have, stream())); diff != "" {
			t.Errorf("%s: %s", why, diff)
		}
	}
}

// The texts by which hashicorp/aws recognises a role that is too new.
func TestANewRoleIsWaitedFor(t *testing.T) {
	for _, message := range []string{
		"Firehose is unable to assume role arn:aws:iam::123456789012:role/r. Please check the role provided.",
		"Access was denied when calling Glue. Please ensure that the role specified in the data format conversion " +
			"configuration has the necessary permissions.",
		"Role arn:aws:iam::123456789012:role/r is not authorized to perform DescribeStream",
	} {
		server := mototest.Start(t)
		server.Fail(t, mototest.Fault{Service: "firehose", Operation: "CreateDeliveryStream",
			Code: "InvalidArgumentException", Message: message, Times: 3})
		c := drivertest.Clients(t, server)
		_, err := New(c).Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, stream())
		if err != nil || c.Requests()["firehose:CreateDeliveryStream"] != 4 {
			t.Errorf("%s: %v after %v", message, err, c.Requests())
		}
	}
}

func TestOtherRefusalsAreNotRepeated(t *testing.T) {
	server := mototest.Start(t)
	server.Fail(t, mototest.Fault{Service: "firehose", Operation: "CreateDeliveryStream",
		Code: "InvalidArgumentException", Message: "BufferingHints must be at least 64", Times: 1})
	c := drivertest.Clients(t, server)
	_, err := New(c).Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, stream())
	if !awsapi.Is(err, "InvalidArgumentException") || c.Requests()["firehose:CreateDeliveryStream"] != 1 {
		t.Errorf("%v after %v", err, c.Requests())
	}
}

// Somebody changes the stream between the read and the write.
func TestAnotherVersionIsReadAgain(t *testing.T) {
	server := mototest.Start(t)
	c := drivertest.Clients(t, server)
	d, ref := New(c), assembly.Ref{Name: name, Owner: drivertest.Owner}
	if _, err := d.Create(t.Context(), ref, stream()); err != nil {
		t.Fatal(err)
	}
	server.Fail(t, mototest.Fault{Service: "firehose", Operation: "UpdateDestination",
		Code: "ConcurrentModificationException", Message: "Cannot update firehose: versions do not match", Times: 1})
	want := stream()
	want.BufferSeconds = 60
	have, err := d.Observe(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Update(t.Context(), ref, have, want, d.Diff(have.Spec, want)); err != nil {
		t.Fatal(err)
	}
	if have, err = d.Observe(t.Context(), ref); err != nil || len(d.Diff(have.Spec, want)) > 0 {
		t.Errorf("%+v, %v", have, err)
	}
}

// described is what AWS says of a stream in a state.
func described(status, more string) string {
	return `{"DeliveryStreamDescription": {"DeliveryStreamName": "` + name + `", "DeliveryStreamStatus": "` + status +
		`", "VersionId": "1", "Destinations": [], "HasMoreDestinations": false` + more + `}}`
}

// moto makes and deletes a stream at once; these states are AWS's [Firehose API DeliveryStreamStatus].
func TestStatesOfAStream(t *testing.T) {
	const absent = `{"__type": "ResourceNotFoundException", "message": "Firehose not found"}`
	const failure = `, "FailureDescription": {"Type": "EFS_MOUNT", "Details": "no access to the key"}`
	play := func(answers ...string) *Driver {
		return New(drivertest.Stub(t, func(operation string, _ map[string]any) string {
			if operation != "DescribeDeliveryStream" {
				return "{}"
			}
			answer := answers[0]
			if len(answers) > 1 {
				answers = answers[1:]
			}
			return answer
		}))
	}
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	t.Run("waits until active", func(t *testing.T) {
		d := play(described("CREATING", ""), described("CREATING", ""), described("ACTIVE", ""))
		if err := d.Wait(t.Context(), ref); err != nil {
			t.Error(err)
		}
	})
	t.Run("says why AWS could not create it", func(t *testing.T) {
		err := play(described("CREATING_FAILED", failure)).Wait(t.Context(), ref)
		if err == nil || !strings.Contains(err.Error(), "no access to the key") {
			t.Errorf("got %v", err)
		}
	})
	encryption := func(status string) string {
		return `, "DeliveryStreamEncryptionConfiguration": {"KeyType": "CUSTOMER_MANAGED_CMK", "Status": "` + status +
			`", "FailureDescription": {"Type": "KMS_ACCESS_DENIED", "Details": "no access to the key"}}`
	}
	t.Run("waits until it is encrypted", func(t *testing.T) {
		d := play(described("ACTIVE", encryption("ENABLING")), described("ACTIVE", encryption("ENABLED")))
		if err := d.Wait(t.Context(), ref); err != nil || d.c.Requests()["firehose:DescribeDeliveryStream"] != 2 {
			t.Errorf("%v after %v", err, d.c.Requests())
		}
	})
	t.Run("says why AWS could not encrypt it", func(t *testing.T) {
		err := play(described("ACTIVE", encryption("ENABLING_FAILED"))).Wait(t.Context(), ref)
		if err == nil || !strings.Contains(err.Error(), "no access to the key") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("deletes until gone", func(t *testing.T) {
		if err := play(described("DELETING", ""), described("DELETING", ""), absent).Delete(t.Context(), ref); err != nil {
			t.Error(err)
		}
	})
	t.Run("says why AWS could not delete it", func(t *testing.T) {
		err := play(described("DELETING_FAILED", failure)).Delete(t.Context(), ref)
		if err == nil || !strings.Contains(err.Error(), "no access to the key") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("one on its way out is absent", func(t *testing.T) {
		if got, err := play(described("DELETING", "")).Observe(t.Context(), ref); err != nil || got != nil {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// A former stream of the name is still being deleted when the next is created.
func TestCreateWaitsForTheName(t *testing.T) {
	created, reads := 0, 0
	d := New(drivertest.Stub(t, func(operation string, _ map[string]any) string {
		switch operation {
		case "CreateDeliveryStream":
			if created++; created == 1 {
				return `{"__type": "ResourceInUseException", "message": "Firehose ` + name + ` already exists"}`
			}
			return `{"DeliveryStreamARN": "arn:aws:firehose:us-east-1:123456789012:deliverystream/` + name + `"}`
		case "DescribeDeliveryStream":
			if reads++; reads < 3 {
				return described("DELETING", "")
			}
			return `{"__type": "ResourceNotFoundException", "message": "not found"}`
		}
		return "{}"
	}))
	id, err := d.Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, stream())
	if err != nil || id.ID != name || created != 2 {
		t.Errorf("%+v, %v after %d creations", id, err, created)
	}
}

// AWS writes numbers in its own way, adds parameters, and has other destinations.
func TestWhatAWSMakesOfADestination(t *testing.T) {
	d := New(nil)
	e := func(parameters ...types.ProcessorParameter) *types.DeliveryStreamDescription {
		return &types.DeliveryStreamDescription{Destinations: []types.DestinationDescription{{
			ExtendedS3DestinationDescription: &types.ExtendedS3DestinationDescription{
				ProcessingConfiguration: &types.ProcessingConfiguration{Enabled: aws.Bool(true),
					Processors: []types.Processor{{Type: types.ProcessorTypeLambda, Parameters: parameters}}}}}}}
	}
	parameter := func(name, value string) types.ProcessorParameter {
		return types.ProcessorParameter{ParameterName: types.ProcessorParameterName(name), ParameterValue: &value}
	}
	got := specOf(e(parameter("LambdaArn", "f"), parameter("BufferSizeInMBs", "1.0"), parameter("NumberOfRetries", "3"),
		parameter("BufferIntervalInSeconds", "60"), parameter("RoleArn", "r")))
	want := spec.DeliveryStream{FunctionARN: "f", FunctionBuffer: spec.FunctionBuffer{MB: 1, Seconds: 60, Retries: 3}}
	if changes := d.Diff(got, want); len(changes) > 0 {
		t.Errorf("numbers in other words are drift: %v", changes)
	}
	got = specOf(e(parameter("LambdaArn", "f"), parameter("BufferSizeInMBs", "much")))
	if changes := d.Diff(got, want); len(changes) != 1 || changes[0].Field != "function" {
		t.Errorf("not a number: %v", changes)
	}
	other := specOf(&types.DeliveryStreamDescription{Destinations: []types.DestinationDescription{{}}})
	if other.BucketARN != "" {
		t.Errorf("another kind of destination: %+v", other)
	}
}
