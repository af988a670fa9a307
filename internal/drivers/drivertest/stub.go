package drivertest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/mototest"
)

// Stub gives clients for a server that answers JSON-protocol calls in AWS's shapes, for what moto cannot show. An answer
// with a "__type" is an error.
func Stub(t testing.TB, answer func(operation string, input map[string]any) string) *awsapi.Clients {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("reading a request: %v", err)
		}
		var input map[string]any
		if err := json.Unmarshal(body, &input); err != nil {
			t.Errorf("a request that is not JSON: %v", err)
		}
		target := r.Header.Get("X-Amz-Target")
		text := answer(target[strings.LastIndex(target, ".")+1:], input)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if strings.Contains(text, `"__type"`) {
			w.WriteHeader(http.StatusBadRequest)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Errorf("answering: %v", err)
		}
	}))
	t.Cleanup(server.Close)
	return awsapi.New(aws.Config{
		Region: mototest.Region, BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("stub", "stub", ""),
	}, awsapi.Options{}).WithAccount(mototest.AccountID)
}
