package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	"github.com/danielgtaylor/huma/v2"
)

// kind is a kind of problem. Its name is the last part of the problem's type, which never changes.
type kind struct {
	name    string
	status  int
	title   string
	meaning string // for the document
}

// problemBase begins the type of every problem, which leads to the guide.
const (
	guide       = "https://github.com/iot-pipeline/terraform-provider-iot/blob/main/docs/guides/device-api.md"
	problemBase = guide + "#problem-"
)

// The kinds of problems.
var (
	malformed = kind{"malformed-request", http.StatusBadRequest, "Malformed request",
		"The request has no body, or one that is not JSON, or a path that cannot be decoded."}
	badCursor = kind{"invalid-cursor", http.StatusBadRequest, "Invalid cursor",
		"The cursor was changed, or belongs to another pipeline or another query. Begin again without one."}
	unknownPath = kind{"unknown-path", http.StatusNotFound, "Unknown path", "There is no such path."}
	badMethod   = kind{"method-not-allowed", http.StatusMethodNotAllowed, "Method not allowed",
		"The path has no such method; `Allow` lists those that it has."}
	unknownDevice = kind{"unknown-device", http.StatusNotFound, "Unknown device",
		"No device of this pipeline has that name."}
	unknownCommand = kind{"unknown-command", http.StatusNotFound, "Unknown command",
		"The device has no such command. Commands are kept for 30 days."}
	unknownShadow = kind{"unknown-shadow", http.StatusNotFound, "Unknown shadow", "The device has no such shadow."}
	notEnabled    = kind{"not-enabled", http.StatusNotFound, "Not enabled",
		"The pipeline does not keep what was asked for; its configuration lacks the block that is named."}
	commandExpired = kind{"command-expired", http.StatusConflict, "Command expired",
		"The `Idempotency-Key` belongs to a command that was not sent before its deadline. Use another key."}
	conflict = kind{"conflict", http.StatusConflict, "Conflict",
		"Others changed the same thing at the same time. Read it, and try again."}
	stale = kind{"precondition-failed", http.StatusPreconditionFailed, "Precondition failed",
		"`If-Match` does not name the version that is stored. Read it, and try again."}
	tooLarge = kind{"too-large", http.StatusRequestEntityTooLarge, "Too large",
		"The body exceeds the limit of its operation."}
	badMediaType = kind{"unsupported-media-type", http.StatusUnsupportedMediaType, "Unsupported media type",
		"The body is not `application/json`."}
	invalid = kind{"invalid-request", http.StatusUnprocessableEntity, "Invalid request",
		"The request does not match the OpenAPI document; `errors` says where."}
	keyReused = kind{"idempotency-key-reused", http.StatusUnprocessableEntity, "Idempotency key reused",
		"The `Idempotency-Key` was used for another command."}
	badThreshold = kind{"invalid-threshold", http.StatusUnprocessableEntity, "Invalid threshold",
		"The alert rules do not name the threshold, or give it another type."}
	shadowRefused = kind{"shadow-refused", http.StatusUnprocessableEntity, "Shadow refused",
		"AWS IoT does not take the document."}
	throttled = kind{"throttled", http.StatusTooManyRequests, "Too many requests",
		"AWS limits the rate of requests; try again after `Retry-After` seconds."}
	unavailable = kind{"unavailable", http.StatusServiceUnavailable, "Unavailable",
		"A service of AWS did not answer; try again after `Retry-After` seconds."}
	internal = kind{"internal", http.StatusInternalServerError, "Internal error",
		"The API failed. The function's log has the reason, under the request ID."}
)

// kinds lists them for the document, by status.
var kinds = []kind{malformed, badCursor, unknownPath, unknownDevice, unknownCommand, unknownShadow, notEnabled,
	badMethod, commandExpired, conflict, stale, tooLarge, badMediaType, invalid, keyReused, badThreshold, shadowRefused,
	throttled, internal, unavailable}

// Problem is the answer to a request that is refused or fails [RFC 9457].
type Problem struct {
	Type   string    `json:"type" format:"uri" doc:"Tells the kinds of problems apart; it never changes"`
	Title  string    `json:"title" doc:"The kind of problem in words"`
	Status int       `json:"status" doc:"The HTTP status"`
	Detail string    `json:"detail,omitempty" doc:"What happened, and what to do"`
	Errors []Mistake `json:"errors,omitempty" doc:"What is wrong with the request"`

	headers http.Header
}

// Mistake is one thing that is wrong with a request.
type Mistake struct {
	Location string `json:"location,omitempty" doc:"Where it is, such as body.values or query.limit"`
	Message  string `json:"message" doc:"What is wrong"`
}

// Error implements error.
func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header { return p.headers }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// problem returns a problem of a kind.
func (k kind) problem(format string, args ...any) *Problem {
	return &Problem{Type: problemBase + k.name, Title: k.title, Status: k.status, Detail: fmt.Sprintf(format, args...)}
}

// at adds where the request is wrong.
func (p *Problem) at(location, message string) *Problem {
	p.Errors = append(p.Errors, Mistake{Location: location, Message: message})
	return p
}

// retryAfter adds after how many seconds a client should try again.
func (p *Problem) retryAfter(seconds int) *Problem {
	p.headers = http.Header{"Retry-After": {strconv.Itoa(seconds)}}
	return p
}

const (
	retryThrottled   = 2 // seconds
	retryUnavailable = 5
	maxMistakes      = 20
)

// newProblem makes the problems that the OpenAPI library finds. It does not repeat what was sent.
func newProblem(_ huma.Context, status int, message string, errs ...error) huma.StatusError {
	k := internal
	switch status {
	case http.StatusBadRequest:
		k = malformed
	case http.StatusRequestEntityTooLarge:
		k = tooLarge
	case http.StatusUnsupportedMediaType:
		k = badMediaType
	case http.StatusUnprocessableEntity:
		k = invalid
	}
	if k == internal {
		return k.problem("The request could not be handled.")
	}
	p := k.problem("%s.", strings.ToUpper(message[:1])+message[1:])
	for _, err := range errs[:min(len(errs), maxMistakes)] {
		var d huma.ErrorDetailer
		if errors.As(err, &d) {
			detail := d.ErrorDetail()
			p.Errors = append(p.Errors, Mistake{shortened(detail.Location), shortened(detail.Message)})
		}
	}
	return p
}

// shortened bounds what a problem repeats of a request, such as the name of an unknown member.
func shortened(text string) string {
	const most = 256
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// failed returns the problem for a failed call of AWS, and logs the failure. doing says what was done, for the log.
func (s *service) failed(ctx context.Context, err error, doing string) *Problem {
	var known *Problem
	if errors.As(err, &known) {
		return known
	}
	var api smithy.APIError
	code := ""
	if errors.As(err, &api) {
		code = api.ErrorCode()
	}
	s.log.ErrorContext(ctx, "a call of AWS failed", "doing", doing, "code", code, "error", err.Error())
	switch {
	case isThrottle(err):
		return throttled.problem("AWS limits the rate of requests.").retryAfter(retryThrottled)
	case isRefusal(err):
		return internal.problem("AWS refused a request of the API.")
	}
	return unavailable.problem("A service of AWS did not answer.").retryAfter(retryUnavailable)
}

// isThrottle reports whether AWS asked for fewer requests.
func isThrottle(err error) bool {
	checks := retry.IsErrorThrottles(retry.DefaultThrottles)
	return checks.IsErrorThrottle(err).Bool()
}

// isRefusal reports whether AWS understood a request and refused it, so that repeating it is of no use.
func isRefusal(err error) bool {
	var api smithy.APIError
	var answer interface{ HTTPStatusCode() int }
	return errors.As(err, &api) && errors.As(err, &answer) && answer.HTTPStatusCode() < http.StatusInternalServerError
}
