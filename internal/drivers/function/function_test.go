package function

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	name  = "greenhouse-alerts"
	arn   = "arn:aws:lambda:us-east-1:123456789012:function:" + name
	queue = "arn:aws:sqs:us-east-1:123456789012:greenhouse-dead"

	motoService = "awslambda" // moto's name of Lambda
)

// A function can be in a network without a test of EC2: Lambda takes the IDs as they are.
var (
	subnets = []string{"subnet-0123456789abcdef0", "subnet-0123456789abcdef1"}
	groups  = []string{"sg-0123456789abcdef0"}
)

// archive zips one file and gives the sum that Lambda will report.
func archive(t *testing.T, text string) (code func() ([]byte, error), sum string) {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	file, err := z.Create("bootstrap")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(out.Bytes())
	return func() ([]byte, error) { return out.Bytes(), nil }, base64.StdEncoding.EncodeToString(hash[:])
}

func newRole(t *testing.T, c *awsapi.Clients, name string) string {
	t.Helper()
	out, err := c.IAM().CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: &name,
		AssumeRolePolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`,
		),
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.Role.Arn)
}

func wanted(t *testing.T, role string) spec.Function {
	code, sum := archive(t, "first")
	return spec.Function{
		Description: "alerts of greenhouse", Handler: "alerts", RoleARN: role, Architecture: "arm64", MemoryMB: 128, TimeoutSeconds: 30,
		Environment: map[string]string{"IOT_PIPELINE": "greenhouse"},
		LogGroup:    "/aws/lambda/greenhouse/alerts", LogLevel: "WARN", Tracing: true,
		Code: code, CodeSHA256: sum,
		Permissions: []spec.Permission{
			{
				StatementID:   "rule",
				Principal:     "iot.amazonaws.com",
				SourceARN:     "arn:aws:iot:us-east-1:123456789012:rule/greenhouse_alerts",
				SourceAccount: "123456789012",
			},
			{
				StatementID: "another",
				Principal:   "events.amazonaws.com",
				SourceARN:   "arn:aws:events:us-east-1:123456789012:rule/r",
			},
		},
		Async: &spec.AsyncConfig{MaxRetries: 1, MaxAgeSeconds: 3600, OnFailureARN: queue},
		Tags:  map[string]string{"team": "bay"},
	}
}

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	role, second := newRole(t, c, "first"), newRole(t, c, "second")
	code, sum := archive(t, "second")
	function := aws.String(name)
	byHand := func(in lambda.UpdateFunctionConfigurationInput) func(context.Context) error {
		return func(ctx context.Context) error {
			in.FunctionName = function
			_, err := c.Lambda().UpdateFunctionConfiguration(ctx, &in)
			return err
		}
	}
	reconfigured := []string{"UpdateFunctionConfiguration"}
	drivertest.Life[spec.Function]{
		Clients: c, Driver: New(c), Name: name, Reads: 3, Full: wanted(t, role),
		Steps: []drivertest.Step[spec.Function]{
			{Why: "settings changed by hand: one write repairs them all", Writes: reconfigured,
				Fields: []string{
					"description",
					"handler",
					"memory_mb",
					"timeout_seconds",
					"environment",
					"log_group",
					"log_level",
					"tracing",
				},
				Drift: byHand(lambda.UpdateFunctionConfigurationInput{
					Description: aws.String("mine"), Handler: aws.String("bootstrap"), MemorySize: aws.Int32(512),
					Timeout:       aws.Int32(3),
					Environment:   &types.Environment{Variables: map[string]string{"IOT_PIPELINE": "x", "MORE": "y"}},
					LoggingConfig: &types.LoggingConfig{LogFormat: types.LogFormatText},
					TracingConfig: &types.TracingConfig{Mode: types.TracingModePassThrough},
				})},
			{Why: "the log level changed by hand", Fields: []string{"log_level"}, Writes: reconfigured,
				Drift: byHand(lambda.UpdateFunctionConfigurationInput{LoggingConfig: &types.LoggingConfig{
					LogFormat:           types.LogFormatJson,
					ApplicationLogLevel: types.ApplicationLogLevelTrace,
					LogGroup:            aws.String("/aws/lambda/greenhouse/alerts"),
				}})},
			{Why: "no variables wanted", Fields: []string{"environment"}, Writes: reconfigured,
				Want: drivertest.Changing(func(s *spec.Function) { s.Environment = nil })},
			{Why: "a network wanted", Fields: []string{"vpc"}, Writes: reconfigured,
				Want: drivertest.Changing(func(s *spec.Function) {
					s.Network = &spec.FunctionNetwork{SubnetIDs: subnets, SecurityGroupIDs: groups}
				})},
			{Why: "another network set by hand", Fields: []string{"vpc"}, Writes: reconfigured,
				Drift: byHand(lambda.UpdateFunctionConfigurationInput{VpcConfig: &types.VpcConfig{
					SubnetIds: subnets[:1], SecurityGroupIds: groups}})},
			{Why: "no network wanted any more", Fields: []string{"vpc"}, Writes: reconfigured,
				Want: drivertest.Changing(func(s *spec.Function) { s.Network = nil })},
			{Why: "another role wanted", Fields: []string{"role"}, Writes: reconfigured,
				Want: drivertest.Changing(func(s *spec.Function) { s.RoleARN = second })},
			{Why: "other code put in by hand", Fields: []string{"code"}, Writes: []string{"UpdateFunctionCode"},
				Drift: func(ctx context.Context) error {
					zip, _ := code()
					_, err := c.Lambda().
						UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: function, ZipFile: zip})
					return err
				}},
			{
				Why:    "another architecture wanted, which has other code, and more memory",
				Fields: []string{"memory_mb", "architecture", "code"},
				Writes: []string{"UpdateFunctionConfiguration", "UpdateFunctionCode"},
				Want: drivertest.Changing(func(s *spec.Function) {
					s.Architecture, s.Code, s.CodeSHA256, s.MemoryMB = "x86_64", code, sum, 256
				}),
			},
			{Why: "a permission removed by hand", Fields: []string{"permissions"}, Writes: []string{"AddPermission"},
				Drift: func(ctx context.Context) error {
					_, err := c.Lambda().
						RemovePermission(ctx, &lambda.RemovePermissionInput{FunctionName: function,
							StatementId: aws.String("rule")})
					return err
				}},
			{
				Why:    "a permission for another account added by hand",
				Fields: []string{"permissions"},
				Writes: []string{"RemovePermission"},
				Drift: func(ctx context.Context) error {
					_, err := c.Lambda().
						AddPermission(ctx, &lambda.AddPermissionInput{FunctionName: function,
							StatementId: aws.String("mine"),
							Action:      aws.String(invokeAction), Principal: aws.String("210987654321")})
					return err
				},
			},
			{
				Why:    "a permission for another rule wanted",
				Fields: []string{"permissions"},
				Writes: []string{"RemovePermission", "AddPermission"},
				Want: drivertest.Changing(func(s *spec.Function) {
					other := s.Permissions[0]
					other.SourceARN += "_2"
					s.Permissions = []spec.Permission{other, s.Permissions[1]}
				}),
			},
			{
				Why:    "retries changed by hand",
				Fields: []string{"async"},
				Writes: []string{"PutFunctionEventInvokeConfig"},
				Drift: func(ctx context.Context) error {
					_, err := c.Lambda().
						PutFunctionEventInvokeConfig(ctx,
							&lambda.PutFunctionEventInvokeConfigInput{FunctionName: function,
								MaximumRetryAttempts: aws.Int32(0)})
					return err
				},
			},
			{Why: "tags changed by hand", Fields: []string{"tags"}, Writes: []string{"UntagResource", "TagResource"},
				Drift: func(ctx context.Context) error {
					_, err := c.Lambda().
						TagResource(ctx, &lambda.TagResourceInput{Resource: aws.String(arn),
							Tags: map[string]string{"team": "x", "extra": "y"}})
					return err
				}},
			{
				Why:    "no asynchronous settings wanted",
				Fields: []string{"async"},
				Writes: []string{"DeleteFunctionEventInvokeConfig"},
				Want:   drivertest.Changing(func(s *spec.Function) { s.Async = nil }),
			},
			{
				Why:    "no permissions wanted",
				Fields: []string{"permissions"},
				Writes: []string{"RemovePermission", "RemovePermission"},
				Want:   drivertest.Changing(func(s *spec.Function) { s.Permissions = nil }),
			},
		},
		Foreign: func(ctx context.Context) error {
			zip, _ := code()
			_, err := c.Lambda().
				CreateFunction(ctx, &lambda.CreateFunctionInput{FunctionName: function, Role: &role,
					Runtime: types.RuntimeProvidedal2023,
					Handler: aws.String("bootstrap"), Code: &types.FunctionCode{ZipFile: zip}})
			return err
		},
	}.Run(t)
}

func TestAFunctionWithoutSatellitesIsReadInOneCall(t *testing.T) {
	server := mototest.Start(t)
	c := drivertest.Clients(t, server)
	d := New(c)
	want := wanted(t, newRole(t, c, "role"))
	want.Permissions, want.Async = nil, nil
	id, err := d.Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, want)
	if err != nil {
		t.Fatal(err)
	}
	before := len(server.Requests(t))
	got, err := d.Observe(t.Context(),
		assembly.Ref{Name: name, ID: id.ID, Owner: drivertest.Owner, Outputs: id.Outputs})
	if err != nil || len(d.Diff(got.Spec, want)) > 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	if sent := server.Requests(t)[before:]; len(sent) != 1 {
		t.Errorf("sent %v", sent)
	}
}

// moto accepts a new role and the next write at once; codes and texts are AWS's [AWS 2.2 CreateFunction,
// AddPermission].
func TestWhatAWSRefusesAtFirst(t *testing.T) {
	const assume = "The role defined for the function cannot be assumed by Lambda."
	for _, tc := range []struct {
		why   string
		fault mototest.Fault
		sent  int // calls of the operation
		fails bool
	}{
		{why: "the role is not there yet", sent: 5,
			fault: mototest.Fault{Operation: "CreateFunction", Code: "InvalidParameterValueException", Message: assume,
				Times: 4}},
		{why: "the role has no policies yet", sent: 2,
			fault: mototest.Fault{Operation: "CreateFunction", Code: "InvalidParameterValueException",
				Message: "The provided execution role does not have permissions to call CreateNetworkInterface",
				Times:   1}},
		{why: "a parameter that never becomes valid", sent: 1, fails: true,
			fault: mototest.Fault{Operation: "CreateFunction", Code: "InvalidParameterValueException",
				Message: "'MemorySize' value failed to satisfy constraint", Times: 1}},
		{why: "the answer of create was lost", sent: 2,
			fault: mototest.Fault{Operation: "CreateFunction", Code: "TooManyRequestsException",
				Message: "Rate exceeded", Times: 1, After: true}},
		{why: "the function is still Pending for the first permission", sent: 5,
			fault: mototest.Fault{Operation: "AddPermission", Code: "ResourceConflictException",
				Message: "The operation cannot be performed at this time. The function is currently in the following " +
					"state: Pending", Times: 3}},
		{why: "the answer of a permission was lost", sent: 3,
			fault: mototest.Fault{Operation: "AddPermission", Code: "TooManyRequestsException",
				Message: "Rate exceeded", Times: 1, After: true}},
		{why: "the role may not send to the queue yet", sent: 4,
			fault: mototest.Fault{Operation: "PutFunctionEventInvokeConfig", Code: "InvalidParameterValueException",
				Message: "The function's execution role does not have permissions to call SendMessage on " + queue,
				Times:   3}},
	} {
		t.Run(tc.why, func(t *testing.T) {
			server := mototest.Start(t)
			c := drivertest.Clients(t, server)
			want := wanted(t, newRole(t, c, "role"))
			tc.fault.Service = motoService
			server.Fail(t, tc.fault)
			d := New(c)
			ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
			id, err := d.Create(t.Context(), ref, want)
			if (err != nil) != tc.fails {
				t.Fatalf("%+v, %v", id, err)
			}
			if n := c.Requests()["lambda:"+tc.fault.Operation]; n != tc.sent {
				t.Errorf("sent %d times, want %d", n, tc.sent)
			}
			got, err := d.Observe(t.Context(), ref)
			if err != nil || (got == nil) != tc.fails {
				t.Fatalf("%+v, %v", got, err)
			}
			if got != nil && len(d.Diff(got.Spec, want)) > 0 {
				t.Errorf("not complete: %v", d.Diff(got.Spec, want))
			}
		})
	}
}

func TestCreateThatIsCutShortLeavesItsIdentity(t *testing.T) {
	server := mototest.Start(t)
	c := drivertest.Clients(t, server)
	want := wanted(t, newRole(t, c, "role"))
	server.Fail(t, mototest.Fault{
		Service:   motoService,
		Operation: "AddPermission",
		Code:      "PolicyLengthExceededException",
		Message:   "too long",
		Times:     1,
	})
	d := New(c)
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	id, err := d.Create(t.Context(), ref, want)
	if id.ID != name || !awsapi.Is(err, "PolicyLengthExceededException") ||
		!strings.Contains(err.Error(), `adding permission "another"`) {
		t.Fatalf("%+v, %v", id, err)
	}
	again, err := d.Create(t.Context(), ref, want)
	if err != nil || again.ARN != arn {
		t.Fatalf("resuming: %+v, %v", again, err)
	}
	if n := c.Requests()["lambda:UpdateFunctionCode"]; n != 0 {
		t.Error("the code was sent again")
	}
}

func TestMissingCodeSendsNothing(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	want := wanted(t, "arn:aws:iam::123456789012:role/r")
	want.Code = func() ([]byte, error) { return nil, errNoCode }
	_, err := New(c).Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, want)
	if err == nil || !strings.Contains(err.Error(), "make build") || len(c.Requests()) > 0 {
		t.Errorf("%v after %v", err, c.Requests())
	}
}
