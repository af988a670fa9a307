package failures

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	summaryLine = regexp.MustCompile(`(?m)^(?:Error|Warning): (.+)$`)
	block       = regexp.MustCompile("(?s)```text\n(.*?)```")
)

// TestGuide compares the summaries in the guide "Errors" with those of the golden files: the guide explains each error,
// and no other.
func TestGuide(t *testing.T) {
	guide := must[[]byte](t)(os.ReadFile("../../templates/guides/errors.md"))
	var explained []string
	for _, found := range block.FindAllStringSubmatch(string(guide), -1) {
		explained = append(explained, strings.Split(strings.TrimSpace(found[1]), "\n")...)
	}
	var shown []string
	for _, file := range must[[]string](t)(filepath.Glob("testdata/*.txt")) {
		for _, found := range summaryLine.FindAllStringSubmatch(string(must[[]byte](t)(os.ReadFile(file))), -1) {
			shown = append(shown, found[1])
		}
	}
	slices.Sort(explained)
	if twice := slices.Compact(slices.Clone(explained)); len(twice) != len(explained) {
		t.Error("the guide has a summary twice")
	}
	slices.Sort(shown)
	if d := cmp.Diff(slices.Compact(shown), explained); d != "" {
		t.Errorf("summaries (-of golden files +in the guide):\n%s", d)
	}
}

// TestEveryGoldenFileHasAFailure finds golden files that no test writes, and failures without a reason.
func TestEveryGoldenFileHasAFailure(t *testing.T) {
	whys := map[string]string{"dropped-key": "Terraform drops keys that a nested argument does not have"}
	for _, f := range inAccount() {
		whys[f.name] = f.why
	}
	for _, c := range connecting {
		whys[c.name] = c.why
	}
	if len(whys) < 40 {
		t.Errorf("%d failures are too few", len(whys))
	}
	for name, why := range whys {
		if _, err := os.Stat(goldenFile(name)); err != nil || why == "" {
			t.Errorf("%s: why %q, golden file: %v", name, why, err)
		}
	}
	for _, file := range must[[]string](t)(filepath.Glob("testdata/*.txt")) {
		if _, known := whys[strings.TrimSuffix(filepath.Base(file), ".txt")]; !known {
			t.Errorf("%s belongs to no failure", file)
		}
	}
}
