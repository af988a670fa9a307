package main

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// TestFunctionsConnectAtStart starts each function with AWS behind TLS. Those that call DynamoDB have done the handshake
// when they ask for their first event, with one request that has no credentials; the others call nothing.
func TestFunctionsConnectAtStart(t *testing.T) {
	var requests, signed atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.Header.Get("Authorization") != "" || r.Method != http.MethodGet {
			signed.Add(1)
		}
		_, _ = io.WriteString(w, `{}`)
	}))
	t.Cleanup(server.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(roots, text, 0o600); err != nil {
		t.Fatal(err)
	}
	bootstrap := lambdatest.Compile(t, "")
	for name := range handlers {
		t.Run(name, func(t *testing.T) {
			requests.Store(0)
			env := (&lambdatest.AWS{URL: server.URL}).Env(map[string]string{"SSL_CERT_FILE": roots,
				contract.EnvCommandsTable: "commands", contract.EnvReadingsTable: "readings",
				contract.EnvReadingsHours: "48"})
			function := lambdatest.StartFunction(t, lambdatest.Bootstrap{Path: bootstrap.Path, Handler: name}, env)
			function.Ready()
			want := int32(1)
			if name == "archiver" {
				want = 0
			}
			if requests.Load() != want || signed.Load() != 0 {
				t.Errorf("%d requests before the first event, %d of them with credentials, want %d without",
					requests.Load(), signed.Load(), want)
			}
		})
	}
}
