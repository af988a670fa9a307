package mototest

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
	tstypes "github.com/aws/aws-sdk-go-v2/service/timestreamwrite/types"
	"github.com/google/go-cmp/cmp"
)

func format(pattern string, args ...any) string { return fmt.Sprintf(pattern, args...) }

func TestTimestreamRefusesAndKeepsAsAWS(t *testing.T) {
	s := Start(t)
	c := timestreamwrite.NewFromConfig(s.Config(t))
	database, table := aws.String("db"), aws.String("readings")
	newDatabase := &timestreamwrite.CreateDatabaseInput{DatabaseName: database}
	newTable := &timestreamwrite.CreateTableInput{DatabaseName: database, TableName: table}
	must(c.CreateDatabase(t.Context(), newDatabase))(t)
	_, err := c.CreateDatabase(t.Context(), newDatabase)
	wantCode(t, err, "ConflictException")
	must(c.CreateTable(t.Context(), newTable))(t)
	_, err = c.CreateTable(t.Context(), newTable)
	wantCode(t, err, "ConflictException")

	point := func(value string, version int64) tstypes.Record {
		return tstypes.Record{
			MeasureName:      aws.String("humidity"),
			MeasureValue:     aws.String(value),
			MeasureValueType: tstypes.MeasureValueTypeDouble,
			Time:             aws.String("1700000000000"),
			Version:          aws.Int64(version),
		}
	}
	write := func(records ...tstypes.Record) error {
		_, err := c.WriteRecords(
			t.Context(),
			&timestreamwrite.WriteRecordsInput{DatabaseName: database, TableName: table, Records: records,
				CommonAttributes: &tstypes.Record{
					Dimensions: []tstypes.Dimension{{Name: aws.String("thing"), Value: aws.String("soil-001")}},
				}},
		)
		return err
	}
	s.Allow(t, Violation{Service: "timestream-write", Operation: "WriteRecords", Member: "Records"}, "one too many")
	wantCode(t, write(make([]tstypes.Record, 101)...), "ValidationException")

	var rejected *tstypes.RejectedRecordsException
	if err := write(point("29", 1), point("wet", 1)); !errors.As(err, &rejected) ||
		len(rejected.RejectedRecords) != 1 ||
		rejected.RejectedRecords[0].RecordIndex != 1 {
		t.Fatalf("a DOUBLE that is not a number: got %v, want record 1 rejected", err)
	}
	if err := write(point("29", 1)); err != nil {
		t.Errorf("the same record again: %v", err)
	}
	if err := write(point("30", 1)); !errors.As(err, &rejected) {
		t.Errorf("another value with the same version: got %v, want it rejected", err)
	}
	if err := write(point("31", 2)); err != nil {
		t.Errorf("a later version: %v", err)
	}
	want := []Record{
		{
			Dimensions:       []Dimension{{"thing", "soil-001"}},
			MeasureName:      "humidity",
			MeasureValue:     "31",
			MeasureValueType: "DOUBLE",
			Time:             "1700000000000",
			Version:          2,
		},
	}
	if diff := cmp.Diff(want, s.TimestreamRecords(t, "db", "readings")); diff != "" {
		t.Errorf("stored records (-want +got):\n%s", diff)
	}

	_, err = c.DeleteDatabase(t.Context(), &timestreamwrite.DeleteDatabaseInput{DatabaseName: database})
	wantCode(t, err, "ValidationException")
	must(c.DeleteTable(t.Context(), &timestreamwrite.DeleteTableInput{DatabaseName: database, TableName: table}))(t)
	_, err = c.DeleteTable(t.Context(), &timestreamwrite.DeleteTableInput{DatabaseName: database, TableName: table})
	wantCode(t, err, "ResourceNotFoundException")
	must(c.DeleteDatabase(t.Context(), &timestreamwrite.DeleteDatabaseInput{DatabaseName: database}))(t)
	_, err = c.DeleteDatabase(t.Context(), &timestreamwrite.DeleteDatabaseInput{DatabaseName: database})
	wantCode(t, err, "ResourceNotFoundException")
}

func archive(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	must(w.Create("bootstrap"))(t)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func newFunction(t *testing.T, s *Server) *lambda.Client {
	t.Helper()
	roles := iam.NewFromConfig(s.Config(t))
	role := must(
		roles.CreateRole(
			t.Context(),
			&iam.CreateRoleInput{
				RoleName:                 aws.String("r"),
				AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[]}`),
			},
		),
	)(t)
	must(roles.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String("r"),
		PolicyArn: aws.String("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")}))(t)
	c := lambda.NewFromConfig(s.Config(t))
	must(c.CreateFunction(t.Context(), &lambda.CreateFunctionInput{FunctionName: aws.String("f"), Role: role.Role.Arn,
		Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
		Code:        &lambdatypes.FunctionCode{ZipFile: archive(t)},
		Environment: &lambdatypes.Environment{Variables: map[string]string{"BAY": "1"}},
		LoggingConfig: &lambdatypes.LoggingConfig{
			LogFormat: lambdatypes.LogFormatJson,
			LogGroup:  aws.String("/iot/f"),
		}}))(t)
	return c
}

func TestFunctionsKeepTheirSettings(t *testing.T) {
	c := newFunction(t, Start(t))
	read := func() *lambda.GetFunctionConfigurationOutput {
		return must(c.GetFunctionConfiguration(t.Context(),
			&lambda.GetFunctionConfigurationInput{FunctionName: aws.String("f")}))(t)
	}
	if got := read().LoggingConfig; got.LogFormat != "JSON" || *got.LogGroup != "/iot/f" ||
		got.ApplicationLogLevel != "INFO" {
		t.Errorf("logging: got %+v", got)
	}
	must(c.UpdateFunctionConfiguration(t.Context(),
		&lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("f"),
			Environment: &lambdatypes.Environment{}, TracingConfig: &lambdatypes.TracingConfig{Mode: "Active"}}))(t)
	must(c.UpdateFunctionCode(t.Context(),
		&lambda.UpdateFunctionCodeInput{FunctionName: aws.String("f"), ZipFile: archive(t),
			Architectures: []lambdatypes.Architecture{"arm64"}}))(t)
	got := read()
	if got.Environment != nil || got.TracingConfig.Mode != "Active" || got.Architectures[0] != "arm64" ||
		*got.LoggingConfig.LogGroup != "/iot/f" {
		t.Errorf("after the updates: environment %v, tracing %v, architectures %v, logging %+v", got.Environment,
			got.TracingConfig.Mode, got.Architectures, got.LoggingConfig)
	}
}

func TestFunctionConflicts(t *testing.T) {
	s := Start(t)
	c := newFunction(t, s)
	permit := func() error {
		_, err := c.AddPermission(t.Context(),
			&lambda.AddPermissionInput{FunctionName: aws.String("f"), StatementId: aws.String("iot"),
				Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("iot.amazonaws.com")})
		return err
	}
	if err := permit(); err != nil {
		t.Fatal(err)
	}
	wantCode(t, permit(), "ResourceConflictException")

	streams := kinesis.NewFromConfig(s.Config(t))
	must(streams.CreateStream(t.Context(),
		&kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(1)}))(t)
	arn := must(
		streams.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("s")}),
	)(t).StreamDescriptionSummary.StreamARN
	connect := func() error {
		_, err := c.CreateEventSourceMapping(t.Context(),
			&lambda.CreateEventSourceMappingInput{FunctionName: aws.String("f"), EventSourceArn: arn,
				StartingPosition: lambdatypes.EventSourcePositionLatest})
		return err
	}
	if err := connect(); err != nil {
		t.Fatal(err)
	}
	wantCode(t, connect(), "ResourceConflictException")
}

// What is made under the name of a deleted object has none of its tags: by them the provider knows who owns what.
func TestTagsGoWithTheirObject(t *testing.T) {
	s := Start(t)
	buckets := s3.NewFromConfig(s.Config(t), func(o *s3.Options) { o.UsePathStyle = true })
	logs, series, name, key := cloudwatchlogs.NewFromConfig(s.Config(t)), timestreamwrite.NewFromConfig(
		s.Config(t),
	), aws.String("tagged"), aws.String("owner")
	group := aws.String("arn:aws:logs:" + Region + ":" + AccountID + ":log-group:tagged")
	database := aws.String("arn:aws:timestream:" + Region + ":" + AccountID + ":database/tagged")
	create := func(tag bool) {
		t.Helper()
		must(buckets.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: name}))(t)
		must(logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: name}))(t)
		must(series.CreateDatabase(t.Context(), &timestreamwrite.CreateDatabaseInput{DatabaseName: name}))(t)
		must(series.CreateTable(t.Context(), &timestreamwrite.CreateTableInput{DatabaseName: name, TableName: name}))(t)
		if !tag {
			return
		}
		must(
			buckets.PutBucketTagging(t.Context(), &s3.PutBucketTaggingInput{
				Bucket:  name,
				Tagging: &s3types.Tagging{TagSet: []s3types.Tag{{Key: key, Value: name}}},
			}),
		)(t)
		must(logs.TagResource(t.Context(),
			&cloudwatchlogs.TagResourceInput{ResourceArn: group, Tags: map[string]string{"owner": "me"}}))(t)
		for _, arn := range []string{*database, *database + "/table/tagged"} {
			must(series.TagResource(t.Context(),
				&timestreamwrite.TagResourceInput{ResourceARN: &arn, Tags: []tstypes.Tag{{Key: key, Value: name}}}))(t)
		}
	}
	create(true)
	must(buckets.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: name}))(t)
	must(logs.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: name}))(t)
	must(series.DeleteTable(t.Context(), &timestreamwrite.DeleteTableInput{DatabaseName: name, TableName: name}))(t)
	must(series.DeleteDatabase(t.Context(), &timestreamwrite.DeleteDatabaseInput{DatabaseName: name}))(t)
	create(false)

	_, err := buckets.GetBucketTagging(t.Context(), &s3.GetBucketTaggingInput{Bucket: name})
	wantCode(t, err, "NoSuchTagSet")
	if tags := must(logs.ListTagsForResource(t.Context(),
		&cloudwatchlogs.ListTagsForResourceInput{ResourceArn: group}))(t).Tags; len(
		tags,
	) != 0 {
		t.Errorf("the log group has %v", tags)
	}
	for _, arn := range []string{*database, *database + "/table/tagged"} {
		if tags := must(series.ListTagsForResource(t.Context(),
			&timestreamwrite.ListTagsForResourceInput{ResourceARN: &arn}))(t).Tags; len(
			tags,
		) != 0 {
			t.Errorf("%s has %v", arn, tags)
		}
	}
}

// TestServerDiesWithItsParent runs this test binary as a parent that starts a server and is killed.
func TestServerDiesWithItsParent(t *testing.T) {
	if os.Getenv("MOTOTEST_PARENT") != "" {
		s, err := Run(t.Context(), os.Stderr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("%s\n", strings.TrimPrefix(s.URL, "http://"))
		select {} // until killed
	}
	parent := exec.Command(os.Args[0], "-test.run=^TestServerDiesWithItsParent$")
	parent.Env = append(os.Environ(), "MOTOTEST_PARENT=1")
	out := must(parent.StdoutPipe())(t)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var address string
	if _, err := fmt.Fscanln(out, &address); err != nil {
		t.Fatalf("the parent did not say which server it started: %v", err)
	}
	conn := must(net.Dial("tcp", address))(t)
	defer conn.Close()
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // killed, as intended
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// The server sends nothing on a connection without a request: the read ends when the process does.
	if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the server outlived its parent")
	}
}
