package spec

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitName(t *testing.T) {
	for _, tc := range []struct {
		why, name string
		n         int
		want      []string
		bad       bool
	}{
		{why: "as joined", name: NameIn("db", "table"), n: 2, want: []string{"db", "table"}},
		{why: "an endpoint may hold the separator", name: NameIn("alerts", "https", "https://x/?a|b"), n: 3,
			want: []string{"alerts", "https", "https://x/?a|b"}},
		{why: "too few", name: "table", n: 2, bad: true},
		{why: "an empty name names nothing", name: "db|", n: 2, bad: true},
	} {
		t.Run(tc.why, func(t *testing.T) {
			got, err := SplitName(tc.name, tc.n)
			if (err != nil) != tc.bad {
				t.Fatalf("error %v, want one: %v", err, tc.bad)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
