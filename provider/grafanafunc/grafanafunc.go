// Package grafanafunc holds the provider function that makes a Grafana dashboard of a pipeline. The dashboard is in
// internal/grafana.
package grafanafunc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/argument"
	"github.com/iot-pipeline/terraform-provider-iot/internal/grafana"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfvalue"
)

// All are the constructors of the functions.
func All() []func() function.Function {
	return []func() function.Function{func() function.Function { return dashboard{} }}
}

type dashboard struct{}

func (dashboard) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "grafana_dashboard"
}

// The members of the argument, for the reference.
const members = "`pipeline`: the `iot_pipeline`, or an object with the same attributes; " +
	"`datasources`: the UIDs of Grafana's data sources by kind, at least one of `cloudwatch`, `athena` (for the " +
	"archive), `timestream` and `influxdb`; " +
	"`measures`: a list of the measures to show (default: those that the data source lists; required if Timestream " +
	"with the layout `multi` is the only store); " +
	"`title` (default: `Pipeline <name>`); " +
	"`uid` of the dashboard (default: one that follows from account, region and name)."

func (dashboard) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Makes a Grafana dashboard of a pipeline",
		MarkdownDescription: "Returns a complete Grafana dashboard as JSON, for `config_json` of the resource " +
			"`grafana_dashboard` or for an import by hand. It shows the fleet, the telemetry, one device, the alerts " +
			"and the pipeline itself, as far as the given data sources know of them. It sends no request. The guide " +
			"[Dashboards](../guides/dashboards.md) says what Grafana needs.\n\n" +
			"The same argument gives the same dashboard. A plan shows it as soon as the name, region, account and " +
			"blocks of the pipeline are known.",
		Parameters: []function.Parameter{function.DynamicParameter{
			Name: "setup",
			// A plan that changes the pipeline does not know all of its attributes, and none of those matters here.
			AllowUnknownValues:  true,
			MarkdownDescription: "An object with these members: " + members,
		}},
		Return: function.StringReturn{},
	}
}

func (dashboard) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var setup types.Dynamic
	if resp.Error = req.Arguments.Get(ctx, &setup); resp.Error != nil {
		return
	}
	model, err := modelOf(ctx, setup)
	if err != nil {
		var member *argument.Error
		text := err.Error()
		if errors.As(err, &member) {
			text = "setup" + strings.TrimSuffix("."+member.Path, ".") + ": " + member.Detail + "."
		}
		resp.Error = function.NewArgumentFuncError(0, text)
		return
	}
	resp.Error = resp.Result.Set(ctx, model)
}

// modelOf returns the dashboard, unknown as long as a value is unknown that it depends on.
func modelOf(ctx context.Context, setup types.Dynamic) (types.String, error) {
	if setup.IsUnknown() || setup.IsUnderlyingValueUnknown() {
		return types.StringUnknown(), nil
	}
	value, err := setup.UnderlyingValue().ToTerraformValue(ctx)
	if err != nil {
		return types.String{}, err
	}
	tree, err := tfvalue.Tree(value)
	if err != nil {
		return types.String{}, err
	}
	known, unknown := tfvalue.Known(tree)
	for _, path := range unknown.Sorted() {
		if argument.Uses(grafana.Setup{}, tfvalue.Steps(path)) {
			return types.StringUnknown(), nil
		}
	}
	text, err := json.Marshal(known)
	if err != nil {
		return types.String{}, fmt.Errorf("reading setup: %w", err)
	}
	s, err := grafana.Decode(text)
	if err != nil {
		return types.String{}, err
	}
	model, err := grafana.Dashboard(s)
	return types.StringValue(model), err
}
