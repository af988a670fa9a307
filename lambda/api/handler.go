package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/akrylysov/algnhsa"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/awsenv"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/lambdalog"
)

const (
	// attempts is how often a call of AWS is tried. A client of the API can try again itself, and knows how long it
	// wants to wait.
	attempts = 3
	// answerTimeout is how long one try waits for its answer.
	answerTimeout = 3 * time.Second
	// requestTimeout ends the calls of one request well before the gateway stops waiting, after 30 s.
	requestTimeout = 15 * time.Second
)

// handler handles invocations one at a time, as Lambda sends them to a process.
type handler struct {
	adapter lambda.Handler
	service *service
}

// newHandler does the work of a cold start: it reads the environment, creates the clients and builds the API.
func newHandler(getenv func(string) string, out io.Writer) (*handler, error) {
	s, err := newService(getenv, out)
	if err != nil {
		return nil, err
	}
	adapter := algnhsa.New(s, &algnhsa.Options{RequestType: algnhsa.RequestTypeAPIGatewayV2})
	return &handler{adapter: adapter, service: s}, nil
}

// newService creates the API, which is an http.Handler.
func newService(getenv func(string) string, out io.Writer) (*service, error) {
	c, err := loadConfig(getenv)
	if err != nil {
		return nil, err
	}
	cfg, err := awsenv.Load(getenv, func(t *http.Transport) { t.ResponseHeaderTimeout = answerTimeout })
	if err != nil {
		return nil, err
	}
	patient := cfg.Retryer
	cfg.Retryer = func() aws.Retryer { return retry.AddWithMaxAttempts(patient(), attempts) }
	s := &service{config: c, level: getenv("AWS_LAMBDA_LOG_LEVEL"), out: out, now: time.Now}
	s.log = lambdalog.New(out, s.level)
	s.db = dynamodb.NewFromConfig(cfg)
	s.connect = func() { awsenv.ConnectTables(cfg, s.db) }
	s.registry = iot.NewFromConfig(cfg)
	s.monitoring = cloudwatch.NewFromConfig(cfg)
	s.data = iotdataplane.NewFromConfig(cfg, func(o *iotdataplane.Options) {
		if c.dataEndpoint != "" {
			o.BaseEndpoint = aws.String(c.dataEndpoint)
		}
	})
	s.build()
	return s, nil
}

// Invoke handles one request in the gateway's payload format 2.0.
func (h *handler) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	answer, err := h.adapter.Invoke(ctx, event)
	if err == nil {
		return answer, nil
	}
	h.service.log.WarnContext(ctx, "an event cannot be read as a request", "error", err.Error())
	body, err := json.Marshal(malformed.problem("The request's path cannot be decoded."))
	if err != nil {
		return nil, fmt.Errorf("writing a problem: %w", err)
	}
	return json.Marshal(events.APIGatewayV2HTTPResponse{
		StatusCode: malformed.status, Body: string(body),
		Headers: map[string]string{"Content-Type": "application/problem+json", "Cache-Control": noStore},
	})
}

// caller returns who makes a request: the ARN of the identity that signed it, or the subject of its token. It trusts
// only the context that the gateway made after it had checked the signature or the token.
func caller(ctx context.Context) string {
	event, ok := algnhsa.APIGatewayV2RequestFromContext(ctx)
	if !ok || event.RequestContext.Authorizer == nil {
		return ""
	}
	a := event.RequestContext.Authorizer
	switch {
	case a.IAM != nil && a.IAM.UserARN != "":
		return a.IAM.UserARN
	case a.JWT != nil && a.JWT.Claims["sub"] != "":
		return a.JWT.Claims["sub"]
	case a.JWT != nil && a.JWT.Claims["client_id"] != "":
		return a.JWT.Claims["client_id"] // of an application without a user
	}
	return ""
}

// answer is the writer of an answer that remembers its status.
type answer struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *answer) Write(body []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(body)
}

// logged is what a request's log line has.
func logged(route, caller string, status int, took time.Duration) []slog.Attr {
	return []slog.Attr{slog.String("route", route), slog.String("caller", caller), slog.Int("status", status),
		slog.Int64("ms", took.Milliseconds())}
}
