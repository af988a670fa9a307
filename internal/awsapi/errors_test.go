package awsapi

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"
)

// failed is an error as the SDK returns it, wrapped once more as drivers do.
func failed(code, message string) error {
	return fmt.Errorf(
		"creating thing %q: %w",
		"t",
		&smithy.OperationError{ServiceID: "IoT", OperationName: "CreateThing",
			Err: &awshttp.ResponseError{RequestID: "req-1", ResponseError: &smithyhttp.ResponseError{
				Response: &smithyhttp.Response{Response: &http.Response{StatusCode: 400}},
				Err:      &smithy.GenericAPIError{Code: code, Message: message}}}},
	)
}

func TestWhatAnErrorMeans(t *testing.T) {
	err := failed("InvalidRequestException", "unable to perform: sts:AssumeRole")
	if Code(err) != "InvalidRequestException" || Code(errors.New("x")) != "" || Code(nil) != "" {
		t.Errorf("Code: %q, %q", Code(err), Code(errors.New("x")))
	}
	if !Is(err, "A", "InvalidRequestException") || Is(err, "A") || Is(nil, "") || Is(errors.New("x"), "") {
		t.Error("Is")
	}
	if !MessageHas(err, "no", "sts:AssumeRole") || MessageHas(err, "creating thing") || MessageHas(nil, "") {
		t.Error("MessageHas looks at AWS's words only")
	}
	if IsNotFound(err) || IsNotFound(nil) || !IsNotFound(failed("NoSuchEntity", "")) ||
		!IsNotFound(failed("ResourceNotFoundException", "")) {
		t.Error("IsNotFound")
	}
	want := Detail{
		Service:   "IoT",
		Operation: "CreateThing",
		Code:      "InvalidRequestException",
		Message:   "unable to perform: sts:AssumeRole",
		RequestID: "req-1",
	}
	if diff := cmp.Diff(want, DetailOf(err)); diff != "" {
		t.Error(diff)
	}
	if got := DetailOf(errors.New("x")); got != (Detail{}) {
		t.Errorf("%+v", got)
	}
}

func TestFullQuotasAreNotAskedForAgain(t *testing.T) {
	for _, cfg := range []aws.Config{{}, {RetryMode: aws.RetryModeAdaptive},
		{Retryer: func() aws.Retryer { return aws.NopRetryer{} }}} {
		r := retryerOf(cfg)()
		for _, tc := range []struct {
			code, message string
			again         bool
		}{
			{"LimitExceededException", "The number of policies attached to the target exceeds the limit", false},
			{"LimitExceededException", "Rate exceeded for stream s under account 1", true},
			{"LimitExceededException", "Only 5 streams can simultaneously be in CREATING or DELETING", true},
			{"ThrottlingException", "Rate exceeded", cfg.Retryer == nil}, // as the configured retryer says
			{"InvalidRequestException", "no", false},
		} {
			if got := r.IsErrorRetryable(failed(tc.code, tc.message)); got != tc.again {
				t.Errorf("%s: %s: retried = %v", tc.code, tc.message, got)
			}
		}
	}
}
