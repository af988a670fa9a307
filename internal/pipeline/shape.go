package pipeline

import (
	"slices"
	"strings"
)

// shape says what depends on arguments. While one of them is unknown, a plan cannot predict it.
type shape struct {
	// arguments are paths such as "alerts.rules". A step "*" stands for any key, a last step "**" for any rest.
	arguments []string
	// parts: the arguments decide which parts exist, what they are called, or what they need.
	parts bool
	// outputs are the computed attributes that follow from the arguments, under the JSON names of Outputs.
	outputs []string
}

// Unpredictable reports what a plan cannot predict while an argument is unknown: the parts, and computed attributes.
// The steps lead to the argument, such as "alerts", "rules", "dry".
func Unpredictable(steps []string) (parts bool, outputs []string) {
	for _, c := range capabilities() {
		for _, s := range c.shapes {
			if slices.ContainsFunc(s.arguments, func(pattern string) bool {
				return matches(strings.Split(pattern, "."),
					steps)
			}) {
				parts, outputs = parts || s.parts, append(outputs, s.outputs...)
			}
		}
	}
	return parts, outputs
}

func matches(pattern, steps []string) bool {
	for i, p := range pattern {
		switch {
		case p == "**":
			return true
		case i >= len(steps) || p != "*" && p != steps[i]:
			return false
		}
	}
	return len(pattern) == len(steps)
}
