// Package migrate reads the Terraform state of a configuration with hand-written aws_iot_* resources. It writes the
// configuration with which an iot_pipeline adopts the devices, and with which Terraform forgets what is adopted.
//
// It must not ask AWS: the plan of the pipeline checks what the state says.
package migrate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// object is one instance of a managed resource in a state.
type object struct {
	address  string        // with keys of instances
	resource hcl.Traversal // the address without them, as a removed block has it
	block    string        // the address without the resource's own key
	module   string        // the address of its module without keys; empty for the root module
	kind     string        // type, such as aws_iot_thing
	name     string
	key      any // string, float64, or nil
	values   map[string]any
}

func (o *object) text(name string) string {
	s, _ := o.values[name].(string)
	return s
}

// shown is what terraform show -json prints.
type shown struct {
	FormatVersion string          `json:"format_version"`
	PlannedValues json.RawMessage `json:"planned_values"` // of a plan
	Values        *struct {
		Root shownModule `json:"root_module"`
	} `json:"values"`
	pulled
}

type shownModule struct {
	Resources []struct {
		Address string          `json:"address"`
		Mode    string          `json:"mode"`
		Type    string          `json:"type"`
		Name    string          `json:"name"`
		Index   any             `json:"index"`
		Values  json.RawMessage `json:"values"`
		Deposed string          `json:"deposed_key"`
	} `json:"resources"`
	Children []shownModule `json:"child_modules"`
}

// pulled is what terraform state pull prints, and what a state file holds.
type pulled struct {
	Version   int             `json:"version"`
	Encrypted json.RawMessage `json:"encrypted_data"` // of a state file of OpenTofu
	Resources []struct {
		Module    string `json:"module"`
		Mode      string `json:"mode"`
		Type      string `json:"type"`
		Name      string `json:"name"`
		Instances []struct {
			Key        any             `json:"index_key"`
			Deposed    string          `json:"deposed"`
			Attributes json.RawMessage `json:"attributes"`
		} `json:"instances"`
	} `json:"resources"`
}

// read reads a state in either form.
func read(from io.Reader) ([]*object, error) {
	var s shown
	if err := json.NewDecoder(from).Decode(&s); err != nil {
		return nil, fmt.Errorf("reading the state: it is not the output of terraform show -json or terraform state "+
			"pull: %w", err)
	}
	switch {
	case len(s.Encrypted) > 0:
		return nil, errors.New("reading the state: it is encrypted; in the configuration that it belongs to, run " +
			"tofu show -json or tofu state pull, which decrypt it")
	case len(s.PlannedValues) > 0:
		return nil, errors.New("reading the state: this is a plan; run terraform show -json without the name of a plan")
	case s.Values != nil:
		return s.Values.Root.objects(nil)
	case s.FormatVersion != "":
		return nil, errors.New("reading the state: it is empty")
	case s.Version == 4:
		return s.objects()
	}
	return nil, errors.New("reading the state: it is not the output of terraform show -json or terraform state pull")
}

func (m *shownModule) objects(all []*object) ([]*object, error) {
	for _, r := range m.Resources {
		if r.Mode != "managed" || r.Deposed != "" {
			continue
		}
		o, err := newObject(r.Address, r.Type, r.Name, r.Index, r.Values)
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	for i := range m.Children {
		var err error
		if all, err = m.Children[i].objects(all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (p *pulled) objects() (all []*object, err error) {
	for _, r := range p.Resources {
		if r.Mode != "managed" {
			continue
		}
		address := r.Type + "." + r.Name
		if r.Module != "" {
			address = r.Module + "." + address
		}
		for _, instance := range r.Instances {
			if instance.Deposed != "" {
				continue
			}
			o, err := newObject(address+keyText(instance.Key), r.Type, r.Name, instance.Key, instance.Attributes)
			if err != nil {
				return nil, err
			}
			all = append(all, o)
		}
	}
	return all, nil
}

// keyText is the key of an instance as an address has it.
func keyText(key any) string {
	switch k := key.(type) {
	case string:
		return "[" + string(hclwrite.TokensForValue(cty.StringVal(k)).Bytes()) + "]"
	case float64:
		return "[" + strconv.Itoa(int(k)) + "]"
	}
	return ""
}

// wanted is how the names of the types begin whose values are read; a state can hold much else.
const wanted = "aws_iot_"

func newObject(address, kind, name string, key any, values json.RawMessage) (*object, error) {
	steps, diags := hclsyntax.ParseTraversalAbs([]byte(address), "", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, fmt.Errorf("reading the state: %q is not an address of a resource", address)
	}
	o := &object{address: address, block: address, kind: kind, name: name, key: key}
	if strings.HasPrefix(kind, wanted) {
		if err := json.Unmarshal(values, &o.values); err != nil {
			return nil, fmt.Errorf("reading the state: the values of %s: it is not the output of terraform show -json "+
				"or terraform state pull: %w", address, err)
		}
	}
	if last, isKey := steps[len(steps)-1].(hcl.TraverseIndex); isKey {
		o.block = address[:last.SrcRange.Start.Byte]
	}
	for _, step := range steps {
		if _, isKey := step.(hcl.TraverseIndex); !isKey {
			o.resource = append(o.resource, step)
		}
	}
	if n := len(o.resource) - 2; n > 0 {
		o.module = traversalText(o.resource[:n])
	}
	return o, nil
}

func traversalText(steps hcl.Traversal) (text string) {
	for _, step := range steps {
		switch s := step.(type) {
		case hcl.TraverseRoot:
			text += s.Name
		case hcl.TraverseAttr:
			text += "." + s.Name
		}
	}
	return text
}
