package telemetry

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
)

// senMLValues are the members that hold the value of a record [RFC 8428 5]; s is a sum.
var senMLValues = []string{"v", "vs", "vb", "vd", "s"}

// senMLLabels are the numbers that stand for member names in CBOR [RFC 8428 6].
var senMLLabels = map[string]string{"-1": "bver", "-2": "bn", "-3": "bt", "-4": "bu", "-5": "bv", "-6": "bs",
	"0": "n", "1": "u", "2": "v", "3": "vs", "4": "vb", "5": "s", "6": "t", "7": "ut", "8": "vd"}

// relativeTimes are times below 2^28: they count from now [RFC 8428 4.5.3].
const relativeTimes = 1 << 28

// isSenML reports whether a payload that nobody says is SenML is: an array of records, one of which has a base name, or
// all of which have a name, a value, and nothing that SenML does not know.
func isSenML(root *node) bool {
	if root.kind != jsontext.Array || len(root.items) == 0 {
		return false
	}
	base := false
	for n := range root.items {
		r := &root.items[n]
		if r.kind != jsontext.Object {
			return false
		}
		base = base || r.member("bn") != nil
		for m := range r.items {
			if !slices.Contains([]string{"bn", "bt", "bu", "bv", "bs", "bver", "n", "u", "v", "vs", "vb", "vd", "s",
				"t", "ut"},
				r.items[m].key) {
				return false
			}
		}
	}
	return base || !slices.ContainsFunc(root.items,
		func(r node) bool { return r.member("n") == nil || r.value() == nil })
}

// value is the value of a record, or nil.
func (n *node) value() *node {
	for _, key := range senMLValues {
		if v := n.member(key); v != nil {
			return v
		}
	}
	return nil
}

// senMLBase are the base values in effect [RFC 8428 4.1].
type senMLBase struct {
	name       string
	time       float64
	value, sum float64
}

func notSenML(problem string) error { return &Error{Reason: NotSenML, Detail: problem} }

// senML reads a pack: records of one time are one reading. A measure is called by the record's own name; by the whole
// name, if the pack has several base names. Units are not stored.
func (i *interpreter) senML(root *node) error {
	if root.kind != jsontext.Array || len(root.items) == 0 {
		return notSenML("the payload is not an array of records")
	}
	names := map[string]bool{}
	for n := range root.items {
		relabel(&root.items[n])
		if bn := root.items[n].member("bn"); bn != nil {
			names[bn.text] = true
		}
	}
	var base senMLBase
	groups, order := map[int64][]Measure{}, []moment(nil)
	for n := range root.items {
		measures, when, err := i.record(&root.items[n], &base, len(names) > 1)
		if err != nil {
			return err
		}
		key := when.time.UnixNano()
		if _, known := groups[key]; !known && len(measures) > 0 {
			order = append(order, when)
		}
		groups[key] = append(groups[key], measures...)
	}
	if len(order) == 0 {
		return notSenML("no record has a value")
	}
	for _, when := range order {
		i.resolved(groups[when.time.UnixNano()], when)
	}
	return nil
}

// resolved makes a reading of the measures of one time.
func (i *interpreter) resolved(measures []Measure, when moment) {
	i.begin()
	for _, m := range measures {
		if i.ignores(m.Name) {
			continue
		}
		if other, ok := i.options.Rename[m.Name]; ok {
			m.Name = other
		}
		i.add(m)
	}
	i.reading(when, 0)
}

func relabel(record *node) {
	for n := range record.items {
		if name, ok := senMLLabels[record.items[n].key]; ok {
			record.items[n].key = name
		}
	}
}

// record resolves one record [RFC 8428 4.6].
func (i *interpreter) record(r *node, base *senMLBase, whole bool) ([]Measure, moment, error) {
	if r.kind != jsontext.Object {
		return nil, moment{}, notSenML("a record is not an object")
	}
	if bn := r.member("bn"); bn != nil {
		base.name = bn.text
	}
	var own float64
	for key, target := range map[string]*float64{"bt": &base.time, "bv": &base.value, "bs": &base.sum, "t": &own} {
		if err := r.number(key, target); err != nil {
			return nil, moment{}, err
		}
	}
	when := i.senMLTime(base.time + own)
	name := senMLName(base.name, r.member("n"), whole)
	var measures []Measure
	for _, key := range senMLValues {
		v := r.member(key)
		if v == nil {
			continue
		}
		if name == "" {
			return nil, moment{}, emptyName()
		}
		m, err := senMLMeasure(name, key, v, base)
		if err != nil {
			return nil, moment{}, err
		}
		measures = append(measures, m)
	}
	return measures, when, nil
}

// number reads a member that must be a number, if there is one.
func (n *node) number(key string, target *float64) error {
	v := n.member(key)
	if v == nil {
		return nil
	}
	value, err := strconv.ParseFloat(v.text, 64)
	if err != nil || v.kind != jsontext.Number {
		return notSenML("member " + key + " is not a number")
	}
	*target = value
	return nil
}

// senMLTime resolves a time in seconds; 0 is now.
func (i *interpreter) senMLTime(seconds float64) moment {
	if math.Abs(seconds) < relativeTimes {
		since := time.Duration(seconds * float64(time.Second))
		return moment{time: i.arrival.Add(since), own: seconds != 0}
	}
	whole, fraction := math.Modf(seconds)
	m := moment{time: time.Unix(int64(whole), int64(math.Round(fraction*1e6)*1e3)).UTC(), own: true,
		text: strconv.FormatFloat(seconds, 'f', -1, 64)}
	m.judge(i.arrival)
	return m
}

func senMLName(base string, n *node, whole bool) string {
	name := ""
	if n != nil {
		name = n.text
	}
	if whole || name == "" {
		name = base + name
	}
	return strings.TrimRight(name, ":/")
}

func senMLMeasure(name, key string, v *node, base *senMLBase) (Measure, error) {
	if key == "s" {
		name += ".sum"
	}
	want := map[string]jsontext.Kind{"v": jsontext.Number, "s": jsontext.Number, "vb": jsontext.Bool,
		"vs": jsontext.String, "vd": jsontext.String}[key]
	if v.kind != want {
		return Measure{}, notSenML("the value of member " + key + " has another type")
	}
	m := Measure{Name: name, Text: v.text}
	switch want {
	case jsontext.Bool:
		m.Kind = Bool
	case jsontext.String:
		m.Kind = String
	default:
		offset := map[string]float64{"v": base.value, "s": base.sum}[key]
		if offset != 0 {
			n, err := strconv.ParseFloat(v.text, 64)
			if err != nil {
				return Measure{}, notSenML("member " + key + " is out of range")
			}
			m.Text = strconv.FormatFloat(n+offset, 'g', -1, 64)
		}
		var err error
		if m.Text, err = finite(m.Text); err != nil {
			return Measure{}, err
		}
	}
	return m, nil
}
