package jsontext

import (
	"encoding/json"
	"testing"
)

func TestAppendString(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "plain": "plain", `a "quote" and a \`: `a "quote" and a \`,
		"line\nbreak\tand \r\b\f\x00\x1f": "line\nbreak\tand \r\b\f\x00\x1f",
		"é 😀":                             "é 😀", "\u2028": "\u2028", `ends in "`: `ends in "`,
		"not UTF-8: \xff": "not UTF-8: \ufffd",
	} {
		var got string
		written := AppendString(nil, text)
		if err := json.Unmarshal(written, &got); err != nil || got != want {
			t.Errorf("%q is written as %s: %v", text, written, err)
		}
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("a\n\"\\é")
	f.Fuzz(func(t *testing.T, text string) {
		var got, want string
		encoded, err := json.Marshal(text)
		if err != nil || json.Unmarshal(encoded, &want) != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(AppendString(nil, text), &got); err != nil || got != want {
			t.Errorf("%q is written as %s: %v", text, AppendString(nil, text), err)
		}
	})
}
