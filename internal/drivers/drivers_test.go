package drivers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// TestEveryKindHasADriver reads the kinds from the source, so that a new one without a driver is found.
func TestEveryKindHasADriver(t *testing.T) {
	registry := Registry(awsapi.New(aws.Config{Region: "eu-west-1"}, awsapi.Options{}),
		assembly.Driver[spec.Fleet](nil))
	have := slices.Sorted(maps.Keys(registry))
	if diff := cmp.Diff(kinds(t), have); diff != "" {
		t.Errorf("kinds without a driver (-), drivers without a kind (+):\n%s", diff)
	}
}

// kinds gives the values of the constants Kind* of package spec, sorted.
func kinds(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../spec/object.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Kind") {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			t.Fatalf("%s is not a string literal", spec.Names[0].Name)
		}
		value, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, value)
		return true
	})
	if len(list) == 0 {
		t.Fatal("no kinds found")
	}
	slices.Sort(list)
	return list
}
