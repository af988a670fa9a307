package telemetry

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
	"github.com/iot-pipeline/terraform-provider-iot/internal/protomessage"
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

// Decoder decodes payloads. It reuses memory between calls, so only one goroutine can use it; readings stay valid.
type Decoder struct {
	options   Options
	plain     bool // payloads may be read in one pass
	dataField string
	dataPath  []string
	timePath  []string
	readings  []string // the path
	unit      float64  // nanoseconds of a unit of TimeFormat; 0: none
	ignored   [][]string
	message   *protomessage.Message // of the format protobuf

	arrival time.Time
	slab    []Measure
	start   int // where the reading being decoded begins in slab
	index   map[string]int
	names   map[string]string
	scratch []byte
}

// New returns a decoder.
func New(o Options) (*Decoder, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	d := &Decoder{options: o, plain: o.plain(), dataField: o.DataField, dataPath: steps(o.DataPath),
		timePath: steps(o.TimePath), readings: steps(o.ReadingsPath), names: map[string]string{},
		index: map[string]int{}}
	if d.dataField == "" {
		d.dataField = DefaultDataField
	}
	if d.dataPath == nil {
		d.dataPath = []string{d.dataField}
	}
	d.unit = units[o.TimeFormat]
	for _, path := range o.Ignore {
		d.ignored = append(d.ignored, steps(path))
	}
	if o.Protobuf != nil {
		var err error
		if d.message, err = o.Protobuf.descriptor(); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// Decode reads one payload that reached the cloud at arrival. It returns one reading at least. The error is always an
// *Error.
func (d *Decoder) Decode(payload []byte, arrival time.Time) ([]Reading, error) {
	return d.Append(nil, string(payload), arrival)
}

// Append is Decode for a payload in a string, whose memory the measures share. It appends the readings to list. After
// an error, list is unchanged.
func (d *Decoder) Append(list []Reading, payload string, arrival time.Time) ([]Reading, error) {
	all, err := d.append(list, payload, arrival)
	if err == nil && d.options.Selected && !slices.ContainsFunc(all[len(list):], Reading.says) {
		return list, &Error{Reason: NothingSelected, Detail: "the message holds no " +
			"measure of what telemetry.select selects"}
	}
	return all, err
}

// says reports whether a reading holds anything but its time.
func (r Reading) says() bool { return len(r.Measures) > 0 || r.Skipped > 0 }

func (d *Decoder) append(list []Reading, payload string, arrival time.Time) ([]Reading, error) {
	d.arrival, d.start = arrival.UTC(), len(d.slab)
	if d.plain {
		list = append(list, Reading{})
		if err := d.onePass(payload, &list[len(list)-1]); err == nil {
			return list, nil
		}
		list, d.slab = list[:len(list)-1], d.slab[:d.start]
	}
	all, err := d.general(list, payload)
	if err != nil {
		d.slab = d.slab[:min(d.start, len(d.slab))]
		return list, reasoned(err)
	}
	return all, nil
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

func checkText(payload string) error {
	if !utf8.ValidString(payload) {
		return &Error{Reason: InvalidUTF8, Detail: "the payload is not UTF-8 text"}
	}
	return nil
}

// trim removes what encoders leave around a document: a byte order mark, and the string terminators of C.
func trim(payload string) string {
	return strings.TrimRight(strings.TrimPrefix(payload, "\uFEFF"), "\x00")
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

// begin starts a reading.
func (d *Decoder) begin() { d.start = len(d.slab) }

// finish completes a reading with its time.
func (d *Decoder) finish(r *Reading, m *moment, skipped int) {
	if m.implausible {
		if _, taken := d.find(DeviceTime); !taken {
			d.add(Measure{Name: DeviceTime, Text: m.text, Kind: m.kind})
		}
	}
	r.Time, r.HasTime, r.Skipped, r.Implausible = m.time, m.own, skipped, m.implausible
	r.Measures = d.slab[d.start:len(d.slab):len(d.slab)]
}

// add appends a measure to the reading, or replaces the one with the same name: the later of two equal keys wins.
func (d *Decoder) add(measure Measure) {
	if at, ok := d.find(measure.Name); ok {
		d.slab[at] = measure
		return
	}
	if len(d.slab) == cap(d.slab) {
		// Earlier readings keep the old slab; the one in progress moves to the new one.
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

func tooDeep() error {
	return &Error{Reason: TooDeep, Detail: fmt.Sprintf("objects are nested more than %d deep", maxDepth)}
}

func emptyName() error { return &Error{Reason: EmptyName, Detail: "a member has an empty name"} }
