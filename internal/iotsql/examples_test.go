package iotsql

import (
	"context"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/eval"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/syntax"
)

// documented is the message that the examples of the functions are about.
func documented(payload string) *Message {
	if payload == "" {
		payload = "{}"
	}
	return &Message{
		Topic: "things/myThings/thingOne", Payload: []byte(payload), AccountID: "123456789012",
		SourceIP:  "192.158.1.38",
		Principal: "ba67293af50bf2506f5f93469686da660c7c844e7b3950bfb16813e0d31e9373",
		TraceID:   "12345678-1234-1234-1234-123456789012",
		Time:      time.UnixMilli(1481825251155),
		MQTT5: &Properties{
			UTF8: true, ContentType: "application/json",
			User: userProperties("some key", "some value", "other key", "a different value", "some key",
				"value with duplicate key"),
		},
	}
}

// evalExpr evaluates an expression to JSON text, or Undefined.
func evalExpr(t *testing.T, sql string, m *Message, o Options) string {
	t.Helper()
	q, err := Compile("SELECT VALUE "+sql, o)
	if err != nil {
		t.Errorf("Compile(%s): %v", sql, err)
		return ""
	}
	r, err := q.Eval(context.Background(), m)
	if err != nil {
		t.Errorf("evaluating %s: %v", sql, err)
		return ""
	}
	if len(r.Payload) == 0 {
		return "Undefined"
	}
	return string(r.Payload)
}

func TestFunctionExamples(t *testing.T) {
	for _, f := range Functions() {
		if f.Doc == "" || f.Signature == "" || f.Section == "" {
			t.Errorf("%s has no documentation", f.Name)
		}
		if len(f.Examples) == 0 && !f.External {
			t.Errorf("%s has no example", f.Name)
		}
		for _, e := range f.Examples {
			if got := evalExpr(t, e.SQL, documented(e.Payload), Options{}); got != e.Want {
				t.Errorf("[IoT-SQL %s %s] %s over %q = %s, want %s", f.Section, f.Name, e.SQL, e.Payload, got, e.Want)
			}
		}
	}
}

func TestExamplesPrintAndParse(t *testing.T) {
	for _, f := range Functions() {
		for _, e := range f.Examples {
			c, report := eval.CompileCondition(e.SQL, eval.Options{})
			if report.Failed() {
				t.Errorf("%s: %v", e.SQL, report.Errors())
				continue
			}
			again, report := syntax.ParseCondition(c.String())
			if report.Failed() || syntax.PrintExpr(again) != c.String() {
				t.Errorf("%s prints as %s, which reads as %s", e.SQL, c, syntax.PrintExpr(again))
			}
		}
	}
}

func userProperties(pairs ...string) []UserProperty {
	var list []UserProperty
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, UserProperty{Key: pairs[i], Value: pairs[i+1]})
	}
	return list
}
