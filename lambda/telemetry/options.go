package telemetry

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Options say how a fleet's devices write their payloads. The zero value reads what telemetry's package comment lists.
// The JSON form is the value of the environment variable IOT_TELEMETRY.
//
// A path leads to a member of nested objects, such as "uplink_message.decoded_payload".
type Options struct {
	// DataField and TimeField are the one-level case of DataPath and TimePath: names that may contain dots.
	DataField string `json:"-"`
	TimeField string `json:"-"`
	// DataPath leads to the object that holds the measures. A payload without it is read as flat.
	DataPath string `json:"data_path,omitempty"`
	// TimePath leads to the time, from the payload, from the data, or from each reading.
	TimePath string `json:"time_path,omitempty"`
	// TimeFormat is the form of the time at TimePath: one of TimeFormats, or a layout of package time.
	TimeFormat string `json:"time_format,omitempty"`
	// ReadingsPath leads to an array of readings. In each, a time that is too small for a date counts from the
	// message's time.
	ReadingsPath string `json:"readings_path,omitempty"`
	// Pairs are the members of the objects of an array that hold a measure's name and its value.
	Pairs *Pairs `json:"pairs,omitempty"`
	// ConvertStrings reads numbers and Booleans in strings.
	ConvertStrings bool `json:"convert_strings,omitempty"`
	// Ignore lists names of measures that are dropped, with all below them. A step "*" stands for any name.
	Ignore []string `json:"ignore,omitempty"`
	// Rename gives measures other names.
	Rename map[string]string `json:"rename,omitempty"`
	// Format is one of Formats; "" is JSON.
	Format string `json:"format,omitempty"`
	// Compression is one of Compressions; "" is none.
	Compression string `json:"compression,omitempty"`
	// Protobuf is the message of the format protobuf.
	Protobuf *Protobuf `json:"protobuf,omitempty"`
	// Selected says that payloads are what a rule selects of a message. One without any measure is then an error: the
	// message holds nothing of what is selected, and its content would be lost.
	Selected bool `json:"selected,omitempty"`
}

// Pairs name the members of an object that is one measure.
type Pairs struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// TimeFormats are the values of TimeFormat that are not a layout. Auto tells seconds, milliseconds, microseconds and
// nanoseconds apart by size, and reads ISO 8601.
var TimeFormats = []string{"auto", "seconds", "milliseconds", "microseconds", "nanoseconds"}

// Formats are the values of Format.
var Formats = []string{"json", "senml", "cbor", "msgpack", "protobuf", "sparkplug"}

// Compressions are the values of Compression.
var Compressions = []string{"gzip"}

// ParseOptions reads the environment variables IOT_TELEMETRY, IOT_DATA_FIELD and IOT_TIME_FIELD; each may be empty.
func ParseOptions(text, dataField, timeField string) (Options, error) {
	o := Options{}
	if text != "" {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&o); err != nil {
			return Options{}, fmt.Errorf("reading the telemetry options: %w", err)
		}
	}
	o.DataField, o.TimeField = dataField, timeField
	return o, o.check()
}

func (o Options) check() error {
	var problems []error
	if o.Format != "" && !slices.Contains(Formats, o.Format) {
		problems = append(problems, fmt.Errorf("format %q is unknown", o.Format))
	}
	if o.Compression != "" && !slices.Contains(Compressions, o.Compression) {
		problems = append(problems, fmt.Errorf("compression %q is unknown", o.Compression))
	}
	if o.Pairs != nil && (o.Pairs.Name == "" || o.Pairs.Value == "") {
		problems = append(problems, errors.New("pairs needs both name and value"))
	}
	if (o.Format == "protobuf") != (o.Protobuf != nil) {
		problems = append(problems, errors.New("format protobuf and the settings of protobuf need each other"))
	}
	return errors.Join(problems...)
}

// plain reports whether payloads may be read in one pass.
func (o Options) plain() bool {
	return (o.Format == "" || o.Format == "json") && o.Compression == "" && o.DataPath == "" && o.TimePath == "" &&
		o.ReadingsPath == "" && o.Pairs == nil && !o.ConvertStrings && len(o.Ignore) == 0 && len(o.Rename) == 0
}

// steps splits a path; an empty path has none.
func steps(path string) []string {
	if path == "" {
		return nil
	}
	return strings.Split(path, ".")
}
