// Package iotstub plays the part of AWS that a fleet of devices uses: the IoT
// registry, its certificates, Parameter Store and Secrets Manager, in memory,
// with a latency, with request quotas, and with failures on demand.
//
// It exists because moto is too slow for thousands of devices, pages some lists
// only, never throttles and never loses an answer. The shapes and texts are
// those of the reference [AWS 1.1 to 1.4]; whatever it does not serve goes to
// Options.Next. It is for tests and benchmarks and knows nothing of fleets.
package iotstub

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Account and Region are what the stub's ARNs hold.
const (
	Account = "123456789012"
	Region  = "us-east-1"
)

// Options say how the stub behaves.
type Options struct {
	// Latency is the time before each answer.
	Latency time.Duration
	// Rates are requests per second by "service:Operation", with one second's worth in a bucket; what is beyond is
	// answered with ThrottlingException. "service:*" is for all operations of a service that are not named; else
	// those are not limited.
	Rates map[string]float64
	// Fault, when set, is asked before each request is served; calls do not overlap.
	Fault func(operation string, r *http.Request) Fault
	// DetachLag is how many deletions are refused after a detachment because it is not seen yet.
	DetachLag int
	// Next serves what the stub does not; nil answers 404.
	Next http.Handler
}

// Fault is what goes wrong with a request; the zero Fault is nothing.
type Fault struct {
	// Code, when set, is the error code answered in place of serving the request.
	Code, Message string
	Status        int // 400 when zero
	// Lost serves the request and drops the connection in place of the answer.
	Lost bool
}

// Server is the stub. It is an http.Handler for httptest.
type Server struct {
	options Options
	mux     *http.ServeMux
	signer  *signer

	mu       sync.Mutex
	limiters map[string]*rate.Limiter
	requests map[string]int
	refused  int

	things       map[string]*thing
	thingTypes   map[string]bool
	certificates map[string]*certificate
	order        []*certificate // by creation; deleted ones stay, marked
	groups       map[string]map[string]bool
	parameters   map[string]*entry
	secrets      map[string]*entry
}

// New makes an empty stub.
func New(o Options) *Server {
	s := &Server{
		options: o, mux: http.NewServeMux(), signer: newSigner(),
		limiters: map[string]*rate.Limiter{}, requests: map[string]int{},
		things: map[string]*thing{}, thingTypes: map[string]bool{}, certificates: map[string]*certificate{},
		groups:     map[string]map[string]bool{},
		parameters: map[string]*entry{}, secrets: map[string]*entry{},
	}
	s.routeThings()
	s.routeCertificates()
	s.routeStores()
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if o.Next == nil {
			fail{code: "UnknownOperationException", status: http.StatusNotFound}.write(w)
			return
		}
		o.Next.ServeHTTP(w, r)
	})
	return s
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Requests counts the requests received by "service:Operation", refused ones included.
func (s *Server) Requests() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := make(map[string]int, len(s.requests))
	for operation, n := range s.requests {
		counts[operation] = n
	}
	return counts
}

// Refused counts the requests that were over a rate.
func (s *Server) Refused() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// Size counts what there is.
func (s *Server) Size() (things, certificates, bundles int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.things), len(s.certificates), len(s.parameters) + len(s.secrets)
}

// Certificate is a certificate as tests look at it.
type Certificate struct {
	ID       string
	PEM      string
	Active   bool
	Things   []string
	Policies []string
}

// Certificates gives all certificates in order of creation.
func (s *Server) Certificates() []Certificate {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Certificate
	for _, c := range s.order {
		if !c.deleted {
			all = append(all, Certificate{
				ID:       c.id,
				PEM:      c.pem,
				Active:   c.status == active,
				Things:   slices.Clone(c.things),
				Policies: slices.Clone(c.policies),
			})
		}
	}
	return all
}

// AddCertificates adds n INACTIVE certificates without an owner, newer than all others. Their texts are not
// certificates.
func (s *Server) AddCertificates(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		c := &certificate{id: fmt.Sprintf("%064x", len(s.order)), status: inactive, created: time.Now()}
		s.certificates[c.id] = c
		s.order = append(s.order, c)
	}
}

// fail is an error answer.
type fail struct {
	code, message string
	status        int
}

func (f fail) write(w http.ResponseWriter) {
	if f.status == 0 {
		f.status = http.StatusBadRequest
	}
	w.Header().Set("X-Amzn-ErrorType", f.code)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.status)
	_ = json.NewEncoder(w).
		Encode(map[string]string{"__type": f.code, "message": f.message})
	// the client is gone otherwise
}

// operation serves one request with the lock held and gives the answer or a failure.
type operation func(r *http.Request, body []byte) (any, *fail)

// serve puts latency, quotas and faults around an operation.
func (s *Server) serve(name string, do operation) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		select {
		case <-time.After(s.options.Latency):
		case <-r.Context().Done():
			return
		}
		s.mu.Lock()
		s.requests[name]++
		fault := s.fault(name, r)
		if fault.Code != "" {
			s.mu.Unlock()
			fail{fault.Code, fault.Message, fault.Status}.write(w)
			return
		}
		answer, failure := do(r, body)
		var text []byte
		if failure == nil && answer != nil {
			text, err = json.Marshal(answer)
		}
		s.mu.Unlock()
		switch {
		case fault.Lost:
			hangUp(w)
		case failure != nil:
			failure.write(w)
		case err != nil:
			fail{"InternalFailureException", err.Error(), http.StatusInternalServerError}.write(w)
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(text) // the client is gone otherwise
		}
	}
}

// hangUp closes the connection without an answer.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		fail{"InternalFailureException", err.Error(), http.StatusInternalServerError}.write(w)
		return
	}
	_ = conn.Close() // the client is gone already otherwise
}

// fault is what goes wrong with this request, by quota or on demand.
func (s *Server) fault(name string, r *http.Request) Fault {
	if s.over(name) {
		return Fault{Code: "ThrottlingException", Message: "Rate exceeded"}
	}
	if s.options.Fault != nil {
		return s.options.Fault(name, r)
	}
	return Fault{}
}

func notFound(what, name string) *fail {
	return &fail{"ResourceNotFoundException", what + " " + name + " does not exist", http.StatusNotFound}
}

func arn(service, resource string) string {
	return strings.Join([]string{"arn", "aws", service, Region, Account, resource}, ":")
}

// page cuts one page out of sorted keys: those after token, at most limit; next is "" at the end.
func page(keys []string, token string, limit int) (part []string, next string) {
	start := 0
	for start < len(keys) && token != "" && keys[start] <= token {
		start++
	}
	keys = keys[start:]
	if len(keys) <= limit {
		return keys, ""
	}
	return keys[:limit], keys[limit-1]
}
