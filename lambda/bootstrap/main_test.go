package main

import (
	"bytes"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

// TestEveryFunctionHasAHandler compares with the table that roles, permissions and the provider follow.
func TestEveryFunctionHasAHandler(t *testing.T) {
	if diff := cmp.Diff(needs.Functions(), slices.Sorted(maps.Keys(handlers))); diff != "" {
		t.Errorf("lambda/needs and the bootstrap differ:\n%s", diff)
	}
}

func TestHandler(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		want string // in the error
	}{
		{"one that needs nothing", map[string]string{"_HANDLER": "archiver"}, ""},
		{"one that lacks its settings", map[string]string{"_HANDLER": "alerts"}, "is not set"},
		{"the one of the first version", map[string]string{"_HANDLER": "bootstrap"}, `the handler of this function is ` +
			`"bootstrap", which is not one of alerts, api, archiver, metrics, processor, provisioning, watch: apply`},
		{"none", nil, `is ""`},
	} {
		h, err := handler(func(name string) string { return c.env[name] }, io.Discard)
		if (err == nil) != (c.want == "") || err == nil && h == nil ||
			err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %T and error %v, want one with %q", c.name, h, err, c.want)
		}
	}
}

// TestUnusedCodeIsLeftOut looks for operations that no function calls. A dependency that looks for methods by name makes
// the linker keep them all, and the executable twice as large: `go build -ldflags=-dumpdep` marks it <ReflectMethod>.
func TestUnusedCodeIsLeftOut(t *testing.T) {
	executable, err := os.ReadFile(lambdatest.Compile(t, "none").Path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(executable, []byte("service/iot.(*Client).DescribeThing")) {
		t.Fatal("the executable does not name the methods that it has")
	}
	for _, unused := range []string{"service/iot.(*Client).CreateThing", "service/s3.(*Client).DeleteBucket"} {
		if bytes.Contains(executable, []byte(unused)) {
			t.Errorf("the executable has %s, which no function calls", unused)
		}
	}
}

// TestBootstrapWithoutAHandler starts the executable as a function would whose handler nobody set.
func TestBootstrapWithoutAHandler(t *testing.T) {
	function := lambdatest.StartFunction(t, lambdatest.Compile(t, "none"), nil)
	if err := function.Wait(); err == nil || !strings.Contains(function.Output(), `is "none", which is not one of`) {
		t.Errorf("it ended with %v and said: %s", err, function.Output())
	}
}
