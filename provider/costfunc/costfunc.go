// Package costfunc holds the provider function that computes what a pipeline costs. The prices and the computation are
// in internal/costs.
package costfunc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/argument"
	"github.com/iot-pipeline/terraform-provider-iot/internal/costs"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfvalue"
)

// All are the constructors of the functions.
func All() []func() function.Function {
	return []func() function.Function{func() function.Function { return monthlyCost{} }}
}

type monthlyCost struct{}

func (monthlyCost) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "monthly_cost"
}

// The members of the argument, for the reference.
const members = "`devices` (default 1), " +
	"`interval_seconds` between two messages of a device (60), " +
	"`message_bytes` (1024), " +
	"`readings_per_message` (1), " +
	"`measures_per_reading` (4), " +
	"`basic_ingest` (false): devices publish straight to the telemetry rule, " +
	"`connected` all the time (true), " +
	"`stream` = { `mode`, `shards` }, " +
	"`processor` = { `batch_size`, `batch_window_seconds`, `memory_mb` }, " +
	"`device_state` = { `refresh_seconds` }, " +
	"`archive` = { `enabled`, `delivery`, `format`, `buffer_seconds`, `buffer_mb` }, " +
	"`timestream` = { `layout`, `memory_retention_hours` }, " +
	"`recent` = { `hours` }, " +
	"`metrics` = { `window_seconds`, `keep_days`, `export` }, " +
	"`influxdb` = { `instance` = { `type` } }, " +
	"`alerts` = { `evaluate`, `share` of the messages that raise one (0), `email_subscribers` (0) }, " +
	"`monitoring` = { `alarms`: how many metrics the alarms look at (20), `dashboard` (true) }, " +
	"`api` = { `requests_per_day` (1000), `memory_mb` }, " +
	"`edge` = { `gateways` (1) behind which all devices are, `status_seconds` (300), `commands_per_day` (0), " +
	"`greengrass` ({} if it deploys to them) }, " +
	"`credentials` = { `store` }, " +
	"`queries` = { `per_day` (1), `days` of the archive that each reads (1) }, " +
	"`prices`: a map that replaces list prices by their keys in the guide."

func (monthlyCost) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Computes what a pipeline costs per month",
		MarkdownDescription: "Computes what a pipeline costs in a month of 730 hours, from AWS's list prices in `" +
			costs.Region + "` without free tiers. It sends no request. The guide [Costs](../guides/costs.md) has the " +
			"price table and says how each part is counted.\n\n" +
			"The result has `total`, `fixed` (what does not grow with the messages), `per_million_messages` (the " +
			"rest), `messages` per month, `items`, `prices_as_of`, `region` and `currency`. An item has `name`, " +
			"`quantity`, `unit`, `price` (of a unit; of the first, if the price falls with the quantity), `cost` and " +
			"`fixed`.",
		Parameters: []function.Parameter{function.DynamicParameter{
			Name: "setup",
			MarkdownDescription: "An object with any of these members; those that `iot_pipeline` has as well have " +
				"its defaults: " + members,
		}},
		Return: function.ObjectReturn{AttributeTypes: resultTypes},
	}
}

var itemTypes = map[string]attr.Type{
	"name": types.StringType, "quantity": types.Float64Type, "unit": types.StringType, "price": types.Float64Type,
	"cost": types.Float64Type, "fixed": types.BoolType,
}

var resultTypes = map[string]attr.Type{
	"total": types.Float64Type, "fixed": types.Float64Type, "per_million_messages": types.Float64Type,
	"messages": types.Float64Type, "items": types.ListType{ElemType: types.ObjectType{AttrTypes: itemTypes}},
	"prices_as_of": types.StringType, "region": types.StringType, "currency": types.StringType,
}

func (monthlyCost) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var setup types.Dynamic
	if resp.Error = req.Arguments.Get(ctx, &setup); resp.Error != nil {
		return
	}
	estimate, err := estimateOf(ctx, setup)
	if err != nil {
		var member *argument.Error
		text := err.Error()
		if errors.As(err, &member) {
			text = "setup" + strings.TrimSuffix("."+member.Path, ".") + ": " + member.Detail + "."
		}
		resp.Error = function.NewArgumentFuncError(0, text)
		return
	}
	resp.Error = resp.Result.Set(ctx, resultOf(estimate))
}

func estimateOf(ctx context.Context, given types.Dynamic) (costs.Estimate, error) {
	value, err := given.UnderlyingValue().ToTerraformValue(ctx)
	if err != nil {
		return costs.Estimate{}, err
	}
	tree, err := tfvalue.Tree(value)
	if err != nil {
		return costs.Estimate{}, err
	}
	text, err := json.Marshal(tree)
	if err != nil {
		return costs.Estimate{}, fmt.Errorf("reading setup: %w", err)
	}
	setup, err := costs.Decode(text)
	if err != nil {
		return costs.Estimate{}, err
	}
	return costs.Of(setup)
}

func resultOf(e costs.Estimate) types.Object {
	items := make([]attr.Value, len(e.Items))
	for i, item := range e.Items {
		items[i] = types.ObjectValueMust(itemTypes, map[string]attr.Value{
			"name":     types.StringValue(item.Name),
			"quantity": rounded(item.Quantity),
			"unit":     types.StringValue(item.Unit),
			"price":    types.Float64Value(item.Price),
			"cost":     rounded(item.Cost),
			"fixed":    types.BoolValue(item.Fixed),
		})
	}
	return types.ObjectValueMust(resultTypes, map[string]attr.Value{
		"total":                rounded(e.Total()),
		"fixed":                rounded(e.Fixed()),
		"per_million_messages": rounded(e.PerMillion()),
		"messages":             rounded(e.Messages),
		"items":                types.ListValueMust(types.ObjectType{AttrTypes: itemTypes}, items),
		"prices_as_of":         types.StringValue(costs.PricesAsOf),
		"region":               types.StringValue(costs.Region),
		"currency":             types.StringValue(costs.Currency),
	})
}

// rounded leaves six digits after the point; what is beyond them is noise of the arithmetic.
func rounded(v float64) types.Float64 { return types.Float64Value(math.Round(v*1e6) / 1e6) }
