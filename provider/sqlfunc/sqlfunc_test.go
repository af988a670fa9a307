package sqlfunc

import (
	"context"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// call runs a function as the framework does.
func call(t *testing.T, f function.Function, arguments ...attr.Value) (attr.Value, *function.FuncError) {
	t.Helper()
	var definition function.DefinitionResponse
	f.Definition(t.Context(), function.DefinitionRequest{}, &definition)
	result, err := definition.Definition.Return.NewResultData(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	resp := function.RunResponse{Result: result}
	f.Run(context.Background(), function.RunRequest{Arguments: function.NewArgumentsData(arguments)}, &resp)
	return resp.Result.Value(), resp.Error
}

func text(s string) attr.Value { return types.StringValue(s) }

// surround is the variadic argument of sql_eval.
func surround(values ...attr.Value) attr.Value {
	kinds, dynamics := make([]attr.Type, len(values)), make([]attr.Value, len(values))
	for i, v := range values {
		kinds[i], dynamics[i] = types.DynamicType, types.DynamicValue(v)
	}
	return types.TupleValueMust(kinds, dynamics)
}

func object(members map[string]attr.Value) attr.Value {
	kinds := map[string]attr.Type{}
	for name, v := range members {
		kinds[name] = v.Type(context.Background())
	}
	return types.ObjectValueMust(kinds, members)
}

func TestEval(t *testing.T) {
	for reason, c := range map[string]struct {
		sql, topic, payload string
		context             attr.Value
		matched             bool
		output              string
	}{
		"a condition that holds": {sql: "SELECT a FROM 't/+' WHERE a > 1", topic: "t/x", payload: `{"a":2,"b":3}`,
			context: surround(), matched: true, output: `{"a":2}`},
		"a condition that does not": {sql: "SELECT a FROM 't/+' WHERE a > 1", topic: "t/x", payload: `{"a":1}`,
			context: surround()},
		"a topic that does not match": {sql: "SELECT a FROM 't/+'", topic: "u/x", payload: `{"a":1}`,
			context: surround()},
		"time is what the context says": {sql: "SELECT timestamp() AS ms FROM 't'", topic: "t", payload: `{}`,
			context: surround(object(map[string]attr.Value{"time": text("2026-01-31T12:00:00Z")})), matched: true,
			output: `{"ms":1769860800000}`},
		"the client is what the context says": {sql: "SELECT clientid() AS c FROM 't'", topic: "t", payload: `{}`,
			context: surround(object(map[string]attr.Value{"client_id": text("soil-001"),
				"principal": types.StringNull()})), matched: true, output: `{"c":"soil-001"}`},
	} {
		value, err := call(t, eval{}, text(c.sql), text(c.topic), text(c.payload), c.context)
		if err != nil {
			t.Errorf("%s: %v", reason, err)
			continue
		}
		got := value.(types.Object).Attributes()
		if got["matched"].(types.Bool).ValueBool() != c.matched ||
			got["output"].(types.String).ValueString() != c.output {
			t.Errorf("%s: %v", reason, value)
		}
	}
}

func TestEvalRefuses(t *testing.T) {
	for reason, c := range map[string]struct {
		sql     string
		context attr.Value
		want    string
	}{
		"a statement that does not parse": {"SELECT FROM", surround(), "1:"},
		"a member that there is not": {"SELECT * FROM 't'",
			surround(object(map[string]attr.Value{"client": text("x")})), `context has no member "client"`},
		"a member of another type": {"SELECT * FROM 't'",
			surround(object(map[string]attr.Value{"time": types.BoolValue(true)})), "context.time must be a string"},
		"an invalid time": {"SELECT * FROM 't'", surround(object(map[string]attr.Value{"time": text("noon")})),
			"is not like"},
		"no object":    {"SELECT * FROM 't'", surround(text("x")), "must be an object"},
		"two contexts": {"SELECT * FROM 't'", surround(object(nil), object(nil)), "one context at most"},
	} {
		if _, err := call(t, eval{}, text(c.sql), text("t"), text("{}"), c.context); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", reason, err, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	value, err := call(t, check{}, text("SELECT * FROM 'a/+/b' WHERE temperature > 50"))
	if err != nil || len(value.(types.List).Elements()) != 0 {
		t.Errorf("a right statement has no errors: %v %v", value, err)
	}
	value, err = call(t, check{}, text("SELECT * FORM 'a'"))
	if err != nil || !strings.Contains(value.String(), "1:10:") {
		t.Errorf("the error should stand at 1:10: %v %v", value, err)
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{{"a/+/c", "a/b/c", true}, {"a/#", "a/b/c", true}, {"a/#", "a", false}, {"a/b", "a/B", false}} {
		value, err := call(t, matches{}, text(c.filter), text(c.topic))
		if err != nil || value.(types.Bool).ValueBool() != c.want {
			t.Errorf("%s, %s: %v %v, want %v", c.filter, c.topic, value, err, c.want)
		}
	}
	if _, err := call(t, matches{}, text("a/#/b"), text("a")); err == nil {
		t.Error("a filter with # in the middle should be an error")
	}
	if _, err := call(t, matches{}, text("a/#"), text("a/+")); err == nil {
		t.Error("a topic with a wildcard should be an error")
	}
}
