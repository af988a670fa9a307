package telemetry

import (
	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
)

// node is a value of a payload, whatever its format.
type node struct {
	kind  jsontext.Kind
	key   string // of a member
	text  string // of a scalar: as Measure.Text
	items []node // of an array or object, in order
}

// maxNodes bounds the tree of one payload: 128 KiB, the most that AWS IoT accepts [AWS 1.3], hold fewer values.
const maxNodes = 1 << 17

// parseJSON builds the tree of a JSON document.
func parseJSON(text string) (*node, error) {
	r := jsontext.New(text, maxNesting)
	var root node
	if err := parseValue(&r, &root); err != nil {
		return nil, err
	}
	return &root, r.End()
}

func parseValue(r *jsontext.Reader, n *node) error {
	n.kind = r.Peek()
	var err error
	switch n.kind {
	case jsontext.Object:
		return parseObject(r, n)
	case jsontext.Array:
		return parseArray(r, n)
	case jsontext.String:
		n.text, err = r.Text()
	case jsontext.Number:
		n.text, err = r.NumberText()
	case jsontext.Bool:
		var v bool
		if v, err = r.Bool(); err == nil {
			n.text = boolText(v)
		}
	default:
		err = r.Skip() // reads null, and rejects what is not a value
	}
	return err
}

func boolText(v bool) string {
	if v {
		return "true"
	}
	return "false"
}

func parseObject(r *jsontext.Reader, n *node) error {
	if err := r.Enter('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		key, ok, err := r.Member(first)
		if err != nil || !ok {
			return err
		}
		n.items = append(n.items, node{key: key})
		if err := parseValue(r, &n.items[len(n.items)-1]); err != nil {
			return err
		}
	}
}

func parseArray(r *jsontext.Reader, n *node) error {
	if err := r.Enter('['); err != nil {
		return err
	}
	for first := true; ; first = false {
		ok, err := r.Element(first)
		if err != nil || !ok {
			return err
		}
		n.items = append(n.items, node{})
		if err := parseValue(r, &n.items[len(n.items)-1]); err != nil {
			return err
		}
	}
}

// member returns the last member of that name, or nil: the later of two equal keys wins.
func (n *node) member(key string) *node {
	if n == nil || n.kind != jsontext.Object {
		return nil
	}
	for i := len(n.items) - 1; i >= 0; i-- {
		if n.items[i].key == key {
			return &n.items[i]
		}
	}
	return nil
}

// at follows a path of members; it returns nil when a step is missing.
func (n *node) at(path []string) *node {
	for _, step := range path {
		n = n.member(step)
	}
	return n
}

func (n *node) scalar() bool {
	return n != nil && (n.kind == jsontext.String || n.kind == jsontext.Number || n.kind == jsontext.Bool)
}
