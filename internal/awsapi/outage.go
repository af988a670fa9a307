package awsapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go/middleware"
)

const (
	// outageTold is the failure from which on Options.Failing is called: one or two pass without anybody noticing.
	outageTold = 3
	// outageLimit is how long a request is repeated while the service answers that it has failed itself. Throttling
	// does not count: it passes.
	outageLimit = 2 * time.Minute
	// NextTryWithin is the longest pause between two tries of a request.
	NextTryWithin = retry.DefaultMaxBackoff
)

// Outage is a request that a service answers again and again with an error of its own (HTTP 5xx).
type Outage struct {
	Operation string        // "service:Operation", such as "iot:DeleteCertificate"
	Failures  int           // so far
	Since     time.Duration // since the first one
	Err       error         // the last one
}

// outageError ends the SDK's retries.
type outageError struct {
	failures int
	since    time.Duration
	err      error
}

func (e *outageError) Error() string {
	return fmt.Sprintf("the service has answered with an error of its own %d times in %s: %v", e.failures,
		e.since.Round(time.Second), e.err)
}

// Unwrap gives the last answer.
func (e *outageError) Unwrap() error { return e.err }

// RetryableError tells the SDK not to try again.
func (e *outageError) RetryableError() bool { return false }

// watchOutages observes the tries of each request. It stands inside the SDK's retry loop.
func (c *Clients) watchOutages(service string) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		// The SDK builds the stack once for each request, so these belong to one request.
		failures, first := 0, time.Time{}
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc(
			"OutageWatch",
			func(ctx context.Context, in middleware.FinalizeInput,
				next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				out, metadata, err := next.HandleFinalize(ctx, in)
				if !serverFailed(err) {
					return out, metadata, err
				}
				now := c.now()
				if failures++; failures == 1 {
					first = now
				}
				since := now.Sub(first)
				if since >= outageLimit {
					return out, metadata, &outageError{failures, since, err}
				}
				if failures >= outageTold && c.opts.Failing != nil {
					operation := service + ":" + awsmiddleware.GetOperationName(ctx)
					c.opts.Failing(ctx, Outage{operation, failures, since, err})
				}
				return out, metadata, err
			},
		), "Retry", middleware.After)
	}
}

// serverFailed reports whether a service has answered that it failed itself.
func serverFailed(err error) bool {
	var response *awshttp.ResponseError
	if !errors.As(err, &response) || response.HTTPStatusCode() < http.StatusInternalServerError {
		return false
	}
	_, throttled := retry.DefaultThrottleErrorCodes[Code(err)]
	return !throttled
}

func (c *Clients) now() time.Time {
	if c.opts.Clock != nil {
		return c.opts.Clock.Now()
	}
	return time.Now()
}
