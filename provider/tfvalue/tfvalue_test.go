package tfvalue

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

var (
	device = tftypes.Object{
		AttributeTypes: map[string]tftypes.Type{
			"enabled":    tftypes.Bool,
			"attributes": tftypes.Map{ElementType: tftypes.String},
		},
	}
	whole = tftypes.Object{AttributeTypes: map[string]tftypes.Type{
		"name":    tftypes.String,
		"days":    tftypes.Number,
		"emails":  tftypes.Set{ElementType: tftypes.String},
		"needs":   tftypes.List{ElementType: tftypes.String},
		"devices": tftypes.Map{ElementType: device},
	}}
)

// A tree becomes a value and the same tree again, with what is null, empty and unknown kept apart.
func TestThereAndBack(t *testing.T) {
	for name, tree := range map[string]map[string]any{
		"everything": {"name": "x", "days": json.Number("12345678901234567890.5"), "emails": []any{"a"},
			"needs": []any{"a", Unknown},
			"devices": map[string]any{"a.b": map[string]any{"enabled": true, "attributes": map[string]any{}},
				"c": Unknown}},
		"nothing": {"name": nil, "days": nil, "emails": nil, "needs": nil, "devices": nil},
		"unknown": {"name": Unknown, "days": Unknown, "emails": Unknown, "needs": []any{}, "devices": Unknown},
	} {
		value, err := Value(whole, tree)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		back, err := Tree(value)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff(any(tree), back, cmp.Comparer(func(a, b unknown) bool { return true })); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestValueRefuses(t *testing.T) {
	for reason, tree := range map[string]any{
		"there is no attribute of that name": map[string]any{"nmae": "x"},
		"a string is not a number":           map[string]any{"days": "7"},
		"a list is not a map":                map[string]any{"devices": []any{}},
		"a map is not a list":                map[string]any{"needs": map[string]any{}},
		"a number is not an object":          json.Number("1"),
	} {
		if _, err := Value(whole, tree); err == nil {
			t.Errorf("no error, although %s", reason)
		}
	}
}

func TestDecodeSaysWhatIsUnknown(t *testing.T) {
	value, err := Value(whole, map[string]any{"name": Unknown, "days": json.Number("7"), "devices": map[string]any{
		"soil-001": map[string]any{
			"enabled":    Unknown,
			"attributes": map[string]any{"bay": Unknown, "row": "2"},
		}, "soil-002": Unknown}})
	if err != nil {
		t.Fatal(err)
	}
	var target struct {
		Name    *string
		Days    int
		Devices map[string]struct {
			Enabled    *bool
			Attributes map[string]string
		}
	}
	unknown, err := Decode(value, &target)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`devices["soil-001"].attributes.bay`, `devices["soil-001"].enabled`, `devices["soil-002"]`, "name"}
	if d := cmp.Diff(want, unknown.Sorted()); d != "" {
		t.Error(d)
	}
	if target.Days != 7 || target.Name != nil || target.Devices["soil-001"].Attributes["row"] != "2" {
		t.Errorf("decoded %+v", target)
	}
	for path, want := range map[string]bool{
		"name": true, "days": false, `devices["soil-001"]`: false,
		`devices["soil-001"].attributes["bay"]`: true, // quoted or not is the same place
		`devices["soil-002"].csr_pem`:           true, // below what is unknown
	} {
		if got := unknown.Covers(path); got != want {
			t.Errorf("Covers(%s) = %v", path, got)
		}
	}
}

func TestSteps(t *testing.T) {
	for path, want := range map[string][]string{
		"":                           nil,
		"name":                       {"name"},
		`devices["a.b[0]"].csr_pem`:  {"devices", "a.b[0]", "csr_pem"},
		`devices["say \"hi\""]`:      {"devices", `say "hi"`},
		`alerts.emails[3]`:           {"alerts", "emails", "3"},
		`devices[soil-001].enabled`:  {"devices", "soil-001", "enabled"},
		`routes["x"].s3["key"].more`: {"routes", "x", "s3", "key", "more"},
	} {
		if d := cmp.Diff(want, Steps(path)); d != "" {
			t.Errorf("Steps(%s): %s", path, d)
		}
	}
}
