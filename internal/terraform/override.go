package terraform

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// overrideFile changes the configuration in the copy. Terraform reads override files in order of their names, and the
// last one counts.
const overrideFile = "zz_iot_local_override.tf"

// resourceType is the type of the resource of a pipeline.
const resourceType = "iot_pipeline"

// found is what an override refers to.
type found struct {
	local     map[string]string // local name of the provider and its source as written
	pipelines []string          // names of resources
}

// override reads the configuration and returns the override file: the state is in a file next to the configuration, the
// provider is the one installed here, and a destroy may delete data.
func override(dir, version string) ([]byte, error) {
	f, err := find(dir)
	if err != nil {
		return nil, err
	}
	file := hclwrite.NewEmptyFile()
	settings := file.Body().AppendNewBlock("terraform", nil).Body()
	settings.AppendNewBlock("backend", []string{"local"})
	if len(f.local) > 0 {
		required := settings.AppendNewBlock("required_providers", nil).Body()
		for name, source := range f.local {
			required.SetAttributeValue(name, cty.ObjectVal(map[string]cty.Value{
				"source": cty.StringVal(source), "version": cty.StringVal(version)}))
		}
	}
	for _, name := range f.pipelines {
		file.Body().AppendNewBlock("resource", []string{resourceType, name}).Body().
			SetAttributeValue("force_destroy", cty.True)
	}
	return file.Bytes(), nil
}

// Blocks that an override refers to, and where they are.
var (
	topLevel = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
		{Type: "terraform"}, {Type: "resource", LabelNames: []string{"type", "name"}}}}
	inTerraform = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "required_providers"}}}
)

// Check reports an error if a directory holds no configuration, which is [ErrNoConfiguration].
func Check(dir string) error {
	if _, err := find(dir); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return nil
}

// find reads the files of a configuration. It is lenient: Terraform says better what is wrong with them.
func find(dir string) (*found, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	f := &found{local: map[string]string{}}
	parser, files := hclparse.NewParser(), 0
	for _, e := range entries {
		read := parserOf(parser, e.Name())
		if read == nil || e.IsDir() {
			continue
		}
		files++
		file, _ := read(filepath.Join(dir, e.Name()))
		if file == nil {
			continue
		}
		content, _, _ := file.Body.PartialContent(topLevel)
		for _, b := range content.Blocks {
			f.add(b)
		}
	}
	if files == 0 {
		return nil, ErrNoConfiguration
	}
	slices.SortFunc(f.pipelines, cmp.Compare)
	f.pipelines = slices.Compact(f.pipelines)
	return f, nil
}

// parserOf returns the function that reads a file; nil if it is not of a configuration.
func parserOf(p *hclparse.Parser, name string) func(string) (*hcl.File, hcl.Diagnostics) {
	switch {
	case strings.HasSuffix(name, ".tf"), strings.HasSuffix(name, ".tofu"):
		return p.ParseHCLFile
	case strings.HasSuffix(name, ".tf.json"), strings.HasSuffix(name, ".tofu.json"):
		return p.ParseJSONFile
	}
	return nil
}

func (f *found) add(b *hcl.Block) {
	if b.Type == "resource" {
		if b.Labels[0] == resourceType {
			f.pipelines = append(f.pipelines, b.Labels[1])
		}
		return
	}
	content, _, _ := b.Body.PartialContent(inTerraform)
	for _, required := range content.Blocks {
		attributes, _ := required.Body.JustAttributes()
		for name, a := range attributes {
			value, problems := a.Expr.Value(nil)
			if problems.HasErrors() || !value.Type().IsObjectType() || !value.Type().HasAttribute("source") {
				continue
			}
			source := value.GetAttr("source")
			if source.Type() != cty.String || source.IsNull() {
				continue
			}
			text := source.AsString()
			if text == Source || strings.HasSuffix(text, "/"+Source) {
				f.local[name] = text
			}
		}
	}
}
