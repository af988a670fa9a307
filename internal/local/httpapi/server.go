// Package httpapi plays an HTTP API of API Gateway: it turns a request into the event of payload format 2.0, calls the
// function of the route, and turns its answer into the response. It verifies tokens; it does not evaluate signatures of
// IAM.
//
// It knows API Gateway's configuration, but neither the pipeline nor how functions run.
package httpapi

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"golang.org/x/time/rate"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// Limits of API Gateway and, for events, of Lambda.
const (
	maxBody   = 10 << 20
	maxEvent  = 6 << 20
	maxHeader = 10 << 10
)

// Options configure a server.
type Options struct {
	// Address is where it listens, as host:port; port 0 lets the kernel choose.
	Address string
	// Hosts are the names of this machine by which clients may call it, besides localhost and addresses.
	Hosts []string
	// Caller is who calls a route with the authorization AWS_IAM, whoever signed.
	Caller events.APIGatewayV2HTTPRequestContextAuthorizerIAMDescription
	// Client asks issuers for their keys.
	Client *http.Client
	// Invoke runs a function and returns its answer.
	Invoke func(ctx context.Context, functionARN string, payload []byte) ([]byte, error)
	Events runlog.Sink
}

// A Server answers requests until it is closed.
type Server struct {
	options  Options
	listener net.Listener
	server   *http.Server
	tokens   *tokens
	ctx      context.Context // of what outlives a request
	cancel   context.CancelFunc

	mu     sync.Mutex
	mounts map[string]*mount // by the first segment of the path; "" has all paths
}

// mount is an API and what limits its routes.
type mount struct {
	api      *API
	limiters map[string]*rate.Limiter // by the route's key
}

// Start starts a server without an API: every path is unknown.
func Start(o Options) (*Server, error) {
	listener, err := net.Listen("tcp", o.Address)
	if err != nil {
		return nil, fmt.Errorf("listening for HTTP: %w", err)
	}
	s := &Server{options: o, listener: listener}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.tokens = newTokens(s.ctx, cmp.Or(o.Client, http.DefaultClient))
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: maxHeader}
	go s.server.Serve(listener) // until it is closed
	return s, nil
}

// Address is where it listens, as host:port.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Loopback reports whether only programs of this machine can call it.
func (s *Server) Loopback() bool {
	address, ok := s.listener.Addr().(*net.TCPAddr)
	return ok && address.IP.IsLoopback()
}

// Set replaces what is served by one API, which has all paths; nil takes it away. A route whose limits stay keeps what
// it has counted.
func (s *Server) Set(api *API) {
	if api == nil {
		s.SetAll(nil)
		return
	}
	s.SetAll(map[string]*API{"": api})
}

// SetAll replaces what is served by several APIs. Each has the paths below its name, as with the API mappings of a
// custom domain; but its function does not see the name.
func (s *Server) SetAll(apis map[string]*API) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mounts := make(map[string]*mount, len(apis))
	for name, api := range apis {
		mounts[name] = s.mounts[name].replace(api)
	}
	s.mounts = mounts
}

// replace keeps what the routes of m, which may be nil, have counted.
func (m *mount) replace(api *API) *mount {
	limiters := map[string]*rate.Limiter{}
	for _, r := range api.Routes {
		var before *rate.Limiter
		if m != nil {
			before = m.limiters[r.Key]
		}
		switch {
		case r.Rate <= 0:
		case before != nil && before.Limit() == rate.Limit(r.Rate) && before.Burst() == r.Burst:
			limiters[r.Key] = before
		default:
			limiters[r.Key] = rate.NewLimiter(rate.Limit(r.Rate), r.Burst)
		}
	}
	return &mount{api, limiters}
}

// Close refuses new requests, and drops those in progress when the context ends.
func (s *Server) Close(ctx context.Context) {
	if s.server.Shutdown(ctx) != nil {
		s.server.Close()
	}
	s.cancel()
}

// find returns the API of a path, and the path within it; nil if there is none.
func (s *Server) find(path string) (*mount, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.mounts[""]; m != nil {
		return m, path
	}
	name, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return s.mounts[name], "/" + rest
}

// ServeHTTP does what API Gateway does, in its order: CORS, route, limit, authorization, function.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{id: strings.ToLower(rand.Text()), path: decodedPath(r.URL), at: time.Now()}
	w.Header().Set("Apigw-Requestid", c.id)
	if !operator(r) && !s.knows(r.Host) {
		s.refuse(w, r, http.StatusForbidden, "the request is for the host "+r.Host+
			"; if that is this machine, name it with --host")
		return
	}
	m, path := s.find(c.path)
	if m == nil {
		s.refuse(w, r, http.StatusNotFound, "there is no HTTP API")
		return
	}
	c.api, c.path = m.api, path
	origin := r.Header.Get("Origin")
	if c.api.CORS != nil {
		if r.Method == http.MethodOptions && origin != "" && r.Header.Get("Access-Control-Request-Method") != "" {
			c.api.CORS.preflight(w, origin)
			return
		}
		c.api.CORS.headers(w.Header(), origin)
	}
	if c.route, c.in = c.api.match(r.Method, c.path); c.route == nil {
		s.refuse(w, r, http.StatusNotFound, "the API has no such route")
		return
	}
	if limiter := m.limiters[c.route.Key]; limiter != nil && !limiter.Allow() {
		s.refuse(w, r, http.StatusTooManyRequests, fmt.Sprintf("more than %v requests a second, or %d at once",
			c.route.Rate, c.route.Burst))
		return
	}
	if !s.authorize(w, r, c) {
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if errors.As(err, new(*http.MaxBytesError)) {
		s.refuse(w, r, http.StatusRequestEntityTooLarge, "the body exceeds 10 MB")
		return
	}
	if err != nil {
		return // the client has gone
	}
	c.body = body
	s.forward(w, r, c)
}

// knows reports whether a request is for this server. A page whose host name an attacker points at this machine (DNS
// rebinding) says that name; nobody can do so with an address.
func (s *Server) knows(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	return name == "localhost" || net.ParseIP(name) != nil ||
		slices.ContainsFunc(s.options.Hosts, func(own string) bool { return strings.EqualFold(own, name) })
}

// authorize finds out who calls. It refuses the request itself.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request, c *call) bool {
	if operator(r) {
		caller := s.options.Caller
		c.who = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{IAM: &caller}
		return true
	}
	switch c.route.Authorization {
	case IAM:
		// On AWS a page cannot call such a route without keys. Here nobody checks the signature, so a page of a foreign
		// origin must not get further.
		foreign := r.Header.Get("Sec-Fetch-Site") == "cross-site"
		if origin := r.Header.Get("Origin"); origin != "" {
			foreign = !c.api.CORS.allows(origin)
		}
		if foreign {
			s.refuse(w, r, http.StatusForbidden, "it comes from a page of an origin that cors_origins does not name")
			return false
		}
		caller := s.options.Caller
		c.who = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{IAM: &caller}
	case JWT:
		token, refused := s.tokens.verify(r.Context(), r.Header.Get("Authorization"), c.route)
		if refused != nil {
			w.Header().Set("WWW-Authenticate", refused.header(c.route.Scopes))
			s.refuse(w, r, refused.status, refused.description)
			return false
		}
		c.who = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{JWT: token}
	}
	return true
}

// operatorKey marks the context of a request of whoever runs the pipeline.
type operatorKey struct{}

func operator(r *http.Request) bool { return r.Context().Value(operatorKey{}) != nil }

// Operator serves requests of whoever runs the pipeline, as the account's own user. The caller has found out that they
// are.
func (s *Server) Operator() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), operatorKey{}, true)))
	})
}

// forward calls the function. As on AWS, it runs to its end even if the client has gone or the time is over.
func (s *Server) forward(w http.ResponseWriter, r *http.Request, c *call) {
	event, err := c.event(r)
	if err == nil && len(event) > maxEvent {
		s.refuse(w, r, http.StatusRequestEntityTooLarge, "the event exceeds the 6 MB that a function takes")
		return
	}
	if err != nil {
		s.fail(w, r, http.StatusInternalServerError, err)
		return
	}
	type result struct {
		payload []byte
		err     error
	}
	done := make(chan result, 1)
	go func() {
		payload, err := s.options.Invoke(s.ctx, c.route.FunctionARN, event)
		done <- result{payload, err}
	}()
	timer := time.NewTimer(c.route.Timeout)
	defer timer.Stop()
	select {
	case <-timer.C:
		s.fail(w, r, http.StatusServiceUnavailable, fmt.Errorf("no answer within %v", c.route.Timeout))
	case <-r.Context().Done():
	case got := <-done:
		a, err := (*answer)(nil), got.err
		if err == nil {
			a, err = parseAnswer(got.payload)
		}
		if err != nil {
			s.fail(w, r, http.StatusInternalServerError, err)
			return
		}
		a.write(w, c.api.CORS)
		s.options.Events.Send(runlog.Event{Kind: runlog.Invoked, Action: c.route.FunctionARN[strings.LastIndexByte(
			c.route.FunctionARN, ':')+1:], Target: fmt.Sprintf("%s %s: %d", r.Method, c.path, a.status),
			Duration: time.Since(c.at)})
	}
}

// refuse answers in the function's place, and logs why.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, status int, why string) {
	s.options.Events.Send(runlog.Event{Kind: runlog.Refused,
		Action: fmt.Sprintf("%s %s", r.Method, r.URL.Path), Detail: fmt.Sprintf("%d: %s", status, why)})
	message(w, status)
}

// fail answers for a function that failed.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, status int, err error) {
	s.options.Events.Send(runlog.Event{Kind: runlog.Failed,
		Action: fmt.Sprintf("%s %s", r.Method, r.URL.Path), Error: err.Error()})
	message(w, status)
}

// message writes what API Gateway says.
func message(w http.ResponseWriter, status int) {
	text := http.StatusText(status)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"message": text})
}
