package droppedkeys

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// A plan must not wait for the check, so that it reads and parses only so many bytes of a configuration. Parsing takes
// some 30 ms then.
const (
	mostRead   = 4 << 20
	mostParsed = 192 << 10
)

// reader reads modules until it has read enough.
type reader struct {
	root         string // of the configuration
	resourceType string
	read, parsed int
}

// module is the files of one directory.
type module struct {
	texts  [][]byte
	blocks []block
	locals map[string]hcl.Expression
}

// block is a resource block with its module, where its local values are.
type block struct {
	Block
	attributes hcl.Attributes
	module     *module
}

// modules are the root module in dir, and those that terraform init has installed for it, if they have resources of the
// type.
func modules(dir, resourceType string) []*module {
	r := &reader{root: dir, resourceType: resourceType}
	var all []*module
	for _, d := range directories(dir) {
		if m := r.module(d); m != nil {
			all = append(all, m)
		}
	}
	return all
}

// directories are those of the modules, relative to dir. Terraform writes down where it has installed modules:
// modules.json in its data directory, .terraform or $TF_DATA_DIR.
func directories(dir string) []string {
	all, seen := []string{"."}, map[string]bool{".": true}
	data := os.Getenv("TF_DATA_DIR")
	if data == "" {
		data = ".terraform"
	}
	if !filepath.IsAbs(data) {
		data = filepath.Join(dir, data)
	}
	text, err := os.ReadFile(filepath.Join(data, "modules", "modules.json"))
	if err != nil {
		return all // no modules
	}
	var installed struct {
		Modules []struct{ Dir string }
	}
	if json.Unmarshal(text, &installed) != nil {
		return all
	}
	for _, m := range installed.Modules {
		if d := filepath.Clean(m.Dir); m.Dir != "" && !seen[d] {
			seen[d] = true
			all = append(all, d)
		}
	}
	return all
}

// module reads the module in a directory, relative to the root; nil if it has none of the resources, or cannot be read
// for certain.
func (r *reader) module(dir string) *module {
	at := dir
	if !filepath.IsAbs(at) {
		at = filepath.Join(r.root, dir)
	}
	names, ok := fileNames(at)
	if !ok {
		return nil
	}
	m := &module{locals: map[string]hcl.Expression{}}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(at, name))
		if r.read += len(text); err != nil || r.read > mostRead {
			return nil
		}
		m.texts = append(m.texts, text)
	}
	if !slices.ContainsFunc(m.texts, r.resources) {
		return nil
	}
	for i, text := range m.texts {
		if !r.resources(text) && !bytes.Contains(text, []byte("locals")) {
			continue
		}
		if r.parsed += len(text); r.parsed > mostParsed {
			return nil
		}
		body := parse(text, filepath.Join(dir, names[i]))
		if body == nil {
			return nil // Terraform says why
		}
		m.add(body, r.resourceType)
	}
	return m
}

// resources reports whether a file may have resources of the type.
func (r *reader) resources(text []byte) bool { return bytes.Contains(text, []byte(r.resourceType)) }

// fileNames are the configuration files of a directory. It says no where files stand for parts of others: which counts
// depends on the program, OpenTofu or Terraform, and on the order.
func fileNames(dir string) (names []string, ok bool) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, false
	}
	bases := map[string]bool{}
	for _, e := range entries {
		name := e.Name()
		base, extension, isConfig := configFile(name)
		if e.IsDir() || !isConfig {
			continue
		}
		twin := base + strings.Replace(extension, "tofu", "tf", 1)
		if bases[twin] || base == "override" || strings.HasSuffix(base, "_override") {
			return nil, false
		}
		bases[twin] = true
		names = append(names, name)
	}
	return names, true
}

func configFile(name string) (base, extension string, ok bool) {
	if strings.HasPrefix(name, ".") {
		return "", "", false // as Terraform, which also passes over what editors leave behind
	}
	for _, extension := range []string{".tf", ".tf.json", ".tofu", ".tofu.json"} {
		if base, found := strings.CutSuffix(name, extension); found {
			return base, extension, true
		}
	}
	return "", "", false
}

// parse gives nil for what is not valid.
func parse(text []byte, name string) hcl.Body {
	if strings.HasSuffix(name, ".json") {
		file, diags := hcljson.Parse(text, name)
		if diags.HasErrors() {
			return nil
		}
		return file.Body
	}
	file, diags := hclsyntax.ParseConfig(text, name, hcl.InitialPos)
	if diags.HasErrors() {
		return nil
	}
	return file.Body
}

// add takes resource blocks and local values from a file.
func (m *module) add(body hcl.Body, resourceType string) {
	content, _, _ := body.PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
		{Type: "resource", LabelNames: []string{"type", "name"}}, {Type: "locals"},
	}})
	for _, b := range content.Blocks {
		attributes, _ := b.Body.JustAttributes() // beside blocks such as lifecycle, of which it complains
		if b.Type == "locals" {
			for name, a := range attributes {
				m.locals[name] = a.Expr
			}
			continue
		}
		if b.Labels[0] != resourceType {
			continue
		}
		r := block{attributes: attributes, module: m, Block: Block{Name: b.Labels[1],
			Arguments: map[string]bool{}, Literals: map[string]string{}}}
		for name, a := range attributes {
			r.Arguments[name] = true
			if text, isLiteral := literal(a.Expr); isLiteral {
				r.Literals[name] = text
			}
		}
		m.blocks = append(m.blocks, r)
	}
}

// literal is the text of a string, number or boolean that is written down.
func literal(e hcl.Expression) (text string, ok bool) {
	if _, diags := hcl.ExprMap(e); !diags.HasErrors() || len(e.Variables()) > 0 {
		return "", false // an object is not evaluated, however large
	}
	value, diags := e.Value(nil) // without functions: a call is an error
	if diags.HasErrors() || value.IsNull() || !value.IsKnown() || !value.Type().IsPrimitiveType() {
		return "", false
	}
	converted, err := convert.Convert(value, cty.String)
	if err != nil {
		return "", false
	}
	return converted.AsString(), true
}

// local is the expression of a local value which nothing names but one place. An object that others use too may have
// keys for them.
func (m *module) local(name string) (hcl.Expression, bool) {
	e, found := m.locals[name]
	if !found {
		return nil, false
	}
	named := regexp.MustCompile(`\blocal\s*\.\s*` + regexp.QuoteMeta(name) + `\b`)
	uses := 0
	for _, text := range m.texts {
		uses += len(named.FindAllIndex(text, 2))
	}
	return e, uses == 1
}

func localName(t hcl.Traversal) (name string, ok bool) {
	if t.IsRelative() || t.RootName() != "local" || len(t) < 2 {
		return "", false
	}
	step, ok := t[1].(hcl.TraverseAttr)
	return step.Name, ok
}
