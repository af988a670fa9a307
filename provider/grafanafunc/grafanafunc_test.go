package grafanafunc

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/grafana"
)

// call runs the function as the framework does.
func call(t *testing.T, setup types.Dynamic) (types.String, *function.FuncError) {
	t.Helper()
	var definition function.DefinitionResponse
	dashboard{}.Definition(t.Context(), function.DefinitionRequest{}, &definition)
	result, err := definition.Definition.Return.NewResultData(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	resp := function.RunResponse{Result: result}
	dashboard{}.Run(t.Context(), function.RunRequest{
		Arguments: function.NewArgumentsData([]attr.Value{setup}),
	}, &resp)
	return resp.Result.Value().(types.String), resp.Error
}

func object(members map[string]attr.Value) attr.Value {
	kinds := map[string]attr.Type{}
	for name, v := range members {
		kinds[name] = v.Type(context.Background())
	}
	return types.ObjectValueMust(kinds, members)
}

// pipeline is a pipeline as a plan that changes it shows it: some attributes are not known.
func pipeline(changes map[string]attr.Value) attr.Value {
	members := map[string]attr.Value{
		"name": types.StringValue("greenhouse"), "region": types.StringValue("eu-west-1"),
		"account_id": types.StringValue("123456789012"),
		"function_arns": types.MapValueMust(types.StringType, map[string]attr.Value{
			"processor": types.StringValue("arn:aws:lambda:eu-west-1:123456789012:function:greenhouse-processor")}),
		"dead_letter_queue_url": types.StringUnknown(),
		"parts":                 types.MapUnknown(types.StringType),
		"influxdb": object(map[string]attr.Value{"bucket": types.StringValue("farm"), "url": types.StringUnknown(),
			"version": types.Int64Null()}),
		"alerts": types.StringNull(),
	}
	for name, v := range changes {
		members[name] = v
	}
	return object(members)
}

func setup(pipeline attr.Value, more map[string]attr.Value) types.Dynamic {
	members := map[string]attr.Value{"pipeline": pipeline, "datasources": object(map[string]attr.Value{
		"cloudwatch": types.StringValue("cw"), "influxdb": types.StringValue("in")})}
	for name, v := range more {
		members[name] = v
	}
	return types.DynamicValue(object(members))
}

// The result is that of internal/grafana, although the plan does not know all of the pipeline.
func TestDashboard(t *testing.T) {
	got, refused := call(t, setup(pipeline(nil), map[string]attr.Value{"measures": types.TupleValueMust(
		[]attr.Type{types.StringType}, []attr.Value{types.StringValue("temperature")})}))
	if refused != nil {
		t.Fatal(refused)
	}
	cw, influx := "cw", "in"
	want, err := grafana.Dashboard(grafana.Setup{
		Pipeline: grafana.Pipeline{Name: "greenhouse", Region: "eu-west-1", AccountID: "123456789012",
			FunctionARNs: map[string]string{
				"processor": "arn:aws:lambda:eu-west-1:123456789012:function:greenhouse-processor"},
			InfluxDB: &grafana.InfluxDB{Bucket: "farm"}},
		Datasources: grafana.Datasources{CloudWatch: &cw, InfluxDB: &influx},
		Measures:    []string{"temperature"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.ValueString() != want || !json.Valid([]byte(want)) {
		t.Errorf("the dashboard is\n%s\nwant\n%s", got.ValueString(), want)
	}
}

// What the dashboard depends on must be known.
func TestUnknown(t *testing.T) {
	for what, argument := range map[string]types.Dynamic{
		"everything": types.DynamicUnknown(),
		"pipeline": setup(types.ObjectUnknown(map[string]attr.Type{"name": types.StringType}),
			nil),
		"account":   setup(pipeline(map[string]attr.Value{"account_id": types.StringUnknown()}), nil),
		"functions": setup(pipeline(map[string]attr.Value{"function_arns": types.MapUnknown(types.StringType)}), nil),
		"bucket": setup(pipeline(map[string]attr.Value{"influxdb": object(map[string]attr.Value{
			"bucket": types.StringUnknown()})}), nil),
		"stream or queue": setup(pipeline(map[string]attr.Value{"stream": object(map[string]attr.Value{
			"mode": types.StringUnknown()})}), nil),
		"data source": setup(pipeline(nil), map[string]attr.Value{"datasources": object(map[string]attr.Value{
			"cloudwatch": types.StringUnknown()})}),
	} {
		if got, refused := call(t, argument); refused != nil || !got.IsUnknown() {
			t.Errorf("%s: %v, %v", what, got, refused)
		}
	}
}

func TestRefuses(t *testing.T) {
	for what, c := range map[string]struct {
		argument types.Dynamic
		want     string
	}{
		"a member that there is not": {setup(pipeline(nil), map[string]attr.Value{"titl": types.StringValue("x")}),
			`setup.titl: there is no such member (did you mean "title"?)`},
		"a data source without a store": {setup(pipeline(nil), map[string]attr.Value{"datasources": object(
			map[string]attr.Value{"athena": types.StringValue("x")})}), "setup.datasources.athena: the pipeline has no"},
		"another type": {setup(types.StringValue("greenhouse"), nil), "setup.pipeline: must be an object, not a string."},
		"no object":    {types.DynamicValue(types.StringValue("x")), "setup: must be an object, such as"},
	} {
		if _, refused := call(t, c.argument); refused == nil || !strings.Contains(refused.Error(), c.want) ||
			refused.FunctionArgument == nil || *refused.FunctionArgument != 0 {
			t.Errorf("%s: %v", what, refused)
		}
	}
}

// The reference names every member.
func TestTheReferenceIsComplete(t *testing.T) {
	for _, text := range []string{`{"xyzzy":1}`, `{"datasources":{"xyzzy":1}}`} {
		_, err := grafana.Decode([]byte(text))
		_, list, _ := strings.Cut(fmt.Sprint(err), "there are ")
		names := strings.Split(list, ", ")
		if len(names) < 4 {
			t.Fatalf("%v", err)
		}
		for _, name := range names {
			if !strings.Contains(members, "`"+name+"`") {
				t.Errorf("the reference does not name %s", name)
			}
		}
	}
}
