package client_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/iot-pipeline/terraform-provider-iot/client"
)

// The signature is for the API's service and region, and the body arrives as it was signed.
func TestSign(t *testing.T) {
	var got *http.Request
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		body = string(text)
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(server.Close)
	sign := client.Sign(credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "token"), "eu-central-1")
	c, err := client.NewClient(server.URL, client.WithRequestEditorFn(sign))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.SendCommand(t.Context(), "soil-001", nil, client.SendCommandJSONRequestBody{"action": "irrigate"})
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	header := got.Header.Get("Authorization")
	if !strings.HasPrefix(header, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") ||
		!strings.Contains(header, "/eu-central-1/execute-api/aws4_request") ||
		got.Header.Get("X-Amz-Security-Token") != "token" {
		t.Errorf("Authorization %q, token %q", header, got.Header.Get("X-Amz-Security-Token"))
	}
	if got.URL.Path != "/v1/devices/soil-001/commands" || body != `{"action":"irrigate"}` {
		t.Errorf("%s %s", got.URL.Path, body)
	}
}
