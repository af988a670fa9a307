package provisioning

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/event"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

// A rejection is why a device does not get what it asked for, in the shape in which it is told. [AWS 4 RegisterThing payload]
//
// The codes InvalidParameters and InvalidCertificateOwnershipToken are AWS's own, as users have shown them; AccessDenied is the
// documented ACCESS_DENIED in the same spelling; AWS does not document the others.
type rejection struct {
	Status  int    `json:"statusCode"`
	Code    string `json:"errorCode"`
	Message string `json:"errorMessage"`
	// reason is more than a device should know: for the log.
	reason error
}

// Error is the message for the log.
func (r *rejection) Error() string {
	if r.reason != nil {
		return r.reason.Error()
	}
	return r.Message
}

// Unwrap gives the cause.
func (r *rejection) Unwrap() error { return r.reason }

func badPayload(format string, args ...any) error {
	return &rejection{Status: http.StatusBadRequest, Code: "InvalidPayload", Message: fmt.Sprintf(format, args...)}
}

func badToken(format string, args ...any) error {
	return &rejection{Status: http.StatusBadRequest, Code: "InvalidCertificateOwnershipToken", Message: "The certificate ownership token is not valid.", reason: fmt.Errorf(format, args...)}
}

func badParameters(err error) error {
	return &rejection{Status: http.StatusBadRequest, Code: "InvalidParameters", Message: err.Error()}
}

func badTemplate(name string, err error) error {
	return &rejection{Status: http.StatusBadRequest, Code: "InvalidTemplate", Message: "The provisioning template cannot be used.", reason: fmt.Errorf("provisioning template %q: %w", name, err)}
}

// denied hides from the device why the hook refuses it, as AWS does. [AWS 4 Pre-provisioning hook]
func denied(format string, args ...any) error {
	return &rejection{Status: http.StatusForbidden, Code: "AccessDenied", Message: "Access denied.", reason: fmt.Errorf(format, args...)}
}

// conflict is AWS's ResourceConflictsException, of a thing that exists and that the template does not let be changed.
func conflict(format string, args ...any) error {
	return &rejection{Status: http.StatusConflict, Code: "ResourceConflicts", Message: fmt.Sprintf(format, args...)}
}

// failed is the rejection for a call to AWS IoT that went wrong: the device learns which step and AWS's code, no more.
func failed(doing string, err error) *rejection {
	r := &rejection{Status: http.StatusInternalServerError, Code: "InternalFailure", Message: "The request could not be finished.", reason: fmt.Errorf("%s: %w", doing, err)}
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
func (s *Service) serve(r request) {
	began := time.Now()
	var answer any
	var err error
	e := event.Event{Thing: r.ClientID, Topic: r.Topic, Action: "certificate"}
	switch r.Operation {
	case topic.CreateKeys:
		answer, e.Target, err = s.createKeys(r)
	case topic.CreateFromCSR:
		answer, e.Target, err = s.createFromCSR(r)
	case topic.Provision:
		e.Action = "provision"
		answer, e.Target, err = s.provision(r)
	}
	e.Duration = time.Since(began)
	s.tell(e, err)
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
		err = s.options.Reply(r.Session, message.Message{Topic: r.Topic + suffix, Payload: payload})
	}
	if err != nil {
		s.options.Events.Send(event.Event{Kind: event.Failed, Thing: r.ClientID, Action: e.Action, Error: err.Error()})
	}
}

// tell notes what became of a request: a certificate was made, a device was admitted or refused, or something failed here.
func (s *Service) tell(e event.Event, err error) {
	e.Kind = event.Acted
	if e.Action == "provision" {
		e.Kind = event.Admitted
	}
	var why *rejection
	switch {
	case errors.As(err, &why) && why.Status < http.StatusInternalServerError:
		e.Kind, e.Detail = event.Refused, why.Code+": "+why.Error()
	case err != nil:
		e.Kind, e.Error = event.Failed, err.Error()
	}
	s.options.Events.Send(e)
}

// read takes a request's payload apart. An empty one is an empty object, as CreateKeysAndCertificate has it.
func read(payload []byte, into any) error {
	if len(payload) == 0 {
		return nil
	}
	if err := json.Unmarshal(payload, into); err != nil {
		return badPayload("The payload is not the JSON object that this request takes.")
	}
	return nil
}
