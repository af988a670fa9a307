package pipeline

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// TestArgumentsMatchTheSpec: every field of the spec has an argument in the schema, and every argument a field.
func TestArgumentsMatchTheSpec(t *testing.T) {
	arguments := definition().Attributes
	for name := range computed() {
		delete(arguments, name)
	}
	checkArguments(t, "", arguments, reflect.TypeFor[pipeline.Spec]())
}

func checkArguments(t *testing.T, path string, arguments map[string]schema.Attribute, spec reflect.Type) {
	t.Helper()
	fields := map[string]reflect.Type{}
	for _, field := range reflect.VisibleFields(spec) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "-" { // never written, so no argument
			fields[name] = field.Type
		}
	}
	want, got := slices.Sorted(maps.Keys(fields)), slices.Sorted(maps.Keys(arguments))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("arguments of %q (-spec +schema):\n%s", path, diff)
		return
	}
	for name, argument := range arguments {
		if argument.GetMarkdownDescription() == "" {
			t.Errorf("%s%s has no description", path, name)
		}
		field := fields[name]
		for field.Kind() == reflect.Pointer || field.Kind() == reflect.Map || field.Kind() == reflect.Slice {
			field = field.Elem()
		}
		if nested := nestedArguments(argument); nested != nil {
			checkArguments(t, path+name+".", nested, field)
		} else if field.Kind() == reflect.Struct {
			t.Errorf("%s%s holds an object in the spec, not in the schema", path, name)
		}
	}
}

func nestedArguments(a schema.Attribute) map[string]schema.Attribute {
	switch a := a.(type) {
	case schema.SingleNestedAttribute:
		return a.Attributes
	case schema.MapNestedAttribute:
		return a.NestedObject.Attributes
	case schema.ListNestedAttribute:
		return a.NestedObject.Attributes
	case schema.SetNestedAttribute:
		return a.NestedObject.Attributes
	}
	return nil
}
