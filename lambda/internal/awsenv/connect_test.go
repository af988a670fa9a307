package awsenv

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// Connect leaves one idle connection per TLS endpoint, which the next request uses, and sends nothing to a plain one.
func TestConnect(t *testing.T) {
	var connections, requests atomic.Int32
	count := func(s *httptest.Server) {
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				connections.Add(1)
			}
		}
	}
	answer := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) })
	secure, plain := httptest.NewUnstartedServer(answer), httptest.NewUnstartedServer(answer)
	count(secure)
	count(plain)
	secure.StartTLS()
	plain.Start()
	t.Cleanup(secure.Close)
	t.Cleanup(plain.Close)
	trusted := secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	cfg, err := Load(environ(), func(t *http.Transport) {
		t.TLSClientConfig.RootCAs = trusted
	})
	if err != nil {
		t.Fatal(err)
	}
	Connect(cfg, secure.URL, plain.URL, "")
	if connections.Load() != 1 || requests.Load() != 1 {
		t.Errorf("%d connections and %d requests, want one of each", connections.Load(), requests.Load())
	}
	connect(t.Context(), cfg.HTTPClient, secure.URL)
	if connections.Load() != 1 || requests.Load() != 2 {
		t.Errorf("%d connections and %d requests, want the first connection again", connections.Load(), requests.Load())
	}
}

// What cannot be reached delays a start for a moment, and fails nothing.
func TestConnectToNowhere(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	cfg, err := Load(environ())
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	Connect(cfg, "https://"+silent.Addr().String(), "https://"+closed.Addr().String(), "https://%")
	if took := time.Since(start); took > 10*connectTimeout {
		t.Errorf("it took %v", took)
	}
}
