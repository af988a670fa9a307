package iotstub

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
)

// OperationHeader names a request's operation, as "service:Operation". A client may send it, so that requests which
// only pass by are counted and held to Options.Rates as well.
const OperationHeader = "X-Iotstub-Operation"

// Front puts a stub and another local AWS behind one address: devices, their certificates and secrets are the stub's,
// everything else is the other's. So is Parameter Store, which holds the manifest of a pipeline; a fleet whose
// bundles are to be in the stub keeps them in Secrets Manager.
type Front struct {
	Stub *Server

	other http.Handler
	n     atomic.Int64
}

// NewFront makes a stub in front of the local AWS at a base URL. Options.Next is set by it.
func NewFront(o Options, other string) (*Front, error) {
	address, err := url.Parse(other)
	if err != nil {
		return nil, err
	}
	proxy := httputil.NewSingleHostReverseProxy(address)
	proxy.ErrorLog = log.New(io.Discard, "", 0) // the client gets a 502
	f := &Front{}
	f.other = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.Stub.passes(r.Header.Get(OperationHeader)) {
			proxy.ServeHTTP(w, r)
			return
		}
		fail{code: "ThrottlingException", message: "Rate exceeded"}.write(w)
	})
	o.Next = f.other
	f.Stub = New(o)
	return f, nil
}

// Count is the number of requests so far.
func (f *Front) Count() int { return int(f.n.Load()) }

func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.n.Add(1)
	if strings.HasPrefix(r.Header.Get("X-Amz-Target"), "AmazonSSM.") {
		f.other.ServeHTTP(w, r)
		return
	}
	f.Stub.ServeHTTP(w, whole(r))
}

// whole reads a request's body first, so that a proxy behind sends it with its length, which moto needs.
func whole(r *http.Request) *http.Request {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return r // the client has gone; the handler finds that out as well
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return r
}

// passes counts a request that the stub does not serve, and says whether its rate allows it.
func (s *Server) passes(operation string) bool {
	if operation == "" {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[operation]++
	return !s.over(operation)
}
