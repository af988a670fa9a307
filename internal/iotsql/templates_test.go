package iotsql

import (
	"context"
	"testing"
)

func TestTemplates(t *testing.T) {
	tests := []struct{ text, topic, payload, want, why string }{
		{"${topic()}/republish", "my/iot/topic", "", "my/iot/topic/republish", "16: AWS's example"},
		{"${topic(3)}/delta", "$aws/things/T/shadow/update/delta", "", "T/delta", "16: AWS's example"},
		{"${parse_time('yyyy', timestamp(), 'UTC')}", "t", "", "2016", "16: AWS's example"},
		{"${topic()}/${timestamp()}", "some/topic", "", "some/topic/1481825251155", "16: AWS's example"},
		{"${get(position, 0)}", "t", `{"position":["-12.3456","65.4321"]}`, "-12.3456", "16: a String without quotes"},
		{"a${x}b", "t", `{"x":1.50}`, "a1.5b", "16: a number"},
		{"a${x}b", "t", `{"x":[1,"a"]}`, `a[1,"a"]b`, "16: JSON text"},
		{"a${x}b", "t", `{"x":true}`, `atrueb`, "16: a Boolean"},
		{"a${missing}b", "t", `{}`, "ab", "6, 16: Undefined is empty"},
		{"a${x}b", "t", `{"x":null}`, "ab", "7, 16: Null is not a String"},
		{"${floor(timestamp() / 1E3)}", "t", "", "1481825251", "16: AWS's example"},
		{"${(timestamp() % 1E3) * 1E6}", "t", "", "155000000", "16: AWS's example"},
		{
			`f:${CASE get(get_user_properties('environment'),0) WHEN "PROD" THEN "a" WHEN "DEV" THEN "b" ELSE "a" END}`,
			"t",
			"",
			"f:",
			"16: no such property makes CASE Undefined",
		},
		{`${replace(topic(), '/', '-') + '-' + timestamp()}`, "a/b", "", "a-b-1481825251155", "16: AWS's example"},
		{"${{'a': {'b': 1}}}", "t", "", `{"a":{"b":1}}`, "16: braces inside"},
		{"${'}'}", "t", "", `}`, "16: a brace in a text"},
		{"no template $ {x} @{y}", "t", `{"x":1}`, "no template $ {x} @{y}", "16: other text"},
		{"", "t", "", "", "16: empty text"},
		{"${value}", "t", `{"value":"v"}`, "v", "2: value is a field name"},
		{"${@x}", "t", "", "", "16: a variable without its rule"},
		{"$${x}", "t", `{"x":1}`, "$1", "16: a dollar before"},
	}
	for _, tt := range tests {
		tmpl, err := CompileTemplate(tt.text, Options{})
		if err != nil {
			t.Errorf("%s: CompileTemplate(%s): %v", tt.why, tt.text, err)
			continue
		}
		m := documented(tt.payload)
		m.Topic = tt.topic
		if got, err := tmpl.Eval(context.Background(), m); err != nil || got != tt.want {
			t.Errorf("%s: %s = %q, %v, want %q", tt.why, tt.text, got, err, tt.want)
		}
	}
}

func TestTemplateVariables(t *testing.T) {
	q, err := Compile("SET @unused = 1, @temp_celsius = (temp_fahrenheit - 32) / 2 SELECT * FROM 't'", Options{})
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := CompileTemplate("temperature-data/${device_id}/temp-${@temp_celsius}C.json", Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := q.EvalTemplate(
		context.Background(),
		tmpl,
		&Message{Topic: "t", Payload: []byte(`{"temp_fahrenheit":74,"device_id":"d1"}`)},
	)
	if want := "temperature-data/d1/temp-21C.json"; err != nil || got != want {
		t.Errorf("[IoT-SQL 4 SET] template = %q, %v, want %q", got, err, want)
	}
	if v := tmpl.Variables(); len(v) != 1 || v[0] != "temp_celsius" {
		t.Errorf("Variables() = %q", v)
	}
}
