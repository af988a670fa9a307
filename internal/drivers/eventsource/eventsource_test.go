package eventsource

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	stream   = "greenhouse"
	function = "greenhouse-processor"
	name     = stream + "|" + function

	motoService = "awslambda" // moto's name of Lambda
)

func wanted() spec.EventSource {
	return spec.EventSource{
		SourceARN:    "arn:aws:kinesis:us-east-1:123456789012:stream/" + stream,
		FunctionName: function, FunctionARN: "arn:aws:lambda:us-east-1:123456789012:function:" + function,
		BatchSize: 200, BatchWindowSeconds: 5, ParallelizationFactor: 2, MaxRetries: 3, MaxRecordAgeSeconds: 3600,
		Bisect: true, PartialResponses: true, CountsEvents: true,
		OnFailureARN: "arn:aws:s3:::greenhouse-archive", Tags: map[string]string{"team": "bay"},
	}
}

// ends makes the stream and the functions that mappings lie between.
func ends(t *testing.T, c *awsapi.Clients, functions ...string) {
	t.Helper()
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	if _, err := z.Create("bootstrap"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	role, err := c.IAM().
		CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`,
		),
		})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Kinesis().
		CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String(stream),
			ShardCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	for _, f := range functions {
		_, err := c.Lambda().
			CreateFunction(t.Context(), &lambda.CreateFunctionInput{
				FunctionName: &f,
				Role:         role.Role.Arn,
				Runtime:      types.RuntimeProvidedal2023,
				Handler:      aws.String("bootstrap"),
				Code:         &types.FunctionCode{ZipFile: archive.Bytes()},
			})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	ends(t, c, function, "another")
	find := func(ctx context.Context) (*types.EventSourceMappingConfiguration, error) {
		out, err := c.Lambda().ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{})
		if err != nil || len(out.EventSourceMappings) != 1 {
			return nil, fmt.Errorf("%+v, %w", out, err)
		}
		return &out.EventSourceMappings[0], nil
	}
	byHand := func(in lambda.UpdateEventSourceMappingInput) func(context.Context) error {
		return func(ctx context.Context) error {
			m, err := find(ctx)
			if err != nil {
				return err
			}
			in.UUID = m.UUID
			_, err = c.Lambda().UpdateEventSourceMapping(ctx, &in)
			return err
		}
	}
	updated := []string{"UpdateEventSourceMapping"}
	drivertest.Life[spec.EventSource]{
		Clients: c, Driver: New(c), Name: name, Reads: 1, Full: wanted(),
		Steps: []drivertest.Step[spec.EventSource]{
			{Why: "settings changed by hand: one write repairs them all", Writes: updated,
				Fields: []string{
					"batch_size",
					"batch_window_seconds",
					"parallelization_factor",
					"max_retries",
					"max_record_age_seconds",
					"on_failure",
				},
				Drift: byHand(lambda.UpdateEventSourceMappingInput{
					BatchSize: aws.Int32(
						1,
					), MaximumBatchingWindowInSeconds: aws.Int32(0), ParallelizationFactor: aws.Int32(1),
					MaximumRetryAttempts: aws.Int32(
						-1,
					), MaximumRecordAgeInSeconds: aws.Int32(-1), DestinationConfig: &types.DestinationConfig{},
				})},
			{Why: "metrics switched off by hand", Fields: []string{"event_counts"}, Writes: updated,
				Drift: byHand(lambda.UpdateEventSourceMappingInput{
					MetricsConfig: &types.EventSourceMappingMetricsConfig{Metrics: []types.EventSourceMappingMetric{}},
				})},
			{Why: "no metrics wanted", Fields: []string{"event_counts"}, Writes: updated,
				Want: drivertest.Changing(func(s *spec.EventSource) { s.CountsEvents = false })},
			{Why: "stopped by hand", Fields: []string{"enabled"}, Writes: updated,
				Drift: byHand(lambda.UpdateEventSourceMappingInput{Enabled: aws.Bool(false)})},
			{Why: "bisecting switched off by hand", Fields: []string{"partial_batches"}, Writes: updated,
				Drift: byHand(lambda.UpdateEventSourceMappingInput{BisectBatchOnFunctionError: aws.Bool(false)})},
			{Why: "partial responses switched off by hand", Fields: []string{"partial_batches"}, Writes: updated,
				Drift: byHand(
					lambda.UpdateEventSourceMappingInput{FunctionResponseTypes: []types.FunctionResponseType{}},
				)},
			{Why: "pointed at another function by hand", Fields: []string{"function"}, Writes: updated,
				Drift: byHand(lambda.UpdateEventSourceMappingInput{FunctionName: aws.String("another")})},
			{Why: "a window set by hand", Fields: []string{"tumbling_window_seconds"}, Writes: updated,
				Drift: byHand(lambda.UpdateEventSourceMappingInput{TumblingWindowInSeconds: aws.Int32(30)})},
			{Why: "a window with whole batches wanted", Writes: updated,
				Fields: []string{"partial_batches", "tumbling_window_seconds"},
				Want: drivertest.Changing(func(s *spec.EventSource) {
					s.TumblingWindowSeconds, s.Bisect, s.PartialResponses = 60, false, false
				})},
			{Why: "bisecting switched on by hand", Fields: []string{"partial_batches"}, Writes: updated,
				Drift: byHand(lambda.UpdateEventSourceMappingInput{BisectBatchOnFunctionError: aws.Bool(true)})},
			{Why: "larger batches wanted", Fields: []string{"batch_size"}, Writes: updated,
				Want: drivertest.Changing(func(s *spec.EventSource) { s.BatchSize = 500 })},
			{Why: "no destination wanted", Fields: []string{"on_failure"}, Writes: updated,
				Want: drivertest.Changing(func(s *spec.EventSource) { s.OnFailureARN = "" })},
			{Why: "tags changed by hand", Fields: []string{"tags"}, Writes: []string{"TagResource", "UntagResource"},
				Drift: func(ctx context.Context) error {
					m, err := find(ctx)
					if err != nil {
						return err
					}
					_, err = c.Lambda().
						TagResource(ctx, &lambda.TagResourceInput{Resource: m.EventSourceMappingArn,
							Tags: map[string]string{"team": "x", "extra": "y"}})
					return err
				}},
		},
		Foreign: func(ctx context.Context) error {
			_, err := c.Lambda().CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{
				EventSourceArn: aws.String(
					wanted().SourceARN,
				), FunctionName: aws.String(function), StartingPosition: types.EventSourcePositionLatest})
			return err
		},
	}.Run(t)
}

func TestAnotherStreamIsAReplacement(t *testing.T) {
	have := wanted()
	have.SourceARN += "-2"
	changes := New(awsapi.New(aws.Config{}, awsapi.Options{})).Diff(have, wanted())
	if len(changes) != 1 || changes[0] != (assembly.Change{Field: "source", Replace: true}) {
		t.Errorf("%v", changes)
	}
}

func TestWithoutAFunctionThereIsNoMapping(t *testing.T) {
	server := mototest.Start(t)
	d := New(drivertest.Clients(t, server))
	server.Fail(t, mototest.Fault{
		Service:   motoService,
		Operation: "ListEventSourceMappings",
		Code:      "ResourceNotFoundException",
		Message:   "Function not found",
		Times:     2,
	})
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	if got, err := d.Observe(t.Context(), ref); got != nil || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if err := d.Delete(t.Context(), ref); err != nil {
		t.Error(err)
	}
}

func TestDeletionWithoutARecordedID(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	ends(t, c, function)
	d := New(c)
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	if _, err := d.Create(t.Context(), ref, wanted()); err != nil {
		t.Fatal(err)
	}
	if err := d.Delete(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Observe(t.Context(), ref); got != nil || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

// moto accepts a new role at once; codes and texts are AWS's [AWS 2.2 CreateEventSourceMapping].
func TestWhatAWSRefusesAtFirst(t *testing.T) {
	for _, tc := range []struct {
		why   string
		fault mototest.Fault
		sent  int
		fails bool
	}{
		{why: "the role cannot read the stream yet", sent: 4,
			fault: mototest.Fault{Code: "InvalidParameterValueException", Times: 3,
				Message: "Cannot access stream arn. Please ensure the role can perform the GetRecords, " +
					"GetShardIterator, DescribeStream, ListShards, and ListStreams Actions on your stream in IAM."}},
		{why: "the role cannot be assumed yet", sent: 2,
			fault: mototest.Fault{Code: "InvalidParameterValueException", Times: 1,
				Message: "The function's role cannot be assumed by Lambda"}},
		{why: "the answer was lost", sent: 2, fault: mototest.Fault{Code: "TooManyRequestsException",
			Message: "Rate exceeded", Times: 1, After: true}},
		{why: "a value that never becomes valid", sent: 1, fails: true,
			fault: mototest.Fault{Code: "InvalidParameterValueException", Message: "Batch size is out of range",
				Times: 1}},
	} {
		t.Run(tc.why, func(t *testing.T) {
			server := mototest.Start(t)
			c := drivertest.Clients(t, server)
			ends(t, c, function)
			tc.fault.Service, tc.fault.Operation = motoService, "CreateEventSourceMapping"
			server.Fail(t, tc.fault)
			id, err := New(c).Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, wanted())
			if (err != nil) != tc.fails || (id.ID == "") != tc.fails {
				t.Errorf("%+v, %v", id, err)
			}
			if n := c.Requests()["lambda:CreateEventSourceMapping"]; n != tc.sent {
				t.Errorf("sent %d times, want %d", n, tc.sent)
			}
		})
	}
}

func TestDeletionWaitsForAChangeUnderWay(t *testing.T) {
	server := mototest.Start(t)
	c := drivertest.Clients(t, server)
	ends(t, c, function)
	d := New(c)
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	id, err := d.Create(t.Context(), ref, wanted())
	if err != nil {
		t.Fatal(err)
	}
	ref.ID = id.ID
	server.Fail(t, mototest.Fault{
		Service:   motoService,
		Operation: "DeleteEventSourceMapping",
		Code:      "ResourceInUseException",
		Message:   "Cannot delete the event source mapping because it is in use",
		Times:     4,
	})
	if err := d.Delete(t.Context(), ref); err != nil {
		t.Error(err)
	}
}

// moto's mappings are enabled at once; this one passes through states as AWS's do.
func TestWait(t *testing.T) {
	for _, tc := range []struct {
		why    string
		states []string
		fails  string
	}{
		{why: "a new mapping", states: []string{"Creating", "Enabling", "Enabled"}},
		{why: "a changed mapping", states: []string{"Updating", "Updating", "Enabled"}},
		{why: "a mapping that was stopped", states: []string{"Disabling", "Disabled"},
			fails: "state Disabled: PROBLEM"},
		{why: "it hangs", states: []string{"Creating"}, fails: "10m0s"},
	} {
		t.Run(tc.why, func(t *testing.T) {
			states := tc.states
			mux := http.NewServeMux()
			mux.HandleFunc("GET /2015-03-31/event-source-mappings/u", func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(w, `{"UUID":"u","State":%q,"StateTransitionReason":"PROBLEM"}`, states[0])
				if len(states) > 1 {
					states = states[1:]
				}
			})
			server := httptest.NewServer(mototest.Start(t).Checked(t, mux))
			defer server.Close()
			d := New(awsapi.New(aws.Config{Region: mototest.Region, BaseEndpoint: &server.URL,
				Credentials: credentials.NewStaticCredentialsProvider("stub", "stub", "")},
				awsapi.Options{Unlimited: true, Clock: awsapi.NewInstantClock()}))
			err := d.Wait(t.Context(), assembly.Ref{Name: name, ID: "u"})
			if (tc.fails == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tc.fails) {
				t.Errorf("got %v, want %q", err, tc.fails)
			}
		})
	}
}
