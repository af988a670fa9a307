package droppedkeys

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// arguments are those of a resource that has one of each shape.
var arguments = map[string]*Type{
	"name": {},
	"archive": {Keys: map[string]*Type{
		"prefix": {}, "expire_after_days": {}, "encryption": {Keys: map[string]*Type{"key_arn": {}}},
	}},
	"devices": {Element: &Type{Keys: map[string]*Type{"attributes": {Element: &Type{}}, "disabled": {}}}},
	"routes":  {Element: &Type{Keys: map[string]*Type{"sql": {}, "actions": {Element: &Type{Keys: map[string]*Type{"s3": {}}}}}}},
	"payload": {}, // anything
}

const modulesFile = ".terraform/modules/modules.json"

func TestDropped(t *testing.T) {
	installed := `{"Modules":[{"Key":"","Dir":"."},{"Key":"fleet","Source":"./fleet","Dir":"fleet"}]}`
	for _, c := range []struct {
		reason string
		files  map[string]string // of one file: its resource block's arguments under the name ""
		want   []string
	}{
		{"all is well", one(`archive = { prefix = "a", encryption = { key_arn = "k" } }`), nil},
		{"a key of an object", one(`archive = { expire_after_dayz = 1 }`), []string{"main.tf:2 archive expire_after_dayz"}},
		{"a quoted key", one(`archive = { "prefixx" = 1 }`), []string{"main.tf:2 archive prefixx"}},
		{"an object in an object", one(`archive = { encryption = { key = "k" } }`),
			[]string{"main.tf:2 archive.encryption key"}},
		{"each line is that of the key", one("archive = {\n prefix = 1\n suffix = 2\n}"), []string{"main.tf:4 archive suffix"}},
		{"a map's keys are free, its elements' keys are not", one(`devices = { d1 = { attribute = {} } }`),
			[]string{`main.tf:2 devices["d1"] attribute`}},
		{"a map of strings has free keys", one(`devices = { d1 = { attributes = { anything = "x" } } }`), nil},
		{"an argument that takes anything", one(`payload = { anything = { at = "all" } }`), nil},
		{"an element of a list", one(`routes = { r = { actions = [{ s3 = 1 }, { s4 = 1 }] } }`),
			[]string{`main.tf:2 routes["r"].actions[1] s4`}},
		{"a for expression", one(`devices = { for k in var.names : k => { attribute = {} } }`),
			[]string{"main.tf:2 devices[*] attribute"}},
		{"a for expression that groups gives lists, which Terraform refuses",
			one(`devices = { for k in var.names : k => { attribute = {} }... }`), nil},
		{"a key that is computed", one(`devices = { (var.name) = { attribute = {} } }`),
			[]string{"main.tf:2 devices[*] attribute"}},
		{"a computed key of an object may be any", one(`archive = { (var.name) = 1 }`), nil},
		{"merge", one(`devices = merge(var.devices, { d1 = { attribute = {} } })`),
			[]string{`main.tf:2 devices["d1"] attribute`}},
		{"merge of a list", one(`devices = merge([{ d1 = { attribute = {} } }]...)`),
			[]string{`main.tf:2 devices[0]["d1"] attribute`}},
		{"merge of a for expression", one(`devices = merge([for n in var.n : { (n) = { attribute = {} } }]...)`),
			[]string{`main.tf:2 devices[*][*] attribute`}},
		{"either side of a condition", one(`archive = var.on ? { prefixx = 1 } : null`), []string{"main.tf:2 archive prefixx"}},
		{"parentheses", one(`archive = ({ prefixx = 1 })`), []string{"main.tf:2 archive prefixx"}},
		{"a function that makes something else", one(`archive = jsondecode("{}")`), nil},
		{"a variable cannot be followed", one(`archive = var.archive`), nil},
		{"a local value", map[string]string{"main.tf": resource(`archive = local.archive`),
			"locals.tf": "locals {\n  archive = { prefixx = 1 }\n}\n"}, []string{"locals.tf:2 archive prefixx"}},
		{"a local value that an output uses too may have keys for it", map[string]string{
			"main.tf": resource(`archive = local.archive`) + "output \"o\" {\n value = local.archive.prefixx\n}\n",
			"l.tf":    "locals {\n  archive = { prefixx = 1 }\n}\n"}, nil},
		{"a local value that JSON uses too", map[string]string{"main.tf": resource(`archive = local.archive`),
			"l.tf":      "locals {\n  archive = { prefixx = 1 }\n}\n",
			"o.tf.json": `{"output": {"o": {"value": "${local.archive.prefixx}"}}}`}, nil},
		{"a part of a local value cannot be followed", map[string]string{"main.tf": resource(`archive = local.all.archive`),
			"l.tf": "locals {\n  all = { prefixx = 1 }\n}\n"}, nil},
		{"local values that lead to each other", map[string]string{"main.tf": resource(`archive = local.a`),
			"l.tf": "locals {\n  a = local.b\n  b = local.a\n}\n"}, nil},
		{"JSON", map[string]string{"main.tf.json": `{"resource": {"iot_pipeline": {"x": {"name": "g",
			"archive": {"prefixx": 1, "//": "a remark"}, "devices": "${var.devices}"}}}}`},
			[]string{"main.tf.json:2 archive prefixx"}},
		{"another resource", map[string]string{"main.tf": strings.Replace(resource(`archive = { prefixx = 1 }`), "iot_pipeline", "x", 1)}, nil},
		{"a block that is not the one", one(`name = "another"` + "\n" + `archive = { prefixx = 1 }`), nil},
		{"an installed module", map[string]string{"main.tf": `module "fleet" { source = "./fleet" }`,
			"fleet/main.tf": resource(`archive = { prefixx = 1 }`), modulesFile: installed},
			[]string{"fleet/main.tf:2 archive prefixx"}},
		{"a directory that is not a module of this configuration", map[string]string{"main.tf": "",
			"fleet/main.tf": resource(`archive = { prefixx = 1 }`)}, nil},
		{"a list of modules that is broken", map[string]string{"main.tf": resource(`archive = { prefixx = 1 }`), modulesFile: `{`},
			[]string{"main.tf:2 archive prefixx"}},
		{"an override file may replace the argument", map[string]string{"main.tf": resource(`archive = { prefixx = 1 }`),
			"override.tf": ""}, nil},
		{"OpenTofu reads another file instead", map[string]string{"main.tf": resource(`archive = { prefixx = 1 }`),
			"main.tofu": resource(`archive = {}`)}, nil},
		{"a file for OpenTofu alone", map[string]string{"main.tofu": resource(`archive = { prefixx = 1 }`)},
			[]string{"main.tofu:2 archive prefixx"}},
		{"an editor's file", map[string]string{".#main.tf": resource(`archive = { prefixx = 1 }`)}, nil},
		{"a file that Terraform refuses", map[string]string{"main.tf": resource(`archive = { prefixx = 1 }`), "b.tf": "locals {"}, nil},
		{"more than can be parsed in time", map[string]string{"main.tf": resource(`archive = { prefixx = 1 }`),
			"z.tf": strings.Repeat("# locals\n", mostParsed/9)}, nil},
		{"more than can be read in time", map[string]string{"main.tf": resource(`archive = { prefixx = 1 }`),
			"z.tf": strings.Repeat("# much\n", mostRead/7)}, nil},
		{"nothing", nil, nil},
	} {
		t.Run(c.reason, func(t *testing.T) {
			var got []string
			for _, k := range In(directory(t, c.files), "iot_pipeline").Dropped(arguments, isG) {
				got = append(got, fmt.Sprintf("%s:%d %s %s", filepath.ToSlash(k.File), k.Line, k.In, k.Name))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

// isG takes the blocks whose name may be g.
func isG(b Block) bool {
	name, isLiteral := b.Literals["name"]
	return !isLiteral || name == "g"
}

func resource(arguments string) string {
	return fmt.Sprintf("resource \"iot_pipeline\" \"x\" {\n%s\n}\n", arguments)
}

func one(arguments string) map[string]string {
	return map[string]string{"main.tf": resource(arguments)}
}

func directory(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Terraform validates each instance of a block; its keys are told once.
func TestReportedOnce(t *testing.T) {
	c := In(directory(t, one(`archive = { prefixx = 1 }`)), "iot_pipeline")
	if n := len(c.Dropped(arguments, isG)); n != 1 {
		t.Fatalf("%d keys", n)
	}
	if again := c.Dropped(arguments, isG); len(again) > 0 {
		t.Errorf("told again: %+v", again)
	}
}

// What the arguments of a block say about which it is.
func TestBlock(t *testing.T) {
	c := In(directory(t, one("name = \"g\"\ncount = 2\nenabled = true\narchive = null\nprefix = \"${var.a}b\"")), "iot_pipeline")
	var seen Block
	c.Dropped(arguments, func(b Block) bool { seen = b; return false })
	if seen.Name != "x" || fmt.Sprint(seen.Literals) != "map[count:2 enabled:true name:g]" || !seen.Arguments["archive"] {
		t.Errorf("%+v", seen)
	}
}

// FuzzDropped looks for configurations that make the check fail instead of finding nothing.
func FuzzDropped(f *testing.F) {
	f.Add(resource(`devices = merge(local.a, { for k, v in var.x : k => { attribute = v } }...)`))
	f.Add("locals {\n a = local.a\n}\n" + resource(`archive = local.a`))
	f.Add(resource(`routes = [{ (1) = "${x}" }, [], null]`))
	f.Fuzz(func(t *testing.T, text string) {
		dir := directory(t, map[string]string{"main.tf": text, "j.tf.json": text})
		In(dir, "iot_pipeline").Dropped(arguments, isG)
		In(directory(t, map[string]string{"main.tf": text}), "iot_pipeline").Dropped(arguments, isG)
	})
}

// BenchmarkDropped reads as much as may be read: each plan pays it once.
func BenchmarkDropped(b *testing.B) {
	var devices strings.Builder
	for i := 0; devices.Len() < mostParsed-1000; i++ {
		fmt.Fprintf(&devices, "  soil-%05d = { attributes = { bay = \"bay-%d\", row = \"7\" } }\n", i, i%50)
	}
	dir := directory(b, one("devices = {\n"+devices.String()+"}"))
	for b.Loop() {
		In(dir, "iot_pipeline").Dropped(arguments, isG)
	}
}
