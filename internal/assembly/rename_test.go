package assembly

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRecordsOfAnotherNameAreSetAside(t *testing.T) {
	parts := []Part{
		{Key: "database", Kind: "db", Name: "new"},
		{Key: "table", Kind: "table", Name: "new|t"},
		{Key: "stream", Kind: "stream", Name: "s"},
	}
	records := []Record{
		{Key: "database", Kind: "db", Name: "old"},
		{Key: "table", Kind: "table", Name: "old|t", Needs: []string{"database", "stream"}},
		{Key: "stream", Kind: "stream", Name: "s", Needs: []string{"database"}},
		{Key: "obsolete", Kind: "rule", Name: "r"},
	}
	aside := []Record{
		{Key: "database@old", Kind: "db", Name: "old", Needs: []string{}},
		{
			Key:   "table@old|t",
			Kind:  "table",
			Name:  "old|t",
			Needs: []string{"database@old", "stream"},
		}, // still deleted before its database
		{
			Key:   "stream",
			Kind:  "stream",
			Name:  "s",
			Needs: []string{"database"},
		}, // keep writes its needs again
		{Key: "obsolete", Kind: "rule", Name: "r"},
	}
	if d := cmp.Diff(aside, setAside(parts, records)); d != "" {
		t.Error(d)
	}
	parts[0].Name, parts[1].Name = "old", "old|t"
	aside = append(aside, Record{Key: "database", Kind: "db", Name: "new"})
	back := []Record{
		{Key: "database", Kind: "db", Name: "old", Needs: []string{}},
		{Key: "table", Kind: "table", Name: "old|t", Needs: []string{"database", "stream"}},
		{Key: "stream", Kind: "stream", Name: "s", Needs: []string{"database"}},
		{Key: "obsolete", Kind: "rule", Name: "r"},
		{Key: "database@new", Kind: "db", Name: "new", Needs: []string{}},
	}
	if d := cmp.Diff(back, setAside(parts, aside)); d != "" {
		t.Errorf("the old names are wanted again: %s", d)
	}
}

// A part gets another name, the run stops before the old object is deleted, and the old name is wanted again: the
// object is kept and the other one goes.
func TestRenamingIsTakenBack(t *testing.T) {
	c := newCloud()
	named := func(name string) []Part {
		p := part("table", "v1")
		p.Name = name
		return []Part{p}
	}
	records := mustApply(t, c, named("old"), nil)
	c.fault = func(_ int, op, _ string) fault {
		if op == "delete" {
			return before
		}
		return none
	}
	records, err := engine(c).Apply(t.Context(), named("new"), records, all)
	if !errors.Is(err, errInjected) || len(c.objects) != 2 {
		t.Fatalf("err %v, objects %v; want both objects and the fault", err, c.objects)
	}
	c.fault = nil
	records = mustApply(t, c, named("old"), records)
	if diff := cmp.Diff(map[string]Status{"table": Ready}, statuses(records)); diff != "" || len(c.objects) != 1 ||
		c.objects["old"].Owner != owner {
		t.Errorf("there is %v, recorded (-want +got):\n%s", c.objects, diff)
	}
}
