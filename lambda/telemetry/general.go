package telemetry

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
)

// maxInflated bounds a compressed payload. AWS IoT accepts 128 KiB [AWS 1.3]; JSON compresses some ten to twenty times.
const maxInflated = 4 << 20

// general reads payloads of every format and shape: it builds the payload's tree, and the readings from that.
func (d *Decoder) general(list []Reading, payload string) ([]Reading, error) {
	if d.options.Compression == "gzip" {
		var err error
		if payload, err = inflate(payload); err != nil {
			return nil, err
		}
	}
	root, err := d.parse(payload)
	if err != nil {
		return nil, err
	}
	i := interpreter{Decoder: d, list: list}
	first := len(list)
	switch format := d.options.Format; {
	case format == "senml", (format == "" || format == "json") && isSenML(root):
		err = i.senML(root)
	case format == "sparkplug":
		err = i.sparkplug(root)
	default:
		err = i.root(root)
	}
	if err == nil {
		separate(i.list[first:])
	}
	return i.list, err
}

// separate makes the times of a payload's readings distinct: stores keep one value per name and time, to the
// millisecond. Of readings of the same time, each is a millisecond later than the one before it in the payload.
func separate(readings []Reading) {
	if len(readings) < 2 {
		return
	}
	next := make(map[int64]int64, len(readings)) // from a time that is taken to one that may be free
	for n := range readings {
		at := readings[n].Time.UnixMilli()
		free := at
		for after, taken := next[free]; taken; after, taken = next[free] {
			free = after
		}
		next[at], next[free] = free+1, free+1
		readings[n].Time = readings[n].Time.Add(time.Duration(free-at) * time.Millisecond)
	}
}

func (d *Decoder) parse(payload string) (*node, error) {
	switch d.options.Format {
	case "cbor":
		return parseCBOR([]byte(payload))
	case "msgpack":
		return parseMessagePack([]byte(payload))
	case "protobuf":
		return parseProtobuf(payload, d.message)
	case "sparkplug":
		return parseSparkplug(payload)
	case "senml":
		if payload != "" && payload[0]&0xe0 == 0x80 { // an array of CBOR
			return parseCBOR([]byte(payload))
		}
	}
	payload = trim(payload)
	if err := checkText(payload); err != nil {
		return nil, err
	}
	return parseJSON(payload)
}

func inflate(payload string) (string, error) {
	bad := func(err error) (string, error) {
		return "", &Error{Reason: NotGzip, Detail: "the payload is not gzip: " + err.Error()}
	}
	r, err := gzip.NewReader(strings.NewReader(payload))
	if err != nil {
		return bad(err)
	}
	var text bytes.Buffer
	n, err := io.Copy(&text, io.LimitReader(r, maxInflated+1))
	if err != nil {
		return bad(err)
	}
	if n > maxInflated {
		return "", &Error{Reason: TooLarge, Detail: fmt.Sprintf("the payload inflates to more than %d bytes",
			maxInflated)}
	}
	return text.String(), nil
}

// interpreter makes readings from the tree of one payload.
type interpreter struct {
	*Decoder
	list []Reading
}

// found is an array that an object holds, with the name that its members would have.
type found struct {
	array *node
	name  string
}

func (i *interpreter) root(root *node) error {
	base := moment{time: i.arrival}
	switch root.kind {
	case jsontext.Array:
		if len(root.items) == 0 {
			return &Error{Reason: NotAnObject, Detail: "the payload is an empty array"}
		}
		return i.array(found{array: root}, base, 1)
	case jsontext.Object:
		return i.message(root, base, 0)
	}
	return &Error{Reason: NotAnObject, Detail: "the payload is neither an object nor an array"}
}

// message reads an object: the payload, or an element of an array. Base is the time that counts if the object has none.
func (i *interpreter) message(obj *node, base moment, depth int) error {
	if depth > maxDepth {
		return tooDeep()
	}
	data := obj.at(i.dataPath)
	if data != nil && data.kind != jsontext.Object && data.kind != jsontext.Array {
		data = nil // a measure of that name
	}
	when, times, err := i.timeOf(obj, data, base, depth)
	if err != nil {
		return err
	}
	var arrays []found
	if depth == 0 && i.readings != nil {
		if a := firstOf(obj.at(i.readings), data.at(i.readings)); a != nil && a.kind == jsontext.Array {
			arrays = append(arrays, found{array: a})
		}
	}
	body := firstOf(data, obj)
	if body.kind == jsontext.Array {
		return i.array(found{array: body}, when, depth+1)
	}
	explicit := len(arrays)
	i.begin()
	skipped := 0
	if arrays, err = i.members(body, "", times, depth+1, &skipped, arrays); err != nil {
		return err
	}
	own := len(i.list)
	if len(i.slab) > i.start || len(arrays) == 0 {
		i.reading(when, skipped)
	}
	first := len(i.list)
	for n, a := range arrays {
		if n >= explicit && explicit > 0 && a.array == arrays[0].array {
			continue // the array at ReadingsPath, met again
		}
		if err := i.array(a, when, depth+1); err != nil {
			return err
		}
	}
	i.merge(own, first)
	return nil
}

// reading appends the reading that is complete.
func (i *interpreter) reading(m moment, skipped int) {
	i.list = append(i.list, Reading{})
	i.finish(&i.list[len(i.list)-1], &m, skipped)
}

// merge adds what an object says beside its readings, such as the battery's voltage, to one of them: to the newest if
// the object has no time of its own, else to the one of the same time. Own is the index of the object's reading, first
// that of the readings in its arrays.
func (i *interpreter) merge(own, first int) {
	if own == first || first == len(i.list) {
		return
	}
	outer, target := i.list[own], -1
	for n := first; n < len(i.list); n++ {
		r := &i.list[n]
		switch {
		case outer.HasTime && r.Time.Equal(outer.Time):
			target = n
		case !outer.HasTime && (target < 0 || r.Time.After(i.list[target].Time)):
			target = n
		}
	}
	if target < 0 || !disjoint(outer.Measures, i.list[target].Measures) {
		return
	}
	r := &i.list[target]
	r.Measures, r.Skipped = slices.Concat(r.Measures, outer.Measures), r.Skipped+outer.Skipped
	i.list = slices.Delete(i.list, own, first)
}

func disjoint(a, b []Measure) bool {
	return !slices.ContainsFunc(a, func(m Measure) bool {
		return slices.ContainsFunc(b, func(n Measure) bool { return n.Name == m.Name })
	})
}

func firstOf(a, b *node) *node {
	if a != nil {
		return a
	}
	return b
}

// members adds the measures of an object, except the times, and returns the arrays that it holds.
func (i *interpreter) members(
	obj *node, prefix string, times []*node, depth int, skipped *int, arrays []found,
) ([]found, error) {
	if depth > maxDepth+1 {
		return nil, tooDeep()
	}
	for n := range obj.items {
		m := &obj.items[n]
		if slices.Contains(times, m) {
			continue
		}
		if m.key == "" && m.kind != jsontext.Null && m.kind != jsontext.Array {
			return nil, emptyName()
		}
		name := i.join(prefix, m.key)
		var err error
		switch {
		case i.ignores(name):
		case m.kind == jsontext.Null, m.kind == jsontext.Array && len(m.items) == 0:
			*skipped++
		case m.kind == jsontext.Array:
			arrays = append(arrays, found{m, name})
		case m.kind == jsontext.Object:
			arrays, err = i.members(m, name, times, depth+1, skipped, arrays)
		default:
			err = i.measure(name, m)
		}
		if err != nil {
			return nil, err
		}
	}
	return arrays, nil
}

// measure adds one measure.
func (i *interpreter) measure(name string, v *node) error {
	measure := Measure{Name: name, Text: v.text}
	if other, ok := i.options.Rename[name]; ok {
		measure.Name = other
	}
	switch v.kind {
	case jsontext.Bool:
		measure.Kind = Bool
	case jsontext.String:
		measure.Kind = String
		if i.options.ConvertStrings {
			convert(&measure)
		}
	}
	if measure.Kind == Number {
		var err error
		if measure.Text, err = finite(measure.Text); err != nil {
			return err
		}
	}
	i.add(measure)
	return nil
}

// convert reads a number or a Boolean in a string.
func convert(m *Measure) {
	text := strings.TrimSpace(m.Text)
	switch {
	case jsontext.IsNumber(text):
		m.Kind, m.Text = Number, text
	case strings.EqualFold(text, "true"), strings.EqualFold(text, "false"):
		m.Kind, m.Text = Bool, strings.ToLower(text)
	}
}

// ignores reports whether a name, or one that it is below, is to be dropped.
func (d *Decoder) ignores(name string) bool {
	for _, pattern := range d.ignored {
		if below(pattern, name) {
			return true
		}
	}
	return false
}

func below(pattern []string, name string) bool {
	for n, step := range pattern {
		var first string
		var more bool
		first, name, more = strings.Cut(name, ".")
		if step != "*" && step != first || !more && n < len(pattern)-1 {
			return false
		}
	}
	return true
}

// array reads an array that an object holds: objects that name one measure each, or one reading each.
func (i *interpreter) array(a found, base moment, depth int) error {
	if depth > maxDepth {
		return tooDeep()
	}
	for n := range a.array.items {
		if a.array.items[n].kind != jsontext.Object {
			return &Error{Reason: UnreadableArray, Detail: fmt.Sprintf("element %d of %s is not an object; to drop "+
				"the array, add its name to ignore", n, nameOf(a))}
		}
	}
	if pairs := i.pairsOf(a.array); pairs != nil {
		return i.pairs(a.array, pairs, base, depth)
	}
	for n := range a.array.items {
		if err := i.message(&a.array.items[n], base, depth); err != nil {
			return err
		}
	}
	return nil
}

func nameOf(a found) string {
	if a.name == "" {
		return "the array"
	}
	return fmt.Sprintf("array %q", a.name)
}

// candidate is a member that may be the time of its object.
type candidate struct {
	member *node
	rank   timeRank
	moment
	valid bool
}

// candidates lists the members of an object that may be the time.
func (i *interpreter) candidates(obj *node) []candidate {
	if obj == nil || obj.kind != jsontext.Object {
		return nil
	}
	var list []candidate
	for n := range obj.items {
		if rank := i.timeRank(obj.items[n].key); rank != noTime {
			list = append(list, i.candidate(&obj.items[n], rank))
		}
	}
	return list
}

func (i *interpreter) candidate(member *node, rank timeRank) candidate {
	m, valid := i.moment(member, rank)
	return candidate{member, rank, m, valid}
}

// timeOf returns the time of an object, and the members that are times and not measures. Without a time,
// base counts.
func (i *interpreter) timeOf(obj, data *node, base moment, depth int) (moment, []*node, error) {
	list := append(i.candidates(obj), i.candidates(data)...)
	if v := firstOf(obj.at(i.timePath), data.at(i.timePath)); i.timePath != nil && v != nil {
		list = append(list, i.candidate(v, configuredTime))
	}
	best, rank := base, noTime
	var at *node
	for _, c := range list {
		if c.valid && c.rank <= rank { // of equal names, the one in the data
			best, rank, at = c.moment, c.rank, c.member
		}
	}
	times := []*node{at}
	for _, c := range list {
		switch {
		case c.member.kind == jsontext.Null, c.rank.documented() && c.valid:
			times = append(times, c.member)
		case c.rank.documented() && c.rank < rank:
			return best, nil, &Error{Reason: InvalidTime,
				Detail: fmt.Sprintf("member %q is neither an epoch nor an ISO 8601 time", c.member.key)}
		}
	}
	if at != nil && depth > 0 {
		best = offset(best, base, rank)
	}
	if best.judge(i.arrival); best.implausible && depth > 0 {
		best.time = base.time
	}
	return best, times, nil
}

// maxOffset is the largest number that counts from the message's time: ten years.
const maxOffset = 10 * 365 * 24 * time.Hour

// offset returns the time of a reading whose configured time is too small for a date: it counts from the message's
// time, as of a device that numbers the readings of a batch.
func offset(m, base moment, rank timeRank) moment {
	since := m.time.Sub(time.Unix(0, 0))
	if rank != configuredTime || m.kind != Number || !base.own || since.Abs() > maxOffset {
		return m
	}
	m.time = base.time.Add(since)
	return m
}
