package failures

import (
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	framework "github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/awstest"
	"github.com/iot-pipeline/terraform-provider-iot/provider"
	"github.com/iot-pipeline/terraform-provider-iot/provider/connection"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	typeName = "iot_pipeline"
	minimal  = `
name    = "greenhouse"
devices = { "soil-001" = {} }
`
)

type diagnostics = []*tfprotov6.Diagnostic

// terraform calls the provider as Terraform does, for one resource.
type terraform struct {
	t        *testing.T
	provider tfprotov6.ProviderServer
	resource tftypes.Object
	block    tftypes.Object // the provider block
}

func newTerraform(t *testing.T, p framework.Provider) *terraform {
	t.Helper()
	server, err := providerserver.NewProtocol6WithError(p)()
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return &terraform{t, server, schemas.ResourceSchemas[typeName].Block.ValueType().(tftypes.Object),
		schemas.Provider.Block.ValueType().(tftypes.Object)}
}

// must ends the test at an error of the protocol, which is not one of the provider.
func must[T any](t *testing.T) func(T, error) T {
	return func(answer T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
}

// body reads arguments, written as in a block, for the protocol.
func body(t *testing.T, text string) *tfprotov6.DynamicValue {
	t.Helper()
	file, problems := hclparse.NewParser().ParseHCL([]byte(text), "test.tf")
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	attributes, problems := file.Body.JustAttributes()
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	tree := map[string]json.RawMessage{}
	for name, attribute := range attributes {
		value, problems := attribute.Expr.Value(&hcl.EvalContext{})
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		text, err := ctyjson.Marshal(value, value.Type())
		if err != nil {
			t.Fatal(err)
		}
		tree[name] = text
	}
	return &tfprotov6.DynamicValue{JSON: must[[]byte](t)(json.Marshal(tree))}
}

func null(t *testing.T, of tftypes.Type) *tfprotov6.DynamicValue {
	t.Helper()
	value := must[tfprotov6.DynamicValue](t)(tfprotov6.NewDynamicValue(of, tftypes.NewValue(of, nil)))
	return &value
}

func (tf *terraform) configure(text string) diagnostics {
	tf.t.Helper()
	return must[*tfprotov6.ConfigureProviderResponse](tf.t)(tf.provider.ConfigureProvider(tf.t.Context(),
		&tfprotov6.ConfigureProviderRequest{TerraformVersion: "1.11.4", Config: body(tf.t, text)})).Diagnostics
}

func (tf *terraform) validate(text string) diagnostics {
	tf.t.Helper()
	return must[*tfprotov6.ValidateResourceConfigResponse](tf.t)(tf.provider.ValidateResourceConfig(tf.t.Context(),
		&tfprotov6.ValidateResourceConfigRequest{TypeName: typeName, Config: body(tf.t, text)})).Diagnostics
}

// state is what Terraform keeps between runs.
type state struct {
	value    *tfprotov6.DynamicValue
	private  []byte
	identity *tfprotov6.ResourceIdentityData
}

func (tf *terraform) refresh(s state) diagnostics {
	tf.t.Helper()
	return must[*tfprotov6.ReadResourceResponse](tf.t)(tf.provider.ReadResource(tf.t.Context(),
		&tfprotov6.ReadResourceRequest{TypeName: typeName, CurrentState: s.value, Private: s.private,
			CurrentIdentity: s.identity})).Diagnostics
}

func (tf *terraform) importName(id string) diagnostics {
	tf.t.Helper()
	return must[*tfprotov6.ImportResourceStateResponse](tf.t)(tf.provider.ImportResourceState(tf.t.Context(),
		&tfprotov6.ImportResourceStateRequest{TypeName: typeName, ID: id})).Diagnostics
}

// apply validates, plans and applies a description. Of the errors, it returns those of the first step that has any.
func (tf *terraform) apply(ctx context.Context, prior state, text string) (state, diagnostics) {
	tf.t.Helper()
	if found := tf.validate(text); failed(found) {
		return prior, found
	}
	config := body(tf.t, text)
	return tf.change(ctx, prior, config, config)
}

func (tf *terraform) destroy(prior state) diagnostics {
	tf.t.Helper()
	gone := null(tf.t, tf.resource)
	_, found := tf.change(tf.t.Context(), prior, gone, gone)
	return found
}

func (tf *terraform) change(ctx context.Context, prior state, config, proposed *tfprotov6.DynamicValue,
) (state, diagnostics) {
	tf.t.Helper()
	if prior.value == nil {
		prior.value = null(tf.t, tf.resource)
	}
	plan := must[*tfprotov6.PlanResourceChangeResponse](tf.t)(tf.provider.PlanResourceChange(ctx,
		&tfprotov6.PlanResourceChangeRequest{TypeName: typeName, PriorState: prior.value, ProposedNewState: proposed,
			Config: config, PriorPrivate: prior.private, PriorIdentity: prior.identity}))
	if failed(plan.Diagnostics) {
		return prior, plan.Diagnostics
	}
	done := must[*tfprotov6.ApplyResourceChangeResponse](tf.t)(tf.provider.ApplyResourceChange(ctx,
		&tfprotov6.ApplyResourceChangeRequest{TypeName: typeName, PriorState: prior.value,
			PlannedState: plan.PlannedState, Config: config, PlannedPrivate: plan.PlannedPrivate,
			PlannedIdentity: plan.PlannedIdentity}))
	return state{done.NewState, done.Private, done.NewIdentity}, done.Diagnostics
}

func failed(found diagnostics) bool {
	for _, d := range found {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			return true
		}
	}
	return false
}

// account is a local AWS account, and a provider that is connected to it.
type account struct {
	*terraform
	*awstest.LocalAWS
	wire *wire
}

func newAccount(t *testing.T) *account {
	t.Helper()
	local := awstest.Start(t)
	w := &wire{}
	return &account{connectedTo(t, local.Impatient(t, w)), local, w}
}

func connectedTo(t *testing.T, clients *awsapi.Clients) *terraform {
	t.Helper()
	tf := newTerraform(t, connected{provider.New("test")(), clients})
	tf.configure("")
	return tf
}

// connected is the provider with clients that wait and retry in no time.
type connected struct {
	framework.Provider
	clients *awsapi.Clients
}

func (p connected) Configure(_ context.Context, _ framework.ConfigureRequest, resp *framework.ConfigureResponse) {
	resp.ResourceData = &connection.Connection{Version: "test", Clients: p.clients}
}

// created makes a pipeline that the test changes.
func (a *account) created(text string) state {
	a.t.Helper()
	made, found := a.apply(a.t.Context(), state{}, text)
	if failed(found) {
		a.t.Fatalf("creating a pipeline:\n%s", shown(found))
	}
	return made
}

// wire is the connection to AWS; a test replaces it. It answers requests itself, or passes them on.
type wire struct {
	replaced func(*http.Request, http.RoundTripper) (*http.Response, error)
}

// RoundTrip implements [http.RoundTripper].
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.replaced == nil {
		return http.DefaultTransport.RoundTrip(r)
	}
	return w.replaced(r, http.DefaultTransport)
}

// shown is what Terraform prints of diagnostics, without frames and broken lines.
func shown(found diagnostics) string {
	var text strings.Builder
	for _, d := range found {
		text.WriteString(strings.ToUpper(d.Severity.String()[:1]) + strings.ToLower(d.Severity.String()[1:]) + ": " +
			d.Summary + "\n")
		if d.Attribute != nil {
			text.WriteString("At: " + place(d.Attribute) + "\n")
		}
		text.WriteString("\n" + d.Detail + "\n")
	}
	return text.String()
}

func place(at *tftypes.AttributePath) string {
	var names []string
	for _, step := range at.Steps() {
		switch step := step.(type) {
		case tftypes.AttributeName:
			names = append(names, string(step))
		case tftypes.ElementKeyString:
			names = append(names, string(step))
		}
	}
	return strings.Join(names, ".")
}

func goldenFile(name string) string { return filepath.Join("testdata", name+".txt") }

func golden(t *testing.T, name, got string) {
	t.Helper()
	if !strings.HasPrefix(got, "Error: ") {
		t.Fatalf("nothing failed: %s", got)
	}
	if *update {
		if err := os.WriteFile(goldenFile(name), []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenFile(name))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Error(d)
	}
}
