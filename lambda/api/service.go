package api

import (
	"context"
	_ "embed"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"github.com/akrylysov/algnhsa"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/emf"
)

// noStore keeps answers out of caches: they are about devices, and for one caller.
const noStore = "no-store"

// service is the API.
type service struct {
	config
	db         *dynamodb.Client
	registry   *iot.Client
	data       *iotdataplane.Client
	monitoring *cloudwatch.Client
	mux        *http.ServeMux
	counted    counted
	log        *slog.Logger
	level      string
	out        io.Writer // metrics
	now        func() time.Time
	connect    func() // opens a connection to DynamoDB
}

// ServeHTTP answers a request, whatever happens, and logs and counts it.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := s.now()
	a := &answer{ResponseWriter: w}
	a.Header().Set("Cache-Control", noStore)
	a.Header().Set("X-Content-Type-Options", "nosniff")
	who := caller(r.Context())
	route := s.dispatch(a, r, who)
	s.count(r.Context(), logged(route, who, a.status, s.now().Sub(start)), a.status, s.now().Sub(start))
}

// dispatch hands a request to its operation, and returns the operation's route.
func (s *service) dispatch(w *answer, r *http.Request, who string) (route string) {
	ctx := r.Context()
	defer func() {
		if value := recover(); value != nil {
			s.log.ErrorContext(ctx, "panic", "value", value, "stack", string(debug.Stack()))
			if w.status == 0 {
				write(w, internal.problem("The request could not be handled."))
			}
		}
	}()
	if who == "" {
		s.log.ErrorContext(ctx, "the request has no authorizer in its context; only the pipeline's API may invoke "+
			"this function")
		write(w, internal.problem("The request could not be handled."))
		return ""
	}
	event, fromGateway := algnhsa.APIGatewayV2RequestFromContext(ctx)
	raw := r.URL.EscapedPath()
	if fromGateway {
		raw = event.RawPath
	}
	// A slash that was encoded, and dots, must not lead to another operation than the one that the gateway allowed.
	plainPath := strings.Count(raw, "/") == strings.Count(r.URL.Path, "/") && path.Clean(r.URL.Path) == r.URL.Path
	if plainPath {
		_, route = s.mux.Handler(r)
	}
	switch {
	case route != "" && fromGateway && event.RouteKey != route:
		s.log.WarnContext(ctx, "the gateway's route is another one", "gateway", event.RouteKey, "route", route)
		write(w, unknownPath.problem("There is no such path."))
	case route != "":
		s.mux.ServeHTTP(w, r)
	case plainPath && len(s.methods(r)) > 0:
		w.Header().Set("Allow", strings.Join(s.methods(r), ", "))
		write(w, badMethod.problem("The path has the methods %s.", strings.Join(s.methods(r), ", ")))
	default:
		write(w, unknownPath.problem("There is no such path."))
	}
	return route
}

// methods returns the methods that a request's path has.
func (s *service) methods(r *http.Request) []string {
	var found []string
	for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodPatch, http.MethodPost,
		http.MethodPut} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, route := s.mux.Handler(other); route != "" {
			found = append(found, method)
		}
	}
	return found
}

func write(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller may have gone
}

// count logs a request and counts it.
func (s *service) count(ctx context.Context, line []slog.Attr, status int, took time.Duration) {
	metrics := emf.New(s.pipeline, "api", s.level)
	metrics.Count("Requests", 1)
	client, server := 0, 0
	level := slog.LevelInfo
	switch {
	case status >= http.StatusInternalServerError:
		server, level = 1, slog.LevelError
	case status >= http.StatusBadRequest:
		client = 1
	}
	metrics.Count("ClientErrors", client)
	metrics.Count("ServerErrors", server)
	metrics.Millis("Latency", []int64{took.Milliseconds()})
	s.log.LogAttrs(ctx, level, "request", line...)
	if _, err := metrics.WriteTo(s.out); err != nil {
		s.log.ErrorContext(ctx, "printing metrics", "error", err.Error())
	}
}
