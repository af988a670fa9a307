package thing

import (
	"strings"
	"testing"
)

func TestValid(t *testing.T) {
	for name, want := range map[string]bool{
		"soil-001": true, "a": true, "A:b_c-9": true, strings.Repeat("x", 128): true,
		"": false, strings.Repeat("x", 129): false, "soil 001": false, "söil": false, "$rules": false, "a/b": false,
		"a#b": false, "a+": false, "a.b": false,
	} {
		if Valid(name) != want {
			t.Errorf("Valid(%q) is %v", name, !want)
		}
	}
}
