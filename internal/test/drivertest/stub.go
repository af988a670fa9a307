package drivertest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// Stub gives clients for a server that answers JSON-protocol calls in AWS's shapes, for what moto cannot show. An
// answer with a "__type" is an error.
func Stub(t testing.TB, answer func(operation string, input map[string]any) string) *awsapi.Clients {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
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
	})
}

// serve gives clients for a server whose requests are checked against AWS's models.
func serve(t testing.TB, answer http.HandlerFunc) *awsapi.Clients {
	t.Helper()
	server := httptest.NewServer(mototest.Start(t).Checked(t, answer))
	t.Cleanup(server.Close)
	return awsapi.New(aws.Config{
		Region: mototest.Region, BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("stub", "stub", ""),
	}, awsapi.Options{Clock: awsapi.NewInstantClock()}).WithAccount(mototest.AccountID)
}

// RESTStub is Stub for IoT, whose operations are paths. The call is method and path as in the API reference, such as
// "PATCH /provisioning-templates/greenhouse", with the query where there is one; a request without a body has no input.
func RESTStub(t testing.TB, answer func(call string, input map[string]any) string) *awsapi.Clients {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		var input map[string]any
		if err := json.NewDecoder(r.Body).Decode(&input); err != nil && !errors.Is(err, io.EOF) {
			t.Errorf("a request that is not JSON: %v", err)
		}
		call := r.Method + " " + r.URL.Path
		if r.URL.RawQuery != "" {
			call += "?" + r.URL.RawQuery
		}
		text := answer(call, input)
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(text, `"__type"`) {
			w.WriteHeader(http.StatusBadRequest)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Errorf("answering: %v", err)
		}
	})
}
