package iotsql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// jsonTemplate compiles a template that is JSON.
func jsonTemplate(t *testing.T, text string) *JSONTemplate {
	t.Helper()
	tmpl, err := CompileTemplate(text, Options{Names: []string{"thing"}})
	if err != nil {
		t.Fatal(err)
	}
	j, err := tmpl.JSON()
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return j
}

func published(payload string) *Message {
	return &Message{Topic: "gh/soil-001/telemetry", Payload: []byte(payload),
		Bindings: map[string]json.RawMessage{"thing": json.RawMessage(`"soil-001"`)}}
}

func TestJSONTemplates(t *testing.T) {
	const note = `{"action":"show","note":"${note}"}`
	tests := []struct{ why, text, payload, want string }{
		{"the attack: a value that ends its string and adds a member",
			note, `{"note":"x\",\"action\":\"open_door"}`,
			`{"action":"show","note":"x\",\"action\":\"open_door"}`},
		{"a value that is harmless is inserted as it is",
			note, `{"note":"21 °C"}`, `{"action":"show","note":"21 °C"}`},
		{"a backslash at the end would escape the closing quote",
			note, `{"note":"x\\"}`, `{"action":"show","note":"x\\"}`},
		{"control characters", note, `{"note":"a\nb\u0000\u001f\t"}`, `{"action":"show","note":"a\nb\u0000\u001f\t"}`},
		{"U+2028 and HTML are text: JSON requires no escape",
			note, `{"note":"\u2028</script>"}`, `{"action":"show","note":"` + "\u2028" + `</script>"}`},
		{"what is not UTF-8 becomes U+FFFD",
			note, `{"note":"a` + "\xff" + `b"}`, `{"action":"show","note":"a` + "\uFFFD" + `b"}`},
		{"half a surrogate pair becomes U+FFFD",
			note, `{"note":"\ud83d"}`, `{"action":"show","note":"` + "\uFFFD" + `"}`},
		{"a surrogate pair", note, `{"note":"\ud83d\ude00"}`, `{"action":"show","note":"😀"}`},
		{"a value is not a template", note, `{"note":"${thing}"}`, `{"action":"show","note":"${thing}"}`},
		{"a number in a string", note, `{"note":1.50}`, `{"action":"show","note":"1.5"}`},
		{"a Boolean in a string", note, `{"note":true}`, `{"action":"show","note":"true"}`},
		{"an object in a string is its escaped JSON",
			note, `{"note":{"a":["\""]}}`, `{"action":"show","note":"{\"a\":[\"\\\"\"]}"}`},
		{"Undefined in a string is empty, as in every template", note, `{}`, `{"action":"show","note":""}`},
		{"Null in a string is empty, as in every template", note, `{"note":null}`, `{"action":"show","note":""}`},
		{"a payload that is not JSON has no values", note, "\x00\xff", `{"action":"show","note":""}`},

		{"a number as a value", `{"level": ${x}}`, `{"x":1.50}`, `{"level": 1.5}`},
		{"a Boolean as a value", `{"level": ${x}}`, `{"x":false}`, `{"level": false}`},
		{"null as a value", `{"level": ${x}}`, `{"x":null}`, `{"level": null}`},
		{"Undefined as a value is null", `{"level": ${x}}`, `{}`, `{"level": null}`},
		{"a string as a value gets its quotes", `{"level": ${x}}`, `{"x":"high"}`, `{"level": "high"}`},
		{"a string that looks like members is a string",
			`{"level": ${x}}`, `{"x":"1,\"action\":\"open_door\""}`, `{"level": "1,\"action\":\"open_door\""}`},
		{"an object as a value", `{"level": ${x}}`, `{"x":{"b":1,"a":[true]}}`, `{"level": {"b":1,"a":[true]}}`},
		{"a key that is repeated in the payload is written once",
			`{"level": ${x}}`, `{"x":{"a":1,"a":2}}`, `{"level": {"a":2}}`},
		{"a very large number", `{"level": ${x}}`, `{"x":1e400}`, `{"level": 1E400}`},
		{"several values of an array", `[${x}, ${y}]`, `{"x":1,"y":"z"}`, `[1, "z"]`},
		{"values next to each other in a string", `"${x}${y}"`, `{"x":"\\","y":"\""}`, `"\\\""`},
		{"the template's own escapes stay", `{"a":"\"${x}\u00e9\n"}`, `{"x":"\""}`, `{"a":"\"\"\u00e9\n"}`},
		{"an escaped backslash before a value", `{"a":"\\${x}"}`, `{"x":"n"}`, `{"a":"\\n"}`},
		{"half a surrogate pair before a value: a value cannot complete it",
			`{"a":"\ud83d${x}"}`, `{"x":"\\ude00"}`, `{"a":"\ud83d\\ude00"}`},
		{"a quote within an expression is not the template's",
			`{"a":"${concat("x", y)}","b":${'"'}}`, `{"y":"z"}`, `{"a":"xz","b":"\""}`},
		{"a key", `{"${x}":1,"b":2}`, `{"x":"a\":0,\"c"}`, `{"a\":0,\"c":1,"b":2}`},
		{"the same key in another object", `{"${x}":{"a":1}}`, `{"x":"a"}`, `{"a":{"a":1}}`},
		{"space around", " \n[${x}]\t", `{"x":1}`, " \n[1]\t"},
		{"the thing's name", `{"thing":${thing}}`, `{"thing":"forged"}`, `{"thing":"soil-001"}`},
		{"no expression", `{"action":"on"}`, `{}`, `{"action":"on"}`},
	}
	for _, tt := range tests {
		got, err := jsonTemplate(t, tt.text).Eval(context.Background(), published(tt.payload))
		if err != nil || got != tt.want {
			t.Errorf("%s: %s with %s = %s, %v, want %s", tt.why, tt.text, tt.payload, got, err, tt.want)
		}
	}
}

func TestTemplatesThatAreNotJSON(t *testing.T) {
	for _, tt := range []struct{ why, text, want string }{
		{"plain text", "open ${x}", "1:1: not JSON"},
		{"one expression has no structure", " ${x} ", "1:1: the value is all of the text"},
		{"a backslash in front of an expression", `{"a":"\${x}"}`, "1:7: not JSON: not an escape sequence"},
		{"an escape that a value would complete", `{"a":"\u00${x}"}`, "1:7: not JSON: not an escape sequence"},
		{"two values side by side", `{"a":${x}${y}}`, "1:10: not JSON: no comma"},
		{"a number in pieces", `{"a":-${x}}`, "1:7: not JSON: no digit"},
		{"a number that goes on", `{"a":${x}0}`, "1:10: not JSON: no comma"},
		{"a member from a value", `{"a":1${x}}`, "1:7: not JSON: no comma"},
		{"a key without quotes", `{${x}:1}`, "1:2: not JSON: no string"},
		{"a string without an end", "{\"a\":1,\n\"b${x}", "2:3: not JSON: the string does not end"},
		{"nothing", "", "1:1: not JSON: not a value"},
		{"too deep", strings.Repeat("[", 2000) + "${x}", "not JSON: nested more than"},
	} {
		tmpl, err := CompileTemplate(tt.text, Options{})
		if err != nil {
			t.Fatalf("%s: %v", tt.why, err)
		}
		_, err = tmpl.JSON()
		var list ErrorList
		if !errors.As(err, &list) || len(list) != 1 || !strings.Contains(list[0].String(), tt.want) {
			t.Errorf("%s: %.50s: got error %v, want %q", tt.why, tt.text, err, tt.want)
		}
	}
}

func TestKeysOfJSONTemplates(t *testing.T) {
	for _, tt := range []struct{ why, text, payload, warning, problem string }{
		{"a value that repeats a key", `{"action":"show","${x}":1}`, `{"x":"action"}`,
			"1:18: this key depends on the message", `the key "action" appears twice`},
		{"a key that is written with an escape", `{"\u0061ction":"show","${x}":1}`, `{"x":"action"}`,
			"1:23: this key depends", `the key "action" appears twice`},
		{"two values that are equal", `[{"${x}":1,"${y}":1}]`, `{"x":"a","y":"a"}`,
			"1:3: this key depends", `the key "a" appears twice`},
		{"values that differ", `[{"${x}":1,"${y}":1}]`, `{"x":"a","y":"b"}`, "1:3: this key depends", ""},
		{"a key that no message chooses", `{"${thing}":1}`, `{}`, "", ""},
		{"the template's own mistake", `{"a":1, "a":${x}}`, `{"x":1}`, `1:9: the key "a" appears twice`, ""},
	} {
		tmpl := jsonTemplate(t, tt.text)
		if got := fmt.Sprint(tmpl.Warnings()); !strings.Contains(got, tt.warning) ||
			tt.warning == "" && len(tmpl.Warnings()) > 0 {
			t.Errorf("%s: warnings %s, want %q", tt.why, got, tt.warning)
		}
		_, err := tmpl.Eval(context.Background(), published(tt.payload))
		if (err == nil) != (tt.problem == "") || err != nil && !strings.Contains(err.Error(), tt.problem) {
			t.Errorf("%s: error %v, want %q", tt.why, err, tt.problem)
		}
	}
}

func TestJSONTemplatesAreBounded(t *testing.T) {
	huge := `{"x":"` + strings.Repeat(`\u0000`, 200_000) + `"}`
	for _, text := range []string{`"${x}"`, `[${x}]`, `["${x}${x}"]`, `[${[x, x, x, x, x, x]}]`} {
		if got, err := jsonTemplate(t, text).Eval(context.Background(), published(huge)); err == nil {
			t.Errorf("%s gives %d bytes", text, len(got))
		}
	}
}

// A command is rendered for every alert, so all that it costs is its text.
func TestJSONTemplatesAllocateTheirTextOnly(t *testing.T) {
	j := jsonTemplate(t, `{"action":"show","note":"at ${temperature} on ${thing}","level":${temperature}}`)
	m := published(`{"temperature":21.5}`)
	plain, err := CompileTemplate(`${temperature}`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	least := testing.AllocsPerRun(100, func() { plain.Eval(ctx, m) })
	got := testing.AllocsPerRun(100, func() { j.Eval(ctx, m) })
	if got > least+2 { // the name of the thing is decoded
		t.Errorf("%v allocations, a template with one number takes %v", got, least)
	}
}

func TestEvalMap(t *testing.T) {
	tmpl, err := CompileTemplate("${a}\n${b}", Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := tmpl.EvalMap(context.Background(), published(`{"a":"x\ny","b":1}`), func(s string) string {
		return "<" + strings.ReplaceAll(s, "\n", " ") + ">"
	})
	if want := "<x y>\n<1>"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}
