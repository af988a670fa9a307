package api

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/uuid"

	"github.com/iot-pipeline/terraform-provider-iot/client"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// gateway is an HTTP server that hands requests to a function's binary, as API Gateway does.
func (f *fixture) gateway(function *lambdatest.Function) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			f.t.Error(err)
		}
		asked := request{method: r.Method, path: r.URL.RequestURI(), body: string(body), headers: map[string]string{}}
		for name, values := range r.Header {
			asked.headers[name] = strings.Join(values, ",")
		}
		reply := function.Invoke(f.event(asked), 30*time.Second)
		var answer events.APIGatewayV2HTTPResponse
		if err := json.Unmarshal(reply.Body, &answer); err != nil || reply.Failed {
			f.t.Errorf("the function failed: %s", reply.Body)
		}
		got := httptest.NewRecorder()
		for name, value := range answer.Headers {
			got.Header().Set(name, value)
			w.Header().Set(name, value)
		}
		f.compare(asked, replyOf(f.t, answer.StatusCode, got.Header(), answer.Body))
		w.WriteHeader(answer.StatusCode)
		_, _ = io.WriteString(w, answer.Body) // the client may have gone
	}))
	f.t.Cleanup(server.Close)
	return server
}

func replyOf(t testing.TB, status int, headers http.Header, body string) reply {
	return reply{t: t, status: status, headers: headers, body: []byte(body)}
}

// TestBootstrapWithTheClient drives the binary that is shipped with the client that is generated.
func TestBootstrapWithTheClient(t *testing.T) {
	f := newFixture(t, nil)
	f.clock = time.Now()
	f.inhabit()
	f.env["AWS_ENDPOINT_URL"], f.env[contract.EnvDataEndpoint] = f.moto.URL, f.moto.URL
	function := lambdatest.StartFunction(t, lambdatest.Compile(t, "api"), f.env)
	c, err := client.NewClientWithResponses(f.gateway(function).URL)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	devices, err := c.ListDevicesWithResponse(ctx, nil)
	if err != nil || devices.JSON200 == nil || len(devices.JSON200.Devices) != 1 ||
		(*devices.JSON200.Devices[0].Latest)["door"] != "open" {
		t.Fatalf("devices %s, %v", devices.Body, err)
	}
	key := "order-9"
	sent, err := c.SendCommandWithResponse(ctx, "soil-001", &client.SendCommandParams{IdempotencyKey: &key},
		client.SendCommandJSONRequestBody{"action": "irrigate"})
	if err != nil || sent.JSON202 == nil {
		t.Fatalf("command %s, %v", sent.Body, err)
	}
	id := uuid.MustParse(sent.JSON202.ID)
	command, err := c.GetCommandWithResponse(ctx, "soil-001", id)
	if err != nil || command.JSON200 == nil || command.JSON200.Status != client.CommandStatusSent {
		t.Fatalf("command %s, %v", command.Body, err)
	}
	changed, err := c.PutConfigWithResponse(ctx, "soil-001", nil, client.PutConfigJSONRequestBody{"interval": 90})
	if err != nil || changed.JSON200 == nil || changed.JSON200.Difference["interval"] != 90.0 {
		t.Fatalf("configuration %s, %v", changed.Body, err)
	}
	tag := `"1"`
	late, err := c.PutConfigWithResponse(ctx, "soil-001", &client.PutConfigParams{IfMatch: &tag},
		client.PutConfigJSONRequestBody{})
	if err != nil || late.ApplicationProblemJSON412 == nil ||
		!strings.HasSuffix(late.ApplicationProblemJSON412.Type, "#problem-precondition-failed") {
		t.Errorf("a late change: %s, %v", late.Body, err)
	}
	limits, err := c.PutThresholdsWithResponse(ctx, nil, client.PutThresholdsJSONRequestBody{"max_temperature": 44})
	if err != nil || limits.JSON200 == nil || limits.JSON200.Values["max_temperature"] != 44.0 {
		t.Errorf("thresholds %s, %v", limits.Body, err)
	}
	if nobody, err := c.GetDeviceWithResponse(ctx, "nobody"); err != nil || nobody.ApplicationProblemJSON404 == nil {
		t.Errorf("an unknown device: %s, %v", nobody.Body, err)
	}
	text, err := c.GetDocumentWithResponse(ctx, nil)
	if err != nil || !bytes.Equal(text.Body, document) {
		t.Errorf("the document has %d bytes, want %d, %v", len(text.Body), len(document), err)
	}
	for line := range strings.Lines(function.Output()) {
		if !json.Valid([]byte(line)) || strings.Contains(line, `"_aws"`) && strings.Contains(line, "soil-001") {
			t.Errorf("a line that is not JSON, or metrics that name a device: %s", line)
		}
	}
}

// TestBootstrapSaysWhatIsMissing starts it without an environment.
func TestBootstrapSaysWhatIsMissing(t *testing.T) {
	function := lambdatest.StartFunction(t, lambdatest.Compile(t, "api"), nil)
	if err := function.Wait(); err == nil || !strings.Contains(function.Output(), "IOT_COMMANDS_TABLE is not set") {
		t.Errorf("it ended with %v and said: %s", err, function.Output())
	}
}

// A client that has the document is not sent it again.
func TestTheDocumentHasAnETag(t *testing.T) {
	f := newFixture(t, nil)
	first := f.ask(request{method: http.MethodGet, path: "/v1/openapi.json"})
	again := f.ask(request{method: http.MethodGet, path: "/v1/openapi.json",
		headers: map[string]string{"If-None-Match": first.headers.Get("ETag")}})
	if !bytes.Equal(first.body, document) || again.status != http.StatusNotModified || len(again.body) != 0 {
		t.Errorf("first %d bytes, then status %d with %d bytes", len(first.body), again.status, len(again.body))
	}
}
