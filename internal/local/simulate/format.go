package simulate

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/tinylib/msgp/msgp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// Encoding is how simulated devices write their messages. The zero value is JSON.
type Encoding struct {
	// Format is one of Formats; "" is the first.
	Format string
	// Compression is one of telemetry.Compressions; "" is none.
	Compression string

	protobuf *protobufFormat // of the format protobuf; For sets it
}

// sample is what a device measured at one time.
type sample struct {
	time     time.Time // to the millisecond
	measures []measure
}

type measure struct {
	name, unit string // units are those of SenML [RFC 8428 12.1]
	value      float64
}

// format is one way to write samples.
type format struct {
	name string
	// samples is how many are in one message.
	samples int
	// options are the telemetry settings that read the messages.
	options telemetry.Options
	encode  func(device string, samples []sample) ([]byte, error)
}

// several is how many samples are in one message of a format for more than one.
const several = 3

var formats = []format{
	{"json", 1, telemetry.Options{}, envelope(json.Marshal)},
	{"flat", 1, telemetry.Options{}, func(_ string, s []sample) ([]byte, error) {
		return json.Marshal(s[0].flat("timestamp"))
	}},
	{"readings", several, telemetry.Options{}, func(_ string, s []sample) ([]byte, error) {
		return json.Marshal(map[string]any{"readings": flats(s, "ts")})
	}},
	{"array", several, telemetry.Options{}, func(_ string, s []sample) ([]byte, error) {
		return json.Marshal(flats(s, "timestamp"))
	}},
	{"pairs", 1, telemetry.Options{}, pairs},
	{"senml", several, telemetry.Options{Format: "senml"}, senML(json.Marshal)},
	{"senml-cbor", several, telemetry.Options{Format: "senml"}, senML(cbor.Marshal)},
	{"cbor", 1, telemetry.Options{Format: "cbor"}, envelope(cbor.Marshal)},
	{"msgpack", 1, telemetry.Options{Format: "msgpack"}, envelope(func(v any) ([]byte, error) {
		return msgp.AppendIntf(nil, v)
	})},
	{"sparkplug", several, telemetry.Options{Format: "sparkplug"}, sparkplug},
	{"protobuf", 1, telemetry.Options{Format: "protobuf"}, func(string, []sample) ([]byte, error) {
		return nil, errors.New("the Protobuf message is not known")
	}},
}

// Formats are the names of the formats that simulated devices can write.
func Formats() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}

// Check reports an unknown format or compression.
func (e Encoding) Check() error {
	if e.Format != "" && !slices.Contains(Formats(), e.Format) {
		return fmt.Errorf("unknown format %q; the formats are %s", e.Format, strings.Join(Formats(), ", "))
	}
	if e.Compression != "" && !slices.Contains(telemetry.Compressions, e.Compression) {
		return fmt.Errorf("unknown compression %q; the compressions are %s", e.Compression,
			strings.Join(telemetry.Compressions, ", "))
	}
	return nil
}

// format returns the format of an encoding that Check accepts.
func (e Encoding) format() format {
	if e.protobuf != nil {
		return e.protobuf.format()
	}
	at := slices.IndexFunc(formats, func(f format) bool { return f.name == e.Format })
	return formats[max(0, at)]
}

// encode writes one message.
func (e Encoding) encode(device string, samples []sample) ([]byte, error) {
	payload, err := e.format().encode(device, samples)
	if err != nil || e.Compression == "" {
		return payload, err
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write(payload); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return zipped.Bytes(), nil
}

// values are the measures by name.
func (s sample) values() map[string]any {
	values := make(map[string]any, len(s.measures)+1)
	for _, m := range s.measures {
		values[m.name] = m.value
	}
	return values
}

// flat is an object of the measures and, under the given name, the time.
func (s sample) flat(timeName string) map[string]any {
	values := s.values()
	values[timeName] = s.time.UnixMilli()
	return values
}

func flats(samples []sample, timeName string) []map[string]any {
	list := make([]map[string]any, len(samples))
	for i, s := range samples {
		list[i] = s.flat(timeName)
	}
	return list
}

// envelope writes a message with the measures in the member data.
func envelope(marshal func(any) ([]byte, error)) func(string, []sample) ([]byte, error) {
	return func(device string, s []sample) ([]byte, error) {
		return marshal(map[string]any{
			"deviceId": device, "timestamp": s[0].time.UnixMilli(), "data": s[0].values(),
		})
	}
}

func pairs(device string, s []sample) ([]byte, error) {
	list := make([]map[string]any, len(s[0].measures))
	for i, m := range s[0].measures {
		list[i] = map[string]any{"name": m.name, "value": m.value}
	}
	return json.Marshal(map[string]any{"deviceId": device, "timestamp": s[0].time.UnixMilli(), "data": list})
}

// senMLRecord is a record of SenML, with the names of JSON and the labels of CBOR [RFC 8428 5, 6].
type senMLRecord struct {
	BaseName string  `json:"bn,omitempty" cbor:"-2,keyasint,omitempty"`
	BaseTime float64 `json:"bt,omitempty" cbor:"-3,keyasint,omitempty"`
	Name     string  `json:"n" cbor:"0,keyasint"`
	Unit     string  `json:"u,omitempty" cbor:"1,keyasint,omitempty"`
	Value    float64 `json:"v" cbor:"2,keyasint"`
	Time     float64 `json:"t,omitempty" cbor:"6,keyasint,omitempty"` // in addition to the base time
}

func senML(marshal func(any) ([]byte, error)) func(string, []sample) ([]byte, error) {
	return func(device string, samples []sample) ([]byte, error) {
		var pack []senMLRecord
		for _, s := range samples {
			since := s.time.Sub(samples[0].time).Seconds()
			for _, m := range s.measures {
				pack = append(pack, senMLRecord{Name: m.name, Unit: m.unit, Value: m.value, Time: since})
			}
		}
		pack[0].BaseName, pack[0].BaseTime = device+":", float64(samples[0].time.UnixMilli())/1000
		return marshal(pack)
	}
}

// Fields of Sparkplug B's messages, and the type of a measure [Sparkplug 3.0, 6.4].
const (
	payloadTime    = 1
	payloadMetrics = 2
	metricName     = 1
	metricTime     = 3
	metricType     = 4
	metricDouble   = 13
	typeDouble     = 10
)

func sparkplug(_ string, samples []sample) ([]byte, error) {
	payload := appendNumber(nil, payloadTime, uint64(samples[0].time.UnixMilli()))
	for _, s := range samples {
		for _, m := range s.measures {
			metric := protowire.AppendString(protowire.AppendTag(nil, metricName, protowire.BytesType), m.name)
			metric = appendNumber(metric, metricTime, uint64(s.time.UnixMilli()))
			metric = appendNumber(metric, metricType, typeDouble)
			metric = protowire.AppendTag(metric, metricDouble, protowire.Fixed64Type)
			metric = protowire.AppendFixed64(metric, math.Float64bits(m.value))
			payload = protowire.AppendTag(payload, payloadMetrics, protowire.BytesType)
			payload = protowire.AppendBytes(payload, metric)
		}
	}
	return payload, nil
}

func appendNumber(to []byte, field protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(to, field, protowire.VarintType), n)
}
