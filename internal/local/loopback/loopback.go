// Package loopback serves HTTP on this machine to those who were given the URL.
//
// A port of the loopback interface is open to every program and user of the machine, and to every web page that a
// browser on it shows. So each server has a secret in its path, and refuses requests that come from a page or were
// addressed to another host (DNS rebinding).
package loopback

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
	"time"
)

// A Server answers on a free port of 127.0.0.1.
type Server struct {
	// Address is host, port and secret path, such as "127.0.0.1:40123/NRXWK4TJ…", without a trailing slash.
	Address string

	server *http.Server
}

// Serve starts a server. The handler sees paths without the secret.
func Serve(handler http.Handler) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	host, secret := listener.Addr().String(), rand.Text()
	s := &Server{Address: host + "/" + secret}
	s.server = &http.Server{Handler: guard(host, secret, handler), ReadHeaderTimeout: 10 * time.Second}
	go s.server.Serve(listener) // until it is closed
	return s, nil
}

// URL is the base URL of the server, with its secret.
func (s *Server) URL() string { return "http://" + s.Address }

// Shutdown stops listening and waits for the requests in progress until the context ends; then it drops them.
func (s *Server) Shutdown(ctx context.Context) {
	if s.server.Shutdown(ctx) != nil {
		s.server.Close()
	}
}

// Close drops the requests in progress.
func (s *Server) Close() { s.server.Close() }

// guard lets requests to "/secret/…" through to the handler.
func guard(host, secret string, handler http.Handler) http.Handler {
	inner := http.StripPrefix("/"+secret, handler)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Browsers send these headers, and pages cannot remove them. Programs send neither.
		fromPage := r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != ""
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if r.Host != host || fromPage || subtle.ConstantTimeCompare([]byte(first), []byte(secret)) != 1 {
			http.Error(w, "only for programs that iot-local has started", http.StatusForbidden)
			return
		}
		if r.URL.Path == "/"+secret { // an AWS client that has it as its endpoint
			r.URL.Path += "/"
		}
		inner.ServeHTTP(w, r)
	})
}
