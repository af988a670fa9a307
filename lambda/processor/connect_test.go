package processor

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// arrival is a request over TLS.
type arrival struct {
	line, from      string
	resumed, signed bool
}

// rootsOf is a file with the certificate of a server, for a process to trust.
func rootsOf(t testing.TB, server *httptest.Server) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "roots.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// The function opens its first connection before it asks for an event; the connections of the first batch resume that
// session. So there is one full handshake.
func TestBootstrapConnectsAtStart(t *testing.T) {
	var mu sync.Mutex
	var arrivals []arrival
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		arrivals = append(arrivals, arrival{line: r.Method + " " + r.URL.Path, from: r.RemoteAddr,
			resumed: r.TLS.DidResume, signed: r.Header.Get("Authorization") != ""})
		_, _ = io.WriteString(w, `{}`)
	}))
	t.Cleanup(server.Close)
	env := (&lambdatest.AWS{URL: server.URL}).Env(map[string]string{"SSL_CERT_FILE": rootsOf(t, server)})
	function := lambdatest.StartFunction(t, lambdatest.Compile(t, "processor"), env)
	function.Ready()
	mu.Lock()
	if len(arrivals) != 1 {
		t.Errorf("%d requests before the first event, want one", len(arrivals))
	}
	mu.Unlock()
	if reply := function.Invoke(lambdatest.Fleet(100, 50), time.Minute); reply.Failed {
		t.Fatalf("%s", reply.Body)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(arrivals) < 2 || arrivals[0].line != "GET /" || arrivals[0].signed {
		t.Fatalf("the first of %d requests is %+v, want one without credentials", len(arrivals), arrivals[0])
	}
	full := map[string]bool{}
	for _, a := range arrivals {
		if !a.resumed {
			full[a.from] = true
		}
	}
	if len(full) != 1 || !full[arrivals[0].from] {
		t.Errorf("%d connections began with a full handshake, want the first alone", len(full))
	}
}
