package provisioning

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// TestBootstrapInMoto drives the binary that is shipped, with list and registry in moto: one process, one request
// after the other, as Lambda does it.
func TestBootstrapInMoto(t *testing.T) {
	f := newFixture(t, map[string]string{"IOT_THING_NAME_PREFIX": "dev-"})
	f.put(parameters(map[string]string{"bay": "12"}))
	bootstrap := lambdatest.Compile(t, "provisioning")
	f.env["AWS_ENDPOINT_URL"] = f.moto.URL
	function := lambdatest.StartFunction(t, bootstrap, f.env)
	ask := func(function *lambdatest.Function, event []byte, left time.Duration) events.IoTPreProvisionHookResponse {
		t.Helper()
		reply := function.Invoke(event, left)
		if reply.Failed {
			t.Fatalf("the function failed: %s\n%s", reply.Body, function.Output())
		}
		return parseAnswer(t, reply.Body)
	}
	yes := events.IoTPreProvisionHookResponse{
		AllowProvisioning:  true,
		ParameterOverrides: map[string]string{"bay": "12"},
	}
	no := events.IoTPreProvisionHookResponse{}
	steps := []struct {
		why   string
		event []byte
		want  events.IoTPreProvisionHookResponse
		said  reason
	}{
		{"not an event", []byte(`{"Records":`), no, malformedEvent},
		{"nothing", nil, no, malformedEvent},
		{"not on the list", changed(t, with("SerialNumber", "A1-0002")), no, notListed},
		{"on the list", changed(t), yes, ""},
		{"the same once more", changed(t), yes, ""},
		{"another device with the same serial", changed(t, from(another)), no, serialUsed},
		{
			"from another template",
			changed(t, func(r *events.IoTPreProvisionHookRequest) { r.TemplateARN += "x" }),
			no,
			otherTemplate,
		},
		{"after all that", changed(t), yes, ""},
	}
	for _, step := range steps {
		if diff := cmp.Diff(step.want, ask(function, step.event, quick)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.why, diff)
		}
	}
	function.Stop() // its output is complete then
	lines := slices.Collect(strings.Lines(function.Output()))
	if len(lines) != 2*len(steps) {
		t.Fatalf("%d lines for %d requests:\n%s", len(lines), len(steps), function.Output())
	}
	for i, step := range steps {
		log, metrics := parseLines(t, lines[2*i]+lines[2*i+1])
		if log.text("reason") != string(step.said) || metrics.text("Reason") != string(step.said) {
			t.Errorf("%s: log line %v, metrics %v, want reason %q", step.why, log, metrics, step.said)
		}
	}
	if got := f.listed()["thing"]; !cmp.Equal(got, text("dev-"+serial), untold) {
		t.Errorf("the list has thing %v", got)
	}

	// With a list that does not answer, the refusal comes before AWS IoT stops waiting.
	f.aws.Misbehave(func(lambdatest.Call) *lambdatest.Fault { return lambdatest.Hung })
	f.env["AWS_ENDPOINT_URL_DYNAMODB"] = f.aws.URL
	function = lambdatest.StartFunction(t, bootstrap, f.env)
	for _, left := range []time.Duration{2 * time.Second, 5 * time.Second, 30 * time.Second} {
		start := time.Now()
		if diff := cmp.Diff(no, ask(function, changed(t), left)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if took := time.Since(start); took > min(left, 5*time.Second) {
			t.Errorf("with %v left, the refusal took %v", left, took)
		}
	}
	function.Stop()
	if n := strings.Count(function.Output(), `"reason":"timeout"`); n != 3 {
		t.Errorf("%d of 3 refusals for the time:\n%s", n, function.Output())
	}
}

// TestBootstrapSaysWhatIsMissing starts it without an environment.
func TestBootstrapSaysWhatIsMissing(t *testing.T) {
	function := lambdatest.StartFunction(t, lambdatest.Compile(t, "provisioning"), nil)
	if err := function.Wait(); err == nil || !strings.Contains(function.Output(), "IOT_ALLOW_LIST_TABLE is not set") {
		t.Errorf("it ended with %v and said: %s", err, function.Output())
	}
}
