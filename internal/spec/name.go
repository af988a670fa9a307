package spec

import (
	"fmt"
	"strings"
)

const nameSeparator = "|"

// NameIn joins the names of an object and of what it lives in, outermost first, to the name of a part, such as
// "database|table" of a Timestream table. A driver finds the object by it before anything is recorded.
func NameIn(names ...string) string { return strings.Join(names, nameSeparator) }

// SplitName is the inverse of NameIn for n names; only the last may hold the separator itself.
func SplitName(name string, n int) ([]string, error) {
	parts := strings.SplitN(name, nameSeparator, n)
	for _, part := range parts {
		if part == "" || len(parts) != n {
			return nil, fmt.Errorf("reading the name %q: want %d names joined by %q", name, n, nameSeparator)
		}
	}
	return parts, nil
}
