// Package faultproxy stands between an AWS client and a local AWS in tests, and
// makes chosen requests fail the way AWS, the network or the machine would.
//
// It knows HTTP and the shapes of AWS errors, and nothing of pipelines or Terraform.
package faultproxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// Kind is a way to fail.
type Kind int

// Kinds of faults.
const (
	Throttle     Kind = iota // the service refuses for now
	Unavailable              // HTTP 503
	Broken                   // HTTP 500
	AccessDenied             // a permission is missing
	Expired                  // the credentials have expired
	DropBefore               // the connection ends before the request reaches the service
	DropAfter                // the request takes effect, its answer is lost
	Refuse                   // Fault.Code and Fault.Message, HTTP 400
	Hold                     // the request waits until Fault.Release is closed or its client goes away
	Rewrite                  // the request takes effect, Fault.Rewrite changes its answer
)

func (k Kind) String() string {
	return [...]string{"throttle", "503", "500", "access denied", "expired credentials", "drop before", "drop after",
		"refuse", "hold", "rewrite"}[k]
}

// Request is one request as the proxy saw it.
type Request struct {
	N       int    // 1 for the first
	Service string // signing name, such as "iot", "kinesis", "iam"
	// Name is the operation where the protocol names it (X-Amz-Target, Action), else method and path.
	Name string
	// Write says whether the request may change something, by its name and method.
	Write bool
}

// Fault is one planned failure.
type Fault struct {
	Kind          Kind
	Match         func(Request) bool
	Times         int // matching requests that fail; 0: all
	Code, Message string
	Release       <-chan struct{}
	Rewrite       func(body string) string
	hits          int
}

// Proxy forwards to one upstream.
type Proxy struct {
	URL string

	forward *httputil.ReverseProxy
	mu      sync.Mutex
	seen    []Request
	faults  []*Fault
}

// Start runs a proxy in front of upstream, a base URL, until the test ends.
func Start(t testing.TB, upstream string) *Proxy {
	t.Helper()
	target, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{URL: "http://" + listener.Addr().String()}
	// Connections are kept, as many as a client may use at once. Compression is between client and service.
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	// The Host header stays: queue URLs are made from it, and so lead back here.
	p.forward = &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}, ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }}
	server := &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go server.Serve(listener) //nolint:errcheck // it ends with the test
	t.Cleanup(func() {
		server.Shutdown(context.WithoutCancel(t.Context())) //nolint:errcheck // the process ends anyway
	})
	return p
}

// Inject plans a failure and returns it, so that Hits can be asked.
func (p *Proxy) Inject(f Fault) *Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, &f)
	return &f
}

// Clear forgets planned failures and seen requests, so that the next request is number 1.
func (p *Proxy) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults, p.seen = nil, nil
}

// Hits says how many requests the fault has met.
func (p *Proxy) Hits(f *Fault) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return f.hits
}

// Requests are those since the start or the last Clear, in order of arrival.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Request(nil), p.seen...)
}

// Nth matches the request with that number.
func Nth(n int) func(Request) bool { return func(r Request) bool { return r.N == n } }

// ServeHTTP forwards one request, or lets it fail.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	fault := p.note(describe(r, body))
	if fault == nil {
		p.forward.ServeHTTP(w, r)
		return
	}
	switch fault.Kind {
	case DropBefore:
		panic(http.ErrAbortHandler)
	case DropAfter:
		// Even if the client is gone by now.
		p.forward.ServeHTTP(&answer{header: http.Header{}}, r.WithContext(context.WithoutCancel(r.Context())))
		panic(http.ErrAbortHandler)
	case Hold:
		select {
		case <-fault.Release:
			p.forward.ServeHTTP(w, r)
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	case Rewrite:
		a := &answer{header: http.Header{}, status: http.StatusOK}
		p.forward.ServeHTTP(a, r)
		a.send(w, fault.Rewrite)
	default:
		status, code, message := fault.refusal()
		writeError(w, r, status, code, message)
	}
}

// note records a request and gives the first fault that is planned for it.
func (p *Proxy) note(r Request) *Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.N = len(p.seen) + 1
	p.seen = append(p.seen, r)
	for _, f := range p.faults {
		if (f.Times == 0 || f.hits < f.Times) && f.Match(r) {
			f.hits++
			return f
		}
	}
	return nil
}

// describe names a request by its protocol's own means.
func describe(r *http.Request, body []byte) Request {
	req := Request{Name: r.Method + " " + r.URL.Path, Write: r.Method != http.MethodGet && r.Method != http.MethodHead}
	// The IoT API reads these two with POST.
	if strings.HasPrefix(r.URL.Path, "/policy-targets/") || strings.HasPrefix(r.URL.Path, "/attached-policies/") {
		req.Write = false
	}
	if _, scope, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		if parts := strings.Split(scope, "/"); len(parts) > 3 {
			req.Service = parts[3]
		}
	}
	if _, operation, ok := strings.Cut(r.URL.Path, "/operation/"); ok && isCBOR(r) {
		req.Name, req.Write = operation, !reads(operation)
	} else if target := r.Header.Get("X-Amz-Target"); target != "" {
		req.Name = target[strings.LastIndex(target, ".")+1:]
		req.Write = !reads(req.Name)
	} else if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		if form, err := url.ParseQuery(string(body)); err == nil && form.Get("Action") != "" {
			req.Name = form.Get("Action")
			req.Write = !reads(req.Name)
		}
	}
	return req
}

// isCBOR reports whether a request speaks Smithy's RPC v2, as the SDK does with CloudWatch.
func isCBOR(r *http.Request) bool { return r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor" }

func reads(operation string) bool {
	for _, prefix := range []string{"Get", "List", "Describe", "Query", "Search", "BatchGet", "Head"} {
		if strings.HasPrefix(operation, prefix) {
			return true
		}
	}
	return false
}

// refusal is the AWS error that a fault stands for.
func (f *Fault) refusal() (status int, code, message string) {
	switch f.Kind {
	case Throttle:
		return http.StatusBadRequest, "ThrottlingException", "Rate exceeded"
	case Unavailable:
		return http.StatusServiceUnavailable, "ServiceUnavailableException", "the service is unavailable"
	case Broken:
		return http.StatusInternalServerError, "InternalFailureException", "an internal error has occurred"
	case AccessDenied:
		return http.StatusForbidden, "AccessDeniedException",
			"User: arn:aws:iam::123456789012:user/apply is not authorized to perform this action"
	case Expired:
		return http.StatusForbidden, "ExpiredTokenException", "The security token included in the request is expired"
	}
	return http.StatusBadRequest, f.Code, f.Message
}

// writeError answers in the protocol that the request was made in.
func writeError(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	w.Header().Set("X-Amzn-Requestid", "00000000-0000-0000-0000-00000000fa17")
	switch {
	case isCBOR(r):
		body, err := cbor.Marshal(map[string]string{"__type": code, "message": message})
		if err != nil {
			panic(err) // two strings
		}
		w.Header().Set("Content-Type", "application/cbor")
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		w.WriteHeader(status)
		w.Write(body)
	case r.Header.Get("X-Amz-Target") != "":
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"__type":%q,"message":%q}`, code, message)
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		fmt.Fprintf(
			w,
			"<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>fa17</RequestId></ErrorResponse>",
			code,
			message,
		)
	case strings.Contains(r.Header.Get("Authorization"), "/s3/aws4_request"):
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message><RequestId>fa17</RequestId></Error>", code, message)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"message":%q}`, message)
	}
}

// answer is what the service answered, before the client gets it, if it does.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }
func (a *answer) WriteHeader(status int)      { a.status = status }

func (a *answer) send(w http.ResponseWriter, rewrite func(string) string) {
	maps.Copy(w.Header(), a.header)
	for _, about := range []string{"Content-Length", "X-Amz-Crc32"} { // both are about the body
		w.Header().Del(about)
	}
	w.WriteHeader(a.status)
	io.WriteString(w, rewrite(a.body.String())) //nolint:errcheck // the client is gone
}
