package api

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

var update = flag.Bool("update", false, "write openapi.json")

// TestDocument compares the document that is served, and that the client is generated from, with the operations.
func TestDocument(t *testing.T) {
	s := &service{}
	want, err := encoded(s.build())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("openapi.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(document, want) {
		t.Errorf("openapi.json differs from the operations (make generate), - file, + operations:\n%s",
			cmp.Diff(string(document), string(want)))
	}
}

// TestDocumentHasTheRoutesOfTheGateway: the gateway lets through what the contract lists, and the function answers it.
func TestDocumentHasTheRoutesOfTheGateway(t *testing.T) {
	s := &service{}
	var have, want []string
	for path, operations := range s.build().OpenAPI().Paths {
		for method, defined := range map[string]bool{"GET": operations.Get != nil, "PUT": operations.Put != nil,
			"POST": operations.Post != nil, "PATCH": operations.Patch != nil, "DELETE": operations.Delete != nil} {
			if defined {
				have = append(have, method+" "+path)
			}
		}
	}
	for _, route := range contract.APIRoutes() {
		want = append(want, route.Key())
		if route.Writes != !strings.HasPrefix(route.Key(), "GET ") {
			t.Errorf("%s: writes is %v", route.Key(), route.Writes)
		}
	}
	slices.Sort(have)
	slices.Sort(want)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("- gateway, + document:\n%s", diff)
	}
}
