package stores

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/duckdb"
)

type average struct {
	Thing    string  `json:"thing"`
	Readings int     `json:"readings"`
	Average  float64 `json:"average"`
}

// averages are those of the temperature over all readings that were sent, each once.
func (f *fleet) averages() []average {
	byThing := map[string]*average{}
	for _, s := range f.samples {
		a := byThing[s.thing]
		if a == nil {
			a = &average{Thing: s.thing}
			byThing[s.thing] = a
		}
		a.Readings++
		a.Average += s.temperature // a sum of multiples of 1/8, which is exact
	}
	var list []average
	for _, a := range byThing {
		a.Average /= float64(a.Readings)
		list = append(list, *a)
	}
	slices.SortFunc(list, func(a, b average) int { return cmp.Compare(a.Thing, b.Thing) })
	return list
}

// guideQuery is the first SQL of a section of a guide, for DuckDB.
func guideQuery(t *testing.T, guide, section string) string {
	t.Helper()
	text, err := os.ReadFile("../../../templates/guides/" + guide)
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "\n### "+section+"\n")
	query := regexp.MustCompile("(?s)```sql\n(.*?)```").FindStringSubmatch(after)
	if !found || query == nil {
		t.Fatalf("%s has no query in the section %q", guide, section)
	}
	return athenaDialect.Replace(strings.NewReplacer("orchard.telemetry", "telemetry", "2026-11-28", "0001-01-01").
		Replace(query[1]))
}

// TestEachReadingOnce: devices send a seventh of their messages again, and Firehose delivers some rows twice. The guide's
// query has each reading once.
func TestEachReadingOnce(t *testing.T) {
	f := newFleet()
	sent := len(f.records)
	for i := 0; i < sent; i += 7 {
		again := f.records[i]
		again.Sequence = fmt.Sprintf("%020d", len(f.records)+1)
		again.After = f.records[sent-1].After + time.Duration(i)*time.Millisecond
		f.records = append(f.records, again)
	}
	setup := append(parquetTable(f.archive(t)),
		"ALTER VIEW telemetry RENAME TO delivered",
		`CREATE VIEW telemetry AS SELECT * FROM delivered
		UNION ALL SELECT * FROM delivered WHERE sequence_number LIKE '%3'`)
	rows := duckdb.Query[struct{ N int }](t, setup, "SELECT count(*) AS n FROM telemetry WHERE kind = 'telemetry'")
	if len(rows) != 1 || rows[0].N < len(f.samples)*11/10 {
		t.Fatalf("the archive has %v rows of %d readings: nothing appears twice", rows, len(f.samples))
	}
	check(t, "each reading once", setup, guideQuery(t, "query-the-archive.md", "Each reading once"), f.averages())
}
