// Package dataplane is the local AWS IoT data plane over HTTP: it publishes to the local broker, tells devices of
// changed shadows, and forwards every other request to the endpoint. Hosted functions use it instead of AWS's.
package dataplane

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/loopback"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

// maxPayload is the largest message in bytes. [AWS 1.3]
const maxPayload = 128 << 10

// A Server listens on a free port of the loopback interface.
type Server struct {
	// URL is its base address; see package loopback.
	URL string

	server *loopback.Server
}

// Options say where requests go.
type Options struct {
	// Publish publishes to the local broker.
	Publish func(message.Message) error
	// Update changes the shadow of a thing; without a name, the classic one.
	Update func(ctx context.Context, thing, name string, payload []byte) ([]byte, error)
	// Invoke queues an asynchronous invocation of a function, by its name.
	Invoke func(ctx context.Context, function string, payload []byte) error
	// Call runs a function and returns what it answers, and whether it failed. The error is about a function that
	// does not run here.
	Call func(ctx context.Context, function string, payload []byte) (answer []byte, failed bool, err error)
	// Endpoint gets all other requests; with "" they fail.
	Endpoint string
}

// Start starts a server.
func Start(o Options) (*Server, error) {
	publish, endpoint := o.Publish, o.Endpoint
	mux := http.NewServeMux()
	mux.HandleFunc("POST /things/{thing}/shadow", func(w http.ResponseWriter, r *http.Request) { o.serveUpdate(w, r) })
	mux.HandleFunc("POST /topics/", func(w http.ResponseWriter, r *http.Request) { servePublish(w, r, publish) })
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations",
		func(w http.ResponseWriter, r *http.Request) { o.serveInvoke(w, r) })
	if endpoint != "" {
		target, err := url.Parse(endpoint)
		if err != nil {
			return nil, fmt.Errorf("starting the local IoT data plane: endpoint %q: %w", endpoint, err)
		}
		mux.Handle("/", &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }})
	}
	server, err := loopback.Serve(mux)
	if err != nil {
		return nil, fmt.Errorf("starting the local IoT data plane: %w", err)
	}
	return &Server{URL: server.URL(), server: server}, nil
}

// Close stops listening and finishes the requests in progress.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	s.server.Shutdown(ctx)
}

// servePublish serves the Publish operation, with the topic in the path and options in the query.
func servePublish(w http.ResponseWriter, r *http.Request, publish func(message.Message) error) {
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayload))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", "the payload exceeds 128 KB")
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/topics/")
	if err := topic.ValidateName(name); err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequestException", err.Error())
		return
	}
	q := r.URL.Query()
	m := message.New(name, payload)
	m.Retain = q.Get("retain") == "true"
	if q.Get("qos") == "1" {
		m.QoS = 1
	}
	if m.MQTT5, err = publishProperties(q, r.Header); err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequestException", err.Error())
		return
	}
	if err := publish(m); err != nil {
		refuse(w, http.StatusInternalServerError, "InternalFailureException", err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, "{}")
}

// publishProperties are the MQTT 5 properties of a message, nil if the request has none.
func publishProperties(q url.Values, h http.Header) (*message.Properties, error) {
	encoded, format := h.Get("x-amz-mqtt5-correlation-data"), h.Get("x-amz-mqtt5-payload-format-indicator")
	if !q.Has("contentType") && !q.Has("responseTopic") && !q.Has("messageExpiry") && encoded == "" && format == "" {
		return nil, nil
	}
	expiry, _ := strconv.ParseUint(q.Get("messageExpiry"), 10, 32) // none is 0
	p := &message.Properties{UTF8: format == "UTF8_DATA", ContentType: q.Get("contentType"),
		ResponseTopic: q.Get("responseTopic"), ExpirySeconds: uint32(expiry)}
	if encoded == "" {
		return p, nil
	}
	var err error
	if p.CorrelationData, err = base64.StdEncoding.DecodeString(encoded); err != nil {
		return nil, errors.New("the correlation data is not Base64")
	}
	return p, nil
}

// serveUpdate serves UpdateThingShadow, with the shadow's name in the query.
func (o Options) serveUpdate(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayload))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", "the document exceeds its limit")
		return
	}
	answer, err := o.Update(r.Context(), r.PathValue("thing"), r.URL.Query().Get("name"), payload)
	var coded interface{ HTTPStatusCode() int }
	var api smithy.APIError
	status, code, text := http.StatusInternalServerError, "InternalFailureException", ""
	switch {
	case err == nil:
		w.Header().Set("Content-Type", "application/json")
		w.Write(answer)
		return
	case errors.As(err, &coded):
		status = coded.HTTPStatusCode()
	}
	if text = err.Error(); errors.As(err, &api) {
		code, text = api.ErrorCode(), api.ErrorMessage()
	} else if status < http.StatusInternalServerError {
		code = "InvalidRequestException"
	}
	refuse(w, status, code, text)
}

// The largest events in bytes, of an asynchronous invocation and of one that is waited for. [AWS 8]
const (
	maxEvent = 256 << 10
	maxCall  = 6 << 20
)

// serveInvoke serves Lambda's Invoke.
func (o Options) serveInvoke(w http.ResponseWriter, r *http.Request) {
	kind, limit := r.Header.Get("X-Amz-Invocation-Type"), int64(maxEvent)
	switch kind {
	case "Event":
	case "", "RequestResponse":
		limit = maxCall
	default:
		refuse(w, http.StatusBadRequest, "InvalidParameterValueException", "iot-local knows no invocation "+kind)
		return
	}
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException",
			fmt.Sprintf("the event exceeds %d bytes", limit))
		return
	}
	if limit == maxCall {
		o.serveCall(w, r, payload)
		return
	}
	if err := o.Invoke(r.Context(), r.PathValue("name"), payload); err != nil {
		refuse(w, http.StatusNotFound, "ResourceNotFoundException", err.Error())
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// serveCall answers what the function answers.
func (o Options) serveCall(w http.ResponseWriter, r *http.Request, payload []byte) {
	answer, failed, err := o.Call(r.Context(), r.PathValue("name"), payload)
	if err != nil {
		refuse(w, http.StatusNotFound, "ResourceNotFoundException", err.Error())
		return
	}
	if failed {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(answer)
}

func refuse(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-ErrorType", code)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"message": text})
}
