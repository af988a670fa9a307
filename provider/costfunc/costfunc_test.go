package costfunc

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/costs"
)

// call runs the function as the framework does.
func call(t *testing.T, setup attr.Value) (map[string]attr.Value, *function.FuncError) {
	t.Helper()
	var definition function.DefinitionResponse
	monthlyCost{}.Definition(t.Context(), function.DefinitionRequest{}, &definition)
	result, err := definition.Definition.Return.NewResultData(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	resp := function.RunResponse{Result: result}
	monthlyCost{}.Run(t.Context(), function.RunRequest{
		Arguments: function.NewArgumentsData([]attr.Value{types.DynamicValue(setup)}),
	}, &resp)
	return resp.Result.Value().(types.Object).Attributes(), resp.Error
}

func object(members map[string]attr.Value) attr.Value {
	kinds := map[string]attr.Type{}
	for name, v := range members {
		kinds[name] = v.Type(context.Background())
	}
	return types.ObjectValueMust(kinds, members)
}

func number(n float64) attr.Value { return types.NumberValue(big.NewFloat(n)) }

func float(t *testing.T, v attr.Value) float64 {
	t.Helper()
	f, ok := v.(types.Float64)
	if !ok {
		t.Fatalf("%v is not a number", v)
	}
	return f.ValueFloat64()
}

func TestTotals(t *testing.T) {
	got, err := call(t, object(map[string]attr.Value{
		"devices": number(1000), "alerts": types.DynamicNull(),
		"stream": object(map[string]attr.Value{"mode": types.StringValue("provisioned"), "shards": number(1)}),
	}))
	if err != nil {
		t.Fatal(err)
	}
	sum, fixed := 0.0, 0.0
	names := map[string]bool{}
	for _, v := range got["items"].(types.List).Elements() {
		item := v.(types.Object).Attributes()
		names[item["name"].(types.String).ValueString()] = true
		sum += float(t, item["cost"])
		if item["fixed"].(types.Bool).ValueBool() {
			fixed += float(t, item["cost"])
		}
	}
	const millions = 1000 * 730 * 60 / 1e6
	for what, difference := range map[string]float64{
		"total":                sum - float(t, got["total"]),
		"fixed":                fixed - float(t, got["fixed"]),
		"per_million_messages": (sum-fixed)/millions - float(t, got["per_million_messages"]),
		"messages":             millions*1e6 - float(t, got["messages"]),
	} {
		if math.Abs(difference) > 1e-4 {
			t.Errorf("%s differs from the items by %v", what, difference)
		}
	}
	if !names["Kinesis: shards"] || names["Kinesis: stream"] {
		t.Errorf("the stream is provisioned: %v", names)
	}
	if got["prices_as_of"].(types.String).ValueString() != costs.PricesAsOf {
		t.Errorf("prices as of %v", got["prices_as_of"])
	}
}

func TestRefuses(t *testing.T) {
	for reason, c := range map[string]struct {
		setup attr.Value
		want  string
	}{
		"a member that there is not": {object(map[string]attr.Value{"device": number(3)}),
			`setup.device: there is no such member (did you mean "devices"?)`},
		"a member of another type": {object(map[string]attr.Value{"devices": types.StringValue("many")}),
			"setup.devices: must be a number, not a string."},
		"a value out of range": {object(map[string]attr.Value{"interval_seconds": number(0)}),
			"setup.interval_seconds: 0 is not between"},
		"alerts that would get no message": {object(map[string]attr.Value{
			"basic_ingest": types.BoolValue(true), "alerts": object(nil)}), "setup.basic_ingest: with Basic Ingest"},
		"no object": {types.StringValue("x"), "setup: must be an object, such as"},
	} {
		if _, err := call(t, c.setup); err == nil || !strings.Contains(err.Error(), c.want) ||
			err.FunctionArgument == nil || *err.FunctionArgument != 0 {
			t.Errorf("%s: %v", reason, err)
		}
	}
}

// The guide says what the function says: its row of 1000 devices, and its cheapest setup.
func TestTheGuideAgrees(t *testing.T) {
	page, err := os.ReadFile("../../docs/guides/costs.md")
	if err != nil {
		t.Fatal(err)
	}
	fleet := map[string]attr.Value{"devices": number(1000)}
	dear, refused := call(t, object(fleet))
	if refused != nil {
		t.Fatal(refused)
	}
	fleet["basic_ingest"] = types.BoolValue(true)
	fleet["processor"] = object(map[string]attr.Value{"batch_size": number(10_000), "batch_window_seconds": number(300)})
	cheap, refused := call(t, object(fleet))
	if refused != nil {
		t.Fatal(refused)
	}
	for _, want := range []string{
		fmt.Sprintf("| 1,000 | 43.80 million | %.2f | %.2f |", float(t, dear["fixed"]), float(t, dear["total"])),
		fmt.Sprintf("The cheapest setup costs %.2f USD per million messages", float(t, cheap["per_million_messages"])),
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the guide does not say %q", want)
		}
	}
	for _, p := range costs.Prices() {
		if !strings.Contains(string(page), "`"+p.Key+"`") {
			t.Errorf("the guide has no price %s", p.Key)
		}
	}
}

// The reference names every member.
func TestTheReferenceIsComplete(t *testing.T) {
	_, err := costs.Decode([]byte(`{"xyzzy":1}`))
	_, list, _ := strings.Cut(fmt.Sprint(err), "there are ")
	names := strings.Split(list, ", ")
	if len(names) < 10 {
		t.Fatalf("%v", err)
	}
	for _, name := range names {
		if !strings.Contains(members, "`"+name+"`") {
			t.Errorf("the reference does not name %s", name)
		}
	}
}
