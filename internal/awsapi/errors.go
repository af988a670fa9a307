package awsapi

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// notFoundCodes are the codes by which the services of a pipeline say that an object does not exist.
var notFoundCodes = []string{
	"ResourceNotFoundException", // IoT, Kinesis, Timestream, DynamoDB, Lambda, Logs, Secrets Manager
	"NoSuchEntity",              // IAM
	"ParameterNotFound",         // SSM
	"NotFound",                  // S3 HeadBucket, SNS
	"NotFoundException",
	"EntityNotFoundException", // Glue
	"ResourceNotFound",        // CloudWatch, by its older protocol
	"DashboardNotFoundError",  // CloudWatch
	"NoSuchBucket",
	"NoSuchKey",
	"QueueDoesNotExist",
	"AWS.SimpleQueueService.NonExistentQueue", // SQS in its older protocol
}

// Code is the AWS error code of err, or empty when err holds none.
func Code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// Is reports whether err carries one of the AWS error codes.
func Is(err error, codes ...string) bool {
	code := Code(err)
	return code != "" && slices.Contains(codes, code)
}

// IsNotFound reports whether err says that the object does not exist, in the words of any service a pipeline uses.
func IsNotFound(err error) bool { return Is(err, notFoundCodes...) }

// MessageHas reports whether the message AWS sent holds one of the texts. It does not look at what was wrapped around
// it.
func MessageHas(err error, texts ...string) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(api.ErrorMessage(), text) })
}

// Detail is what AWS said about a failed request; members are empty when unknown.
type Detail struct {
	Service   string // the SDK's service name, such as "IoT"
	Operation string
	Code      string
	Message   string
	RequestID string
}

// DetailOf takes the facts of a failed request out of err.
func DetailOf(err error) Detail {
	var d Detail
	var operation *smithy.OperationError
	if errors.As(err, &operation) {
		d.Service, d.Operation = operation.Service(), operation.Operation()
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		d.Code, d.Message = api.ErrorCode(), api.ErrorMessage()
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		d.RequestID = response.ServiceRequestID()
	}
	return d
}

// passingLimits are messages of LimitExceededException that pass by themselves [AWS 2.2 CreateStream].
var passingLimits = []string{"Rate exceeded", "simultaneously be in CREATING or DELETING"}

// quotaAwareRetryer is the SDK's retryer, except that LimitExceededException is retried only where it is about a rate:
// the SDK takes it for throttling everywhere, and a full quota would be asked for again and again [AWS 1.2].
type quotaAwareRetryer struct{ aws.RetryerV2 }

func (r quotaAwareRetryer) IsErrorRetryable(err error) bool {
	if Is(err, "LimitExceededException") {
		return MessageHas(err, passingLimits...)
	}
	return r.RetryerV2.IsErrorRetryable(err)
}

// retryerOf wraps the retryer that cfg asks for.
func retryerOf(cfg aws.Config) func() aws.Retryer {
	return func() aws.Retryer {
		var inner aws.Retryer
		switch {
		case cfg.Retryer != nil:
			inner = cfg.Retryer()
		case cfg.RetryMode == aws.RetryModeAdaptive:
			inner = retry.NewAdaptiveMode()
		default:
			inner = retry.NewStandard()
		}
		return quotaAwareRetryer{retryerV2(inner)}
	}
}

// retryerV2 gives an older Retryer the method that RetryerV2 adds, as the SDK does.
func retryerV2(r aws.Retryer) aws.RetryerV2 {
	if v2, ok := r.(aws.RetryerV2); ok {
		return v2
	}
	return olderRetryer{r}
}

type olderRetryer struct{ aws.Retryer }

// GetAttemptToken never waits for a token, since an older Retryer has none to wait for.
func (r olderRetryer) GetAttemptToken(context.Context) (func(error) error, error) {
	return r.GetInitialToken(), nil
}
