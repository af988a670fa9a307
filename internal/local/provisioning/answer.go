package provisioning

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

// A rejection is the answer to a request that fails. [AWS 4 RegisterThing payload]
//
// Users have seen the codes InvalidParameters and InvalidCertificateOwnershipToken at AWS; AccessDenied is the
// documented ACCESS_DENIED in the same spelling; AWS does not document the others.
type rejection struct {
	Status  int    `json:"statusCode"`
	Code    string `json:"errorCode"`
	Message string `json:"errorMessage"`
	// reason is for the log only; the device must not see it.
	reason error
}

// Error is the message for the log.
func (r *rejection) Error() string {
	if r.reason != nil {
		return r.reason.Error()
	}
	return r.Message
}

// Unwrap returns the cause.
func (r *rejection) Unwrap() error { return r.reason }

func badPayload(format string, args ...any) error {
	return &rejection{Status: http.StatusBadRequest, Code: "InvalidPayload", Message: fmt.Sprintf(format, args...)}
}

func badToken(format string, args ...any) error {
	return &rejection{
		Status:  http.StatusBadRequest,
		Code:    "InvalidCertificateOwnershipToken",
		Message: "The certificate ownership token is not valid.",
		reason:  fmt.Errorf(format, args...),
	}
}

func badParameters(err error) error {
	return &rejection{Status: http.StatusBadRequest, Code: "InvalidParameters", Message: err.Error()}
}

func badTemplate(name string, err error) error {
	return &rejection{
		Status:  http.StatusBadRequest,
		Code:    "InvalidTemplate",
		Message: "The provisioning template cannot be used.",
		reason:  fmt.Errorf("provisioning template %q: %w", name, err),
	}
}

// denied hides the hook's reason from the device, as AWS does. [AWS 4 Pre-provisioning hook]
func denied(format string, args ...any) error {
	return &rejection{
		Status:  http.StatusForbidden,
		Code:    "AccessDenied",
		Message: "Access denied.",
		reason:  fmt.Errorf(format, args...),
	}
}

// conflict is AWS's ResourceConflictsException: the thing exists, and the template does not allow changing it.
func conflict(format string, args ...any) error {
	return &rejection{Status: http.StatusConflict, Code: "ResourceConflicts", Message: fmt.Sprintf(format, args...)}
}

// failed rejects a request because a call to AWS IoT failed. The device learns only the step and AWS's code.
func failed(doing string, err error) *rejection {
	r := &rejection{
		Status:  http.StatusInternalServerError,
		Code:    "InternalFailure",
		Message: "The request could not be finished.",
		reason:  fmt.Errorf("%s: %w", doing, err),
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return r
	}
	switch code := api.ErrorCode(); {
	case strings.HasPrefix(code, "Throttling"):
		r.Status, r.Code, r.Message = http.StatusTooManyRequests, "Throttling", "Rate exceeded."
	case api.ErrorFault() != smithy.FaultServer:
		r.Status, r.Code, r.Message = http.StatusBadRequest, "ResourceRegistrationFailure", doing+": "+code
	}
	return r
}

// serve answers one request.
func (s *Service) serve(ctx context.Context, r request) {
	began := time.Now()
	var answer any
	var err error
	e := runlog.Event{Thing: r.ClientID, Topic: r.Topic, Action: "certificate"}
	switch r.Operation {
	case topic.CreateKeys:
		answer, e.Target, err = s.createKeys(ctx, r)
	case topic.CreateFromCSR:
		answer, e.Target, err = s.createFromCSR(ctx, r)
	case topic.Provision:
		e.Action = "provision"
		answer, e.Target, err = s.provision(ctx, r)
	}
	e.Duration = time.Since(began)
	s.log(e, err)
	suffix := "/accepted"
	if err != nil {
		suffix = "/rejected"
		var why *rejection
		if !errors.As(err, &why) {
			why = failed(e.Action, err)
		}
		answer = why
	}
	payload, err := json.Marshal(answer)
	if err == nil {
		err = s.options.Reply(r.Session, message.New(r.Topic+suffix, payload))
	}
	if err != nil {
		s.options.Events.Send(
			runlog.Event{Kind: runlog.Failed, Thing: r.ClientID, Action: e.Action, Error: err.Error()},
		)
	}
}

// log records the outcome of a request: a certificate was created, a device was admitted or refused, or a call failed.
func (s *Service) log(e runlog.Event, err error) {
	e.Kind = runlog.Acted
	if e.Action == "provision" {
		e.Kind = runlog.Admitted
	}
	var why *rejection
	switch {
	case errors.As(err, &why) && why.Status < http.StatusInternalServerError:
		e.Kind, e.Detail = runlog.Refused, why.Code+": "+why.Error()
	case err != nil:
		e.Kind, e.Error = runlog.Failed, err.Error()
	}
	s.options.Events.Send(e)
}

// read decodes a request. An empty payload counts as an empty object, as for CreateKeysAndCertificate.
func read(payload []byte, into any) error {
	if len(payload) == 0 {
		return nil
	}
	if err := json.Unmarshal(payload, into); err != nil {
		return badPayload("The payload is not a JSON object of this request.")
	}
	return nil
}
