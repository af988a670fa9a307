package main

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/iot-pipeline/terraform-provider-iot/internal/fleet/iotstub"
)

// front counts requests and leads them to the stub, or past it to moto.
type front struct {
	stub *iotstub.Server
	moto http.Handler
	n    atomic.Int64
}

func newFront(o iotstub.Options, moto string) (*front, error) {
	address, err := url.Parse(moto)
	if err != nil {
		return nil, err
	}
	proxy := httputil.NewSingleHostReverseProxy(address)
	proxy.ErrorLog = log.New(io.Discard, "", 0) // the client is told with 502
	o.Next = proxy
	return &front{stub: iotstub.New(o), moto: proxy}, nil
}

func (f *front) count() int { return int(f.n.Load()) }

// ServeHTTP keeps Parameter Store from the stub: it holds the manifest here, and the bundles are in Secrets Manager.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.n.Add(1)
	if !strings.HasPrefix(r.Header.Get("X-Amz-Target"), "AmazonSSM.") {
		f.stub.ServeHTTP(w, whole(r))
		return
	}
	f.moto.ServeHTTP(w, r)
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
