package assembly

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRecordsOfAnotherNameAreSetAside(t *testing.T) {
	parts := []Part{{Key: "database", Kind: "db", Name: "new"}, {Key: "table", Kind: "table", Name: "new|t"}, {Key: "stream", Kind: "stream", Name: "s"}}
	records := []Record{
		{Key: "database", Kind: "db", Name: "old"},
		{Key: "table", Kind: "table", Name: "old|t", Needs: []string{"database", "stream"}},
		{Key: "stream", Kind: "stream", Name: "s", Needs: []string{"database"}},
		{Key: "obsolete", Kind: "rule", Name: "r"},
	}
	want := []Record{
		{Key: "database@old", Kind: "db", Name: "old", Needs: []string{}},
		{Key: "table@old|t", Kind: "table", Name: "old|t", Needs: []string{"database@old", "stream"}}, // still deleted before its database
		{Key: "stream", Kind: "stream", Name: "s", Needs: []string{"database"}},                       // keep writes its needs anew
		{Key: "obsolete", Kind: "rule", Name: "r"},
	}
	if d := cmp.Diff(want, setAside(parts, records)); d != "" {
		t.Error(d)
	}
}
