package migrate

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// width is where lines of comments end.
const width = 110

// configuration is the whole text.
func (m *migration) configuration() []byte {
	file := hclwrite.NewEmptyFile()
	body := file.Body()
	comment(body, "Written by iotctl migrate. Read the guide \"Migrating\" before you apply it, and compare the "+
		"topics and the client IDs of the devices with what the pipeline's policy allows.")
	m.writePipeline(body)
	m.writeRemoved(body)
	m.writePolicies(body)
	m.writeNotes(body)
	return hclwrite.Format(file.Bytes())
}

// comment writes a paragraph.
func comment(body *hclwrite.Body, text string) {
	line := "#"
	var lines []string
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > width && line != "#" {
			lines = append(lines, line)
			line = "#"
		}
		line += " " + word
	}
	for _, line := range append(lines, line) {
		body.AppendUnstructuredTokens(hclwrite.Tokens{{Type: hclsyntax.TokenComment, Bytes: []byte(line + "\n")}})
	}
}

func (m *migration) writePipeline(body *hclwrite.Body) {
	body.AppendNewline()
	b := body.AppendNewBlock("resource", []string{"iot_pipeline", label(m.name)}).Body()
	b.SetAttributeValue("name", cty.StringVal(m.name))
	b.SetAttributeValue("region", cty.StringVal(m.region))
	if m.topicPrefix != "" {
		b.SetAttributeValue("topic_prefix", cty.StringVal(m.topicPrefix))
	}
	b.AppendNewline()
	comment(b, "adopt can be removed after the apply.")
	devices := map[string]cty.Value{}
	for name, d := range m.devices {
		devices[name] = d.value()
	}
	b.SetAttributeValue("devices", cty.ObjectVal(devices))
}

// label is the name of a pipeline as a label of a resource.
func label(name string) string {
	if hclsyntax.ValidIdentifier(name) {
		return name
	}
	return "migrated"
}

func (d *device) value() cty.Value {
	adopt := map[string]cty.Value{"thing_arn": cty.StringVal(d.arn)}
	if len(d.certificates) > 0 {
		adopt["certificate_arns"] = list(d.certificates)
	}
	members := map[string]cty.Value{"adopt": cty.ObjectVal(adopt)}
	if len(d.attributes) > 0 {
		attributes := map[string]cty.Value{}
		for key, value := range d.attributes {
			attributes[key] = cty.StringVal(value)
		}
		members["attributes"] = cty.ObjectVal(attributes)
	}
	if d.disabled {
		members["enabled"] = cty.False
	}
	return cty.ObjectVal(members)
}

func list(texts []string) cty.Value {
	values := make([]cty.Value, len(texts))
	for i, text := range texts {
		values[i] = cty.StringVal(text)
	}
	return cty.TupleVal(values)
}

// writeRemoved writes the blocks with which Terraform forgets what the pipeline takes over. A block concerns all
// instances of a resource; where some stay, there is a command for each of the others.
func (m *migration) writeRemoved(body *hclwrite.Body) {
	body.AppendNewline()
	comment(body, "Terraform forgets these and leaves them as they are. Remove their resource blocks, and replace "+
		"references to them by their values.")
	var commands []string
	for _, instances := range m.byResource {
		var taken []string
		for _, instance := range instances {
			if m.taken[instance] {
				taken = append(taken, instance.address)
			}
		}
		switch len(taken) {
		case 0:
		case len(instances):
			body.AppendNewline()
			b := body.AppendNewBlock("removed", nil).Body()
			b.SetAttributeTraversal("from", instances[0].resource)
			b.AppendNewBlock("lifecycle", nil).Body().SetAttributeValue("destroy", cty.False)
		default:
			commands = append(commands, taken...)
		}
	}
	if len(commands) == 0 {
		return
	}
	body.AppendNewline()
	comment(body, "Other instances of the resources of these stay. Before the apply, run:")
	for _, address := range commands {
		line := "#   terraform state rm '" + strings.ReplaceAll(address, "'", `'\''`) + "'\n"
		body.AppendUnstructuredTokens(hclwrite.Tokens{{Type: hclsyntax.TokenComment, Bytes: []byte(line)}})
	}
}

// writePolicies writes the attachments of policies again, with values in place of references to certificates that are
// not in the configuration any more. Their addresses stay, so nothing is detached.
func (m *migration) writePolicies(body *hclwrite.Body) {
	if len(m.policies) == 0 {
		return
	}
	body.AppendNewline()
	comment(body, "The devices keep their policies until the cut-over. Put these in place of the resources of the "+
		"same name; remove them after the cut-over, when each device has connected once since the apply.")
	for _, instances := range m.byResource {
		if !slices.ContainsFunc(instances, func(o *object) bool { return slices.Contains(m.policies, o) }) {
			continue
		}
		if !regular(instances) {
			m.note(traversalText(instances[0].resource), "write its values in place of the references; its instances "+
				"are of several modules, or not numbered from 0 on")
			continue
		}
		body.AppendNewline()
		if module := instances[0].module; module != "" {
			comment(body, "In "+module+":")
		}
		block := body.AppendNewBlock("resource", []string{kindPolicyAttachment, instances[0].name})
		writePolicy(block.Body(), instances)
	}
}

// regular reports whether one block can describe the instances: they are of one module and, if numbered, from 0 on.
func regular(instances []*object) bool {
	for i, o := range instances {
		if n, numbered := o.key.(float64); numbered && int(n) != i || o.block != instances[0].block {
			return false
		}
	}
	return true
}

func writePolicy(body *hclwrite.Body, instances []*object) {
	switch instances[0].key.(type) {
	case string:
		all := map[string]cty.Value{}
		for _, o := range instances {
			key, _ := o.key.(string)
			all[key] = cty.ObjectVal(map[string]cty.Value{
				"policy": cty.StringVal(o.text("policy")), "target": cty.StringVal(o.text("target"))})
		}
		body.SetAttributeValue("for_each", cty.ObjectVal(all))
		for _, name := range []string{"policy", "target"} {
			body.SetAttributeTraversal(name, traversal("each", "value", name))
		}
	case float64:
		body.SetAttributeValue("count", cty.NumberIntVal(int64(len(instances))))
		for _, name := range []string{"policy", "target"} {
			values := make([]string, len(instances))
			for i, o := range instances {
				values[i] = o.text(name)
			}
			body.SetAttributeRaw(name, indexed(list(values), traversal("count", "index")))
		}
	default:
		for _, name := range []string{"policy", "target"} {
			body.SetAttributeValue(name, cty.StringVal(instances[0].text(name)))
		}
	}
}

func traversal(root string, names ...string) hcl.Traversal {
	t := hcl.Traversal{hcl.TraverseRoot{Name: root}}
	for _, name := range names {
		t = append(t, hcl.TraverseAttr{Name: name})
	}
	return t
}

// indexed is an element of a list.
func indexed(list cty.Value, index hcl.Traversal) hclwrite.Tokens {
	return slices.Concat(hclwrite.TokensForValue(list),
		hclwrite.Tokens{{Type: hclsyntax.TokenOBrack, Bytes: []byte("[")}},
		hclwrite.TokensForTraversal(index),
		hclwrite.Tokens{{Type: hclsyntax.TokenCBrack, Bytes: []byte("]")}})
}

// writeNotes writes what is left to a person, by what it is about.
func (m *migration) writeNotes(body *hclwrite.Body) {
	if len(m.notes) == 0 {
		return
	}
	body.AppendNewline()
	comment(body, "Not taken over, or to be looked at:")
	texts := map[string]string{}
	for _, n := range m.notes {
		if texts[n.about] != "" {
			texts[n.about] += ". "
		}
		texts[n.about] += n.text
	}
	for _, about := range slices.Sorted(maps.Keys(texts)) {
		comment(body, "- "+about+": "+texts[about])
	}
}
