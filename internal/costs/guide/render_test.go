package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheGuideIsCurrent(t *testing.T) {
	want, err := render()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("run go generate ./internal/costs/...\n%s", diff)
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[float64]string{0: "", 0.001: "0.00", 12.345: "12.35", 999.9: "999.90", 1234567: "1,234,567.00"} {
		if got := cents(n); got != want {
			t.Errorf("%v is %q, want %q", n, got, want)
		}
	}
}
