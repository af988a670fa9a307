package iotsql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// fakeServices answers with what it was asked, or fails.
type fakeServices struct {
	err    error
	secret string
}

func (f fakeServices) answer(v any) (json.RawMessage, error) {
	if f.err != nil {
		return nil, f.err
	}
	return json.Marshal(v)
}

func (f fakeServices) Lambda(_ context.Context, arn string, input json.RawMessage) (json.RawMessage, error) {
	return f.answer(map[string]any{"arn": arn, "input": input})
}

func (f fakeServices) DynamoDB(_ context.Context, key ItemKey, role string) (json.RawMessage, error) {
	return f.answer(
		fmt.Sprintf("%s %s=%s %s=%s %s", key.Table, key.PartitionName, key.PartitionValue, key.SortName, key.SortValue,
			role),
	)
}

func (f fakeServices) RegistryData(_ context.Context, api, thing, role string) (json.RawMessage, error) {
	return f.answer(map[string]any{"thingName": thing, "api": api})
}

func (f fakeServices) Secret(context.Context, string, string, string) (string, error) {
	return f.secret, f.err
}

func (f fakeServices) ThingShadow(_ context.Context, thing, shadow, role string) (json.RawMessage, error) {
	return f.answer(map[string]any{"state": thing + "/" + shadow})
}

func (f fakeServices) Predict(_ context.Context, model, role string, record json.RawMessage) (json.RawMessage, error) {
	return f.answer(map[string]any{"predictedValue": record})
}

func (f fakeServices) DecodeProtobuf(_ context.Context, raw []byte, d ProtobufType) (json.RawMessage, error) {
	return f.answer(map[string]any{"raw": raw, "type": d.File + "." + d.MessageType})
}

func TestExternalFunctions(t *testing.T) {
	tests := []struct{ sql, secret, want, why string }{
		{"aws_lambda('arn:f', *)", "", `{"arn":"arn:f","input":{"a":1,"b":{"c":[2]}}}`, "14.6 aws_lambda: *"},
		{"aws_lambda('arn:f', {'x': a})", "", `{"arn":"arn:f","input":{"x":1}}`, "14.6 aws_lambda: a literal"},
		{
			"aws_lambda('arn:f', (SELECT c FROM b))",
			"",
			`{"arn":"arn:f","input":{"c":[2]}}`,
			"14.6 aws_lambda: a nested query",
		},
		{"aws_lambda('arn:f', missing)", "", "Undefined", "6: nothing to send"},
		{"get_dynamodb('t', 'id', a, 'role')", "", `"t id=1 = role"`, "14.6 get_dynamodb"},
		{
			"get_dynamodb('t', 'id', 'x', 'sk', a, 'role')",
			"",
			`"t id=\"x\" sk=1 role"`,
			"14.6 get_dynamodb: a sort key",
		},
		{"get_dynamodb('t', 'id', missing, 'role')", "", "Undefined", "6: no key"},
		{"get_dynamodb('t', 'id', 'x', 'sk', 'role')", "", "Undefined", "6: wrong count"},
		{"get_registry_data('DescribeThing', 'T', 'role').thingName", "", `"T"`, "14.6 get_registry_data"},
		{"get_registry_data('Other', 'T', 'role')", "", "Undefined", "14.6 get_registry_data: another operation"},
		{"get_thing_shadow('T', 'role')", "", `{"state":"T/"}`, "14.6 get_thing_shadow: the classic shadow"},
		{"get_thing_shadow('T', 'S', 'role')", "", `{"state":"T/S"}`, "14.6 get_thing_shadow: a named shadow"},
		{"get_secret('id', 'SecretString', 'role')", `{"k":"v"}`, `{"k":"v"}`, "14.6 get_secret: a JSON secret"},
		{"get_secret('id', 'SecretString', 'k', 'role')", `{"k":"v"}`, `"v"`, "14.6 get_secret: a key"},
		{"get_secret('id', 'SecretString', 'role')", "plain", `"plain"`, "14.6 get_secret: a plain secret"},
		{"get_secret('id', 'SecretBinary', 'role')", "AP8=", `"AP8="`, "14.6 get_secret: binary"},
		{"get_secret('id', 'Other', 'role')", "x", "Undefined", "6: no such kind"},
		{
			"get_or_default(get_secret('id', 'SecretString', 'k', 'role'), 'none')",
			"plain",
			`"none"`,
			"14.6 get_secret: a key of a plain secret fails",
		},
		{
			"get_or_default(get_secret('id', 'SecretBinary', 'k', 'role'), 'none')",
			`{"k":1}`,
			`"none"`,
			"14.6 get_secret: a key of a binary secret fails",
		},
		{
			"machinelearning_predict('m', 'role', *)",
			"",
			`{"predictedValue":{"a":1,"b":"{\"c\":[2]}"}}`,
			"14.6 machinelearning_predict: nested values as text",
		},
		{
			"decode(*, 'proto', 'bucket', 'key', 'file', 'Type')",
			"",
			`{"raw":"eyJhIjoxLCJiIjp7ImMiOlsyXX19","type":"file.Type"}`,
			"14.3 decode: the raw payload",
		},
		{"decode('AP8=', 'proto', 'bucket', 'key', 'file', 'Type').raw", "", `"AP8="`, "14.3 decode: base64 text"},
		{"decode(a, 'proto', 'bucket', 'key', 'file', 'Type')", "", "Undefined", "14.3 decode: no text"},
	}
	for _, tt := range tests {
		m := documented(`{"a":1,"b":{"c":[2]}}`)
		m.External = fakeServices{secret: tt.secret}
		if got := evalExpr(t, tt.sql, m, Options{}); got != tt.want {
			t.Errorf("%s: %s = %s, want %s", tt.why, tt.sql, got, tt.want)
		}
	}
}

func TestExternalFailures(t *testing.T) {
	broken := errors.New("the service is down")
	for _, sql := range []string{
		"aws_lambda('arn:f', *)", "get_dynamodb('t', 'id', 'x', 'role')",
		"get_registry_data('DescribeThing', 'T', 'role')", "get_secret('id', 'SecretString', 'role')",
		"get_thing_shadow('T', 'role')", "machinelearning_predict('m', 'role', *)",
		"decode(*, 'proto', 'b', 'k', 'f', 'T')",
	} {
		q, err := Compile("SELECT upper("+sql+") AS a FROM 't'", Options{})
		if err != nil {
			t.Fatal(err)
		}
		m := &Message{Topic: "t", Payload: []byte("{}"), External: fakeServices{err: broken}}
		if _, err := q.Eval(context.Background(), m); !errors.Is(err, broken) {
			t.Errorf("[IoT-SQL 14.6] %s: %v, want the service's error", sql, err)
		}
		m.External = nil
		if r, err := q.Eval(context.Background(), m); err == nil || r.Matched {
			t.Errorf("%s without services: %+v, %v", sql, r, err)
		}
		where, err := CompileCondition("NOT isUndefined("+sql+")", Options{})
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := where.Eval(context.Background(), m); ok || err == nil ||
			!strings.Contains(err.Error(), "calling ") {
			t.Errorf("condition on %s without services: %t, %v", sql, ok, err)
		}
	}
}

// TestGuardCatchesItsOwn has a failure beside get_or_default, which is not for it to catch.
func TestGuardCatchesItsOwn(t *testing.T) {
	q, err := Compile("SELECT concat('a', get_thing_shadow('t', 'role')) = get_or_default(missing, 'b') AS x FROM 't'",
		Options{})
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the service is down")
	if _, err := q.Eval(context.Background(), &Message{Topic: "t", External: fakeServices{err: broken}}); !errors.Is(
		err,
		broken,
	) {
		t.Errorf("[IoT-SQL 14.3 get_or_default] %v, want the service's error", err)
	}
}
