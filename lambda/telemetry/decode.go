package telemetry

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
)

const (
	// DefaultDataField is the member whose object holds the measures, if the payload has it.
	DefaultDataField = "data"
	// DefaultTimeField is the member that holds the time. It takes precedence over the other documented names.
	DefaultTimeField = "timestamp"

	maxDepth    = 16      // objects inside objects; deeper is not telemetry
	maxNesting  = 128     // arrays and objects that may be open at once, also in what is skipped
	slabSize    = 1024    // measures allocated at a time
	indexFrom   = 32      // measures from which a map finds duplicates faster than a scan
	maxInterned = 1 << 12 // dotted names remembered
)

// documentedTimeFields are recognised in this order, whatever the configured name.
var documentedTimeFields = []string{"timestamp", "timeStampEpoch", "timeStampIso"}

// Decoder decodes payloads. It reuses memory between calls, so only one goroutine can use it; messages stay valid.
type Decoder struct {
	dataField  string
	timeFields []string

	slab    []Measure
	start   int // where the message being decoded begins in slab
	index   map[string]int
	names   map[string]string
	scratch []byte
}

// NewDecoder returns a decoder; an empty field name means the default.
func NewDecoder(dataField, timeField string) *Decoder {
	d := &Decoder{dataField: dataField, names: map[string]string{}, index: map[string]int{}}
	if dataField == "" {
		d.dataField = DefaultDataField
	}
	if timeField != "" && timeField != DefaultTimeField {
		d.timeFields = append(d.timeFields, timeField)
	}
	d.timeFields = append(d.timeFields, documentedTimeFields...)
	return d
}

// Decode reads one payload that reached the cloud at arrival. The error is always an *Error.
func (d *Decoder) Decode(payload []byte, arrival time.Time) (Message, error) {
	return d.DecodeString(string(payload), arrival)
}

// DecodeString is like Decode for a payload in a string; the measures share the string's memory.
func (d *Decoder) DecodeString(payload string, arrival time.Time) (Message, error) {
	if !utf8.ValidString(payload) {
		return Message{}, &Error{Reason: InvalidUTF8, Detail: "the payload is not UTF-8 text"}
	}
	d.start = len(d.slab)
	m := Message{Time: arrival.UTC()}
	if err := d.message(payload, &m); err != nil {
		d.slab = d.slab[:d.start]
		return Message{}, reasoned(err)
	}
	m.Measures = d.slab[d.start:len(d.slab):len(d.slab)]
	return m, nil
}

func reasoned(err error) error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	var syntax *jsontext.SyntaxError
	if errors.As(err, &syntax) && syntax.TooDeep {
		return &Error{Reason: TooDeep, Detail: err.Error()}
	}
	return &Error{Reason: NotJSON, Detail: err.Error()}
}

// message reads the outermost object. Only its data member shows whether the payload is an envelope, and other members
// may come first: measures read before it are then dropped, members after it are only checked.
func (d *Decoder) message(payload string, m *Message) error {
	r := jsontext.New(payload, maxNesting)
	if r.Peek() != jsontext.Object {
		if err := r.Skip(); err != nil {
			return err
		}
		if err := r.End(); err != nil {
			return err
		}
		return &Error{Reason: NotAnObject, Detail: "the payload is JSON but not an object"}
	}
	if err := r.Enter('{'); err != nil {
		return err
	}
	envelope, timeRank := false, len(d.timeFields)
	for first := true; ; first = false {
		key, ok, err := r.Member(first)
		if err != nil {
			return err
		}
		if !ok {
			return r.End()
		}
		rank := d.timeRank(key)
		switch {
		case rank >= 0:
			err = d.time(&r, rank, &timeRank, m)
		case key == d.dataField && r.Peek() == jsontext.Object:
			d.slab, m.Skipped, envelope = d.slab[:d.start], 0, true
			err = d.object(&r, "", 1, m)
		case envelope:
			err = r.Skip()
		default:
			err = d.member(&r, "", key, 0, m)
		}
		if err != nil {
			return err
		}
	}
}

func (d *Decoder) timeRank(key string) int {
	for i, name := range d.timeFields {
		if key == name {
			return i
		}
	}
	return -1
}

// time reads a time member. The first of the configured and documented names that is present decides; null counts as
// absent.
func (d *Decoder) time(r *jsontext.Reader, rank int, best *int, m *Message) error {
	var (
		text string
		err  error
	)
	parse := parseEpoch
	switch r.Peek() {
	case jsontext.Null:
		return r.Skip()
	case jsontext.Number:
		text, err = r.NumberText()
	case jsontext.String:
		text, err = r.Text()
		parse = parseText
	default:
		if err := r.Skip(); err != nil {
			return err
		}
		return &Error{
			Reason: InvalidTime,
			Detail: fmt.Sprintf("member %q is neither a number nor a string", d.timeFields[rank]),
		}
	}
	if err != nil || rank > *best {
		return err
	}
	t, ok := parse(text)
	if !ok {
		return &Error{
			Reason: InvalidTime,
			Detail: fmt.Sprintf("member %q is neither an epoch nor an ISO 8601 time", d.timeFields[rank]),
		}
	}
	*best, m.Time, m.HasTime = rank, t, true
	return nil
}

func (d *Decoder) object(r *jsontext.Reader, prefix string, depth int, m *Message) error {
	if depth > maxDepth {
		return &Error{Reason: TooDeep, Detail: fmt.Sprintf("objects are nested more than %d deep", maxDepth)}
	}
	if err := r.Enter('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		key, ok, err := r.Member(first)
		if err != nil || !ok {
			return err
		}
		if err := d.member(r, prefix, key, depth, m); err != nil {
			return err
		}
	}
}

// member reads a value as one measure, an object as many, and skips values that cannot be measures.
func (d *Decoder) member(r *jsontext.Reader, prefix, key string, depth int, m *Message) error {
	kind := r.Peek()
	if kind == jsontext.Array || kind == jsontext.Null {
		m.Skipped++
		return r.Skip()
	}
	if key == "" {
		return &Error{Reason: EmptyName, Detail: "a member has an empty name"}
	}
	name := d.join(prefix, key)
	switch kind {
	case jsontext.Object:
		return d.object(r, name, depth+1, m)
	case jsontext.Number:
		text, err := r.NumberText()
		if err != nil {
			return err
		}
		if text, err = finite(text); err != nil {
			return err
		}
		d.add(Measure{Name: name, Text: text, Kind: Number})
	case jsontext.Bool:
		v, err := r.Bool()
		if err != nil {
			return err
		}
		d.add(Measure{Name: name, Text: strconv.FormatBool(v), Kind: Bool})
	case jsontext.String:
		text, err := r.Text()
		if err != nil {
			return err
		}
		d.add(Measure{Name: name, Text: text, Kind: String})
	default:
		return r.Skip() // Skip rejects what is not a value
	}
	return nil
}

// finite returns a number's text in a form that every store accepts: as written if it is short and plain, else the
// shortest text of the nearest double. A number beyond the doubles has no such text.
func finite(text string) (string, error) {
	plain := len(text) <= 17
	for i := 0; plain && i < len(text); i++ {
		plain = text[i] != 'e' && text[i] != 'E'
	}
	if plain {
		return text, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(v, 0) {
		return "", &Error{Reason: NumberOutOfRange, Detail: "a number is beyond the range of a 64-bit float"}
	}
	return strconv.FormatFloat(v, 'g', -1, 64), nil
}

// join builds a dotted name. Devices repeat their names forever, so each is built once.
func (d *Decoder) join(prefix, key string) string {
	if prefix == "" {
		return key
	}
	d.scratch = append(append(append(d.scratch[:0], prefix...), '.'), key...)
	if name, ok := d.names[string(d.scratch)]; ok {
		return name
	}
	name := string(d.scratch)
	if len(d.names) < maxInterned {
		d.names[name] = name
	}
	return name
}

// add appends a measure to the message, or replaces the one with the same name: the later of two equal keys wins.
func (d *Decoder) add(measure Measure) {
	if at, ok := d.find(measure.Name); ok {
		d.slab[at] = measure
		return
	}
	if len(d.slab) == cap(d.slab) {
		// Earlier messages keep the old slab; the one in progress moves to the new one.
		current := d.slab[d.start:]
		d.slab = append(make([]Measure, 0, max(slabSize, 2*len(current))), current...)
		d.start = 0
	}
	d.slab = append(d.slab, measure)
	if n := len(d.slab) - d.start; n == indexFrom {
		clear(d.index)
		for i, m := range d.slab[d.start:] {
			d.index[m.Name] = i
		}
	} else if n > indexFrom {
		d.index[measure.Name] = n - 1
	}
}

func (d *Decoder) find(name string) (int, bool) {
	if len(d.slab)-d.start >= indexFrom {
		i, ok := d.index[name]
		return d.start + i, ok
	}
	for i := d.start; i < len(d.slab); i++ {
		if d.slab[i].Name == name {
			return i, true
		}
	}
	return 0, false
}
