package local

import (
	"context"
	"net/http"
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/delivery"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/rules"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/streams"
)

// Deployed is what runs at one moment.
type Deployed struct {
	Rules      []rules.Rule
	Functions  []string
	Mappings   []streams.Mapping
	Deliveries []delivery.Config
}

// Deployed returns what runs now.
func (r *Runtime) Deployed() Deployed {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := Deployed{Rules: slices.Clone(r.current.rules), Mappings: slices.Clone(r.current.mappings),
		Deliveries: slices.Clone(r.current.deliveries)}
	for _, f := range r.current.functions {
		d.Functions = append(d.Functions, *f.config.FunctionName)
	}
	return d
}

// Clients are the runtime's AWS clients.
func (r *Runtime) Clients() *awsapi.Clients { return r.clients }

// Emulated reports whether the account is an emulator's.
func (r *Runtime) Emulated() bool { return r.options.Config.BaseEndpoint != nil }

// Manifest reads the pipeline's manifest.
func (r *Runtime) Manifest(ctx context.Context) (*Manifest, error) {
	return ReadManifest(ctx, r.clients, r.options.Pipeline)
}

// StateDir is the directory for what outlives a run.
func (r *Runtime) StateDir() (string, error) { return r.stateDir() }

// Endpoint is the base URL of the local data plane: it publishes to the local broker, runs functions, and forwards
// everything else to the emulator. Programs that operate a pipeline use it as their AWS endpoint.
func (r *Runtime) Endpoint() string { return r.dataplane.URL }

// describeEndpoint says where iotctl operates the pipelines, for the ready line; "" on AWS.
func (r *Runtime) describeEndpoint() string {
	if !r.Emulated() {
		return ""
	}
	return "; for iotctl, AWS_ENDPOINT_URL=" + r.Endpoint()
}

// Publish sends a message as AWS itself would, to subscribers and rules.
func (r *Runtime) Publish(m message.Message) error { return r.publish(m) }

// InvokeAsync queues an event for a function of the pipeline, as Lambda does for an asynchronous invocation.
func (r *Runtime) InvokeAsync(ctx context.Context, functionARN string, payload []byte) error {
	return r.invoke(ctx, functionARN, payload)
}

// API serves the pipeline's device management API to whoever runs the pipeline; nil if it is not served.
func (r *Runtime) API() http.Handler {
	if r.http == nil {
		return nil
	}
	return r.http.Operator()
}

// Try evaluates a rule for a message without carrying out its actions.
func (r *Runtime) Try(ctx context.Context, rule rules.Rule, m message.Message) (rules.Trial, error) {
	return r.engine.Try(ctx, rule, m)
}
