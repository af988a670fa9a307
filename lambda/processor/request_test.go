package main

import (
	"encoding/json"
	"testing"
)

func TestAppendString(t *testing.T) {
	for _, text := range []string{"", "plain", `a "quote" and a \`, "line\nbreak\tand \x00\x1f", "é 😀", "\u2028", "ends in \""} {
		var got string
		if err := json.Unmarshal(appendString(nil, text), &got); err != nil || got != text {
			t.Errorf("%q is written as %s: %v", text, appendString(nil, text), err)
		}
	}
}
