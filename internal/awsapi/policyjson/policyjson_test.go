package policyjson_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi/policyjson"
)

func TestEqual(t *testing.T) {
	const policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["a:B","c:D"],"Resource":"r"}]}`
	for _, tc := range []struct {
		why, a, b string
		equal     bool
	}{
		{"the same text", policy, policy, true},
		{"white space and the order of keys", policy,
			`{ "Statement": [ {"Resource":"r", "Action": ["a:B", "c:D"], "Effect":"Allow"} ],
			"Version":"2012-10-17" }`, true},
		{"AWS gives actions back in any order", policy,
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["c:D","a:B"],"Resource":"r"}]}`, true},
		{"one statement outside a list, one resource inside", policy,
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["a:B","c:D"],"Resource":["r"]}}`, true},
		{"another action", policy,
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["a:B","c:*"],"Resource":"r"}]}`, false},
		{"one action less", policy,
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["a:B"],"Resource":"r"}]}`, false},
		{"an action twice is not two actions", `{"Action":["a","a"]}`, `{"Action":["a","b"]}`, false},
		{"another member", policy,
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["a:B","c:D"],"Resource":"r","Sid":""}]}`,
			false},
		{"statements in another order", `{"Statement":[{"Sid":"a"},{"Sid":"b"}]}`,
			`{"Statement":[{"Sid":"b"},{"Sid":"a"}]}`, false},
		{"conditions nest", `{"Condition":{"ArnLike":{"aws:SourceArn":["x"]}}}`,
			`{"Condition":{"ArnLike":{"aws:SourceArn":"x"}}}`, true},
		{"text and Boolean are two things", `{"aws:SecureTransport":"false"}`, `{"aws:SecureTransport":false}`, false},
		{"large numbers keep every digit", `{"a":123456789012345678901}`, `{"a":123456789012345678902}`, false},
		{"no policy and no policy", "", "", true},
		{"no policy and one", "", policy, false},
		{"text that is not JSON, twice", "{", "{", true},
		{"text that is not JSON", "{", policy, false},
		{"more text after a policy", policy + "{}", policy, false},
	} {
		if got := policyjson.Equal(tc.a, tc.b); got != tc.equal {
			t.Errorf("%s: Equal = %v", tc.why, got)
		}
		if got := policyjson.Equal(tc.b, tc.a); got != tc.equal {
			t.Errorf("%s, the other way round: Equal = %v", tc.why, got)
		}
	}
}

func FuzzEqual(f *testing.F) {
	f.Add(`{"Statement":[{"Action":["b","a"],"Resource":["r"]}]}`)
	f.Add(`[[],[[]],["a"]]`)
	f.Fuzz(func(t *testing.T, text string) {
		var compact, indented bytes.Buffer
		if json.Compact(&compact, []byte(text)) != nil || json.Indent(&indented, []byte(text), " ", "\t") != nil {
			return
		}
		if !policyjson.Equal(compact.String(), indented.String()) {
			t.Errorf("white space counts in %q", text)
		}
		if policyjson.Equal(text, "["+text+",0]") {
			t.Errorf("%q counts as a list that holds more", text)
		}
	})
}
