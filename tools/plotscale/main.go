// Command plotscale turns the results of internal/test/scale into what docs/performance.md shows: the table between its
// markers and the plot next to it.
package main

import (
	"cmp"
	"encoding/csv"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

func main() {
	log.SetFlags(0)
	docs := flag.String("docs", "../docs", "folder of performance.csv, performance.md and performance.png")
	flag.Parse()
	rows, err := read(filepath.Join(*docs, "performance.csv"))
	if err == nil {
		err = writeTable(filepath.Join(*docs, "performance.md"), rows)
	}
	if err == nil {
		err = draw(filepath.Join(*docs, "performance.png"), rows)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// row is one measured command.
type row struct {
	source, quotas         string
	command                string
	devices, requests, mib int
	seconds, dictated      float64
	state                  int
}

func read(name string) ([]row, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, r := range records[1:] {
		var numbers [6]float64
		for i, column := range []int{2, 4, 5, 6, 7, 8} {
			if numbers[i], err = strconv.ParseFloat(r[column], 64); err != nil {
				return nil, fmt.Errorf("reading %q: %w", name, err)
			}
		}
		rows = append(rows, row{
			source:   r[0],
			quotas:   r[1],
			command:  r[3],
			devices:  int(numbers[0]),
			seconds:  numbers[1],
			dictated: numbers[2],
			requests: int(numbers[3]),
			mib:      int(numbers[4]),
			state:    int(numbers[5]),
		})
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(strings.Compare(a.source, b.source), -strings.Compare(a.quotas, b.quotas), a.devices-b.devices)
	})
	return rows, nil
}

const begin, end = "<!-- begin results -->\n", "<!-- end results -->"

// writeTable replaces what stands between the markers.
func writeTable(name string, rows []row) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return fmt.Errorf("%s has no markers for the results", name)
	}
	var table strings.Builder
	table.WriteString(
		"| devices in | quotas | devices | command | seconds | by the quotas | requests | provider, MiB | state, KiB " +
			"|\n|---|---|---:|---|---:|---:|---:|---:|---:|\n",
	)
	for _, r := range rows {
		dictated := ""
		if r.dictated > 0 {
			dictated = fmt.Sprintf("%.0f", r.dictated)
		}
		fmt.Fprintf(&table, "| %s | %s | %d | %s | %.1f | %s | %d | %d | %.1f |\n", r.source, r.quotas, r.devices,
			r.command, r.seconds, dictated, r.requests, r.mib, float64(r.state)/1024)
	}
	return os.WriteFile(name, []byte(before+begin+table.String()+end+after), 0o644)
}

// draw plots seconds against devices, both logarithmic, a line for each command and kind of quotas.
func draw(name string, rows []row) error {
	p := plot.New()
	p.Title.Text = "Fleets from a file: Terraform's wall time"
	p.X.Label.Text, p.Y.Label.Text = "devices", "seconds"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	p.Legend.Top, p.Legend.Left = true, true
	p.Add(plotter.NewGrid())

	lines := map[string]plotter.XYs{}
	var names []string
	for _, r := range rows {
		if r.source != "file" {
			continue
		}
		key := r.command + ", no quotas"
		if r.quotas != "none" {
			key = r.command + ", AWS's quotas"
		}
		if lines[key] == nil {
			names = append(names, key)
		}
		lines[key] = append(lines[key], plotter.XY{X: float64(r.devices), Y: r.seconds})
	}
	var all []any
	for _, key := range names {
		all = append(all, key, lines[key])
	}
	if err := plotutil.AddLinePoints(p, all...); err != nil {
		return err
	}
	p.Y.Max *= 5 // room for the legend
	return p.Save(18*vg.Centimeter, 12*vg.Centimeter, name)
}
