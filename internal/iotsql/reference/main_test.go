package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
)

func TestPageIsCurrent(t *testing.T) {
	written, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(written), string(render())); diff != "" {
		t.Errorf("the page differs from the table; run go generate ./internal/iotsql/...\n%s", diff)
	}
}

func TestPageIsComplete(t *testing.T) {
	text := string(render())
	for _, f := range iotsql.Functions() {
		if !strings.Contains(text, "\n### "+f.Name+"\n") {
			t.Errorf("%s is missing; has section %s a title?", f.Name, f.Section)
		}
	}
}
