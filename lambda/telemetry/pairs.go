package telemetry

import (
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
)

// commonPairs are the members by which products name a measure and its value.
var commonPairs = []Pairs{
	{"name", "value"}, {"key", "value"}, {"n", "v"}, {"id", "value"}, {"name", "val"}, {"metric", "value"},
	{"measure", "value"}, {"field", "value"}, {"parameter", "value"}, {"propertyId", "value"},
}

// pairsOf returns the members that hold name and value in every object of an array; nil if they do not.
func (d *Decoder) pairsOf(array *node) *Pairs {
	choices := commonPairs
	if d.options.Pairs != nil {
		choices = []Pairs{*d.options.Pairs}
	}
	for c := range choices {
		if !slices.ContainsFunc(array.items, func(n node) bool { return !choices[c].in(&n) }) {
			return &choices[c]
		}
	}
	return nil
}

func (p Pairs) in(n *node) bool {
	name, value := n.member(p.Name), n.member(p.Value)
	return name != nil && name.kind == jsontext.String && name.text != "" && value != nil &&
		(value.scalar() || value.kind == jsontext.Null)
}

// pairs reads an array of names and values. Pairs of one time are one reading. Other members of a pair, such as a unit,
// are measures with the pair's name before theirs.
func (i *interpreter) pairs(array *node, p *Pairs, base moment, depth int) error {
	groups, order := map[int64][]int{}, []moment(nil)
	times := make([][]*node, len(array.items))
	for n := range array.items {
		when, own, err := i.timeOf(&array.items[n], nil, base, depth)
		if err != nil {
			return err
		}
		key := when.time.UnixNano()
		if _, known := groups[key]; !known {
			order = append(order, when)
		}
		groups[key], times[n] = append(groups[key], n), own
	}
	for _, when := range order {
		i.begin()
		skipped := 0
		for _, n := range groups[when.time.UnixNano()] {
			if err := i.pair(&array.items[n], p, times[n], depth, &skipped); err != nil {
				return err
			}
		}
		if len(i.slab) > i.start || skipped > 0 {
			i.reading(when, skipped)
		}
	}
	return nil
}

func (i *interpreter) pair(obj *node, p *Pairs, times []*node, depth int, skipped *int) error {
	name := obj.member(p.Name).text
	for n := range obj.items {
		m := &obj.items[n]
		full := name
		if m.key != p.Value {
			full = i.join(name, m.key)
		}
		var err error
		switch {
		case slices.Contains(times, m), m.key == p.Name, i.ignores(full):
		case m.kind == jsontext.Null, m.kind == jsontext.Array && len(m.items) == 0:
			*skipped++
		case m.kind == jsontext.Array:
			err = &Error{Reason: UnreadableArray, Detail: "a pair holds an array, in " + full}
		case m.kind == jsontext.Object:
			var arrays []found
			if arrays, err = i.members(m, full, nil, depth+1, skipped, nil); err == nil && len(arrays) > 0 {
				err = &Error{Reason: UnreadableArray, Detail: "a pair holds an array, in " + arrays[0].name}
			}
		default:
			err = i.measure(full, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
