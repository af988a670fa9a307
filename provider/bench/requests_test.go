package bench

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

var update = flag.Bool("update", false, "write testdata/requests.txt")

// stages are the commands of a pipeline's life.
var stages = []string{"apply", "plan", "change", "destroy"}

// total is the row that counts all operations of a stage.
const total = "all"

// TestRequests counts the requests of each command for the full pipeline with one device. testdata/requests.txt holds
// how many of each operation there may be: a driver that reads more than it did fails here, and who means it writes the
// table again with -update.
func TestRequests(t *testing.T) {
	server := mototest.Start(t)
	w := &workspace{Project: tftest.New(t, server.Env()...), server: server}
	counts := map[string]map[string]int{total: {}}
	count := func(stage string, arguments ...string) {
		before := len(server.Requests(t))
		if err := w.Try(arguments...).Err(); err != nil {
			t.Fatalf("%s: %v", stage, err)
		}
		for _, r := range server.Requests(t)[before:] {
			operation := r.Service + ":" + r.Operation
			if counts[operation] == nil {
				counts[operation] = map[string]int{}
			}
			counts[operation][stage]++
			counts[total][stage]++
		}
	}
	w.describe(everything, 1, 24)
	count("apply", "apply", "-auto-approve")
	count("plan", "plan", "-detailed-exitcode") // exits with 2 when it is not empty
	w.describe(everything, 1, 48)
	count("change", "apply", "-auto-approve")
	count("destroy", "destroy", "-auto-approve")

	name := filepath.Join("testdata", "requests.txt")
	if *update {
		if err := os.WriteFile(name, []byte(table(counts)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	allowed := readTable(t, name)
	for _, operation := range slices.Sorted(maps.Keys(counts)) {
		for _, stage := range stages {
			if have, most := counts[operation][stage], allowed[operation][stage]; have > most {
				t.Errorf("%s sends %s %d times, and may %d times (-update, if that is meant)", stage, operation,
					have, most)
			}
		}
	}
}

// table lists the operations, and all of them in the last line.
func table(counts map[string]map[string]int) string {
	var text strings.Builder
	line := func(operation string, cell func(stage string) string) {
		fmt.Fprintf(&text, "%-40s", operation)
		for _, stage := range stages {
			fmt.Fprintf(&text, "%8s", cell(stage))
		}
		text.WriteByte('\n')
	}
	line("operation", func(stage string) string { return stage })
	operations := slices.DeleteFunc(slices.Sorted(maps.Keys(counts)), func(o string) bool { return o == total })
	for _, operation := range append(operations, total) {
		line(operation, func(stage string) string { return strconv.Itoa(counts[operation][stage]) })
	}
	return text.String()
}

func readTable(t *testing.T, name string) map[string]map[string]int {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("%v; -update writes it", err)
	}
	counts := map[string]map[string]int{}
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		fields := strings.Fields(line)
		if i == 0 {
			continue
		}
		if len(fields) != len(stages)+1 {
			t.Fatalf("%s: line %d has %d fields", name, i+1, len(fields))
		}
		counts[fields[0]] = map[string]int{}
		for j, stage := range stages {
			if counts[fields[0]][stage], err = strconv.Atoi(fields[j+1]); err != nil {
				t.Fatalf("%s: line %d: %v", name, i+1, err)
			}
		}
	}
	return counts
}
