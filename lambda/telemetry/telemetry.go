// Package telemetry reads what devices publish: measures with a name and a type, and the time they were taken.
//
// It is for the project's functions and for anyone who writes a processor of their own. It knows payloads only: not
// where they came from (a device's identity is its topic, never a payload field), and not where they go.
//
// Without any options, it reads these shapes:
//
//	{"deviceId":"x","timestamp":1767225600000,"data":{"temperature":21.5}}   the measures are in data
//	{"name":"x","humidity":29,"timeStampEpoch":1767225600000}   flat: everything but the time is a measure
//	{"temp":21.5,"humidity":60,"battery":3.1}   no time: the arrival time is used
//	{"readings":[{"ts":1767225600,"temp":21.1},{"ts":1767225660,"temp":21.2}]}   each is a reading
//	[{"timestamp":…,"temp":21.1},…]   the same at the top
//	{"data":[{"name":"temperature","value":21},…]}   names and values: each pair is a measure
//	[{"bn":"urn:dev:ow:10e2:","bt":1276020076,"n":"voltage","v":120.1},…]   SenML (RFC 8428)
//
// An array of anything else is an error that names its path: nothing that a device sent is dropped silently.
package telemetry

import (
	"math"
	"strconv"
	"time"
)

// Kind is the type of a measure's value.
type Kind uint8

// The kinds of value a measure can have. JSON has one kind of number, so 21 and 21.5 are both Number: a column
// whose type followed the spelling would reject every other message.
const (
	Number Kind = iota
	Bool
	String
)

// Measure is one named value of a reading.
type Measure struct {
	Name string // members of nested objects are joined with dots: "wind.speed"
	Text string // the value as text: a JSON number, "true" or "false", or the string itself
	Kind Kind
}

// Float returns a Number's value; it is NaN for the other kinds. Decode has made sure that it is finite.
func (m Measure) Float() float64 {
	if m.Kind != Number {
		return math.NaN()
	}
	v, err := strconv.ParseFloat(m.Text, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

// DeviceTime is the name of the measure that holds a device's time when it is implausible.
const DeviceTime = "device_time"

// Reading is one set of measures of one time. A payload holds one or more.
type Reading struct {
	Time     time.Time // when the measures were taken, UTC; the arrival time when the payload has none
	HasTime  bool      // whether Time is the device's own
	Measures []Measure // in the order of the payload; of two with one name only the later is kept
	Skipped  int       // nulls and empty arrays, which hold no value
	// Implausible means that the device's own time is before 2010 or more than 15 minutes after the arrival, as of a
	// device without a clock. Time is then the arrival time, and the measure DeviceTime holds what the device sent.
	Implausible bool
}

// Reason says, in a word, why a payload could not be decoded. Reasons are metric dimensions: keep them few.
type Reason string

// The reasons Decode gives.
const (
	NotJSON          Reason = "not_json"
	NotCBOR          Reason = "not_cbor"
	NotMessagePack   Reason = "not_msgpack"
	NotSenML         Reason = "not_senml"
	NotProtobuf      Reason = "not_protobuf"
	NotSparkplug     Reason = "not_sparkplug"
	UnknownField     Reason = "unknown_field"
	NotGzip          Reason = "not_gzip"
	InvalidUTF8      Reason = "invalid_utf8"
	NotAnObject      Reason = "not_an_object"
	TooDeep          Reason = "too_deep"
	TooLarge         Reason = "too_large"
	InvalidTime      Reason = "invalid_time"
	NumberOutOfRange Reason = "number_out_of_range"
	EmptyName        Reason = "empty_name"
	UnreadableArray  Reason = "unreadable_array"
	NothingSelected  Reason = "nothing_selected"
)

// Error is a payload that could not be decoded. Detail may name members of the payload, but holds no values.
type Error struct {
	Reason Reason
	Detail string
}

func (e *Error) Error() string { return string(e.Reason) + ": " + e.Detail }
