package simulate

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/iot-pipeline/terraform-provider-iot/internal/protoset"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// For returns the encoding of devices whose pipeline has these settings; nil: they are not known. The format protobuf
// takes its message from them, and the others take nothing.
func (e Encoding) For(settings *telemetry.Options) (Encoding, error) {
	if e.Format != "protobuf" {
		return e, nil
	}
	if settings == nil || settings.Protobuf == nil {
		return e, fmt.Errorf("the format protobuf needs a pipeline whose telemetry settings describe the message: " +
			"apply format = \"protobuf\" and protobuf, or use another --format")
	}
	descriptor, err := protoset.Unpack(settings.Protobuf.Descriptor, settings.Protobuf.Message)
	if err != nil {
		return e, fmt.Errorf("reading the pipeline's Protobuf message: %w", err)
	}
	e.protobuf = &protobufFormat{descriptor: descriptor, settings: *settings}
	return e, nil
}

// protobufFormat writes messages of any descriptor. Fields with the names of the climate's measures hold these, times
// the time, and the others values that drift.
type protobufFormat struct {
	descriptor protoreflect.MessageDescriptor
	settings   telemetry.Options
}

func (p *protobufFormat) format() format {
	samples := 1
	if p.readings(nil, p.descriptor) != nil {
		samples = several
	}
	return format{"protobuf", samples, p.settings, p.encode}
}

// readings returns the path to the repeated message that holds the readings: the one at readings_path, or else the
// first one. It is nil if there is none.
func (p *protobufFormat) readings(prefix []string, m protoreflect.MessageDescriptor) []string {
	if p.settings.ReadingsPath != "" {
		return strings.Split(p.settings.ReadingsPath, ".")
	}
	if len(prefix) == maxFilled {
		return nil
	}
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		path := append(slices.Clone(prefix), string(f.Name()))
		if f.IsMap() || f.Message() == nil || wellKnown(f.Message()) || p.ignored(path) {
			continue
		}
		if f.IsList() {
			return path
		}
		if found := p.readings(path, f.Message()); found != nil {
			return found
		}
	}
	return nil
}

// ignored reports whether the pipeline ignores what is at a path; the devices leave it out.
func (p *protobufFormat) ignored(path []string) bool {
	return slices.ContainsFunc(p.settings.Ignore, func(pattern string) bool {
		steps := strings.Split(pattern, ".")
		return len(steps) == len(path) && matches(steps, path)
	})
}

func matches(pattern, path []string) bool {
	for i, step := range pattern {
		if step != "*" && step != path[i] {
			return false
		}
	}
	return true
}

func (p *protobufFormat) encode(device string, samples []sample) ([]byte, error) {
	m := dynamicpb.NewMessage(p.descriptor)
	w := &protobufWriter{protobufFormat: p, device: device, samples: samples, list: p.readings(nil, p.descriptor)}
	w.fill(m, nil, samples[len(samples)-1])
	return proto.Marshal(m)
}

// maxFilled is how deep messages are filled: a message may contain itself.
const maxFilled = 4

// protobufWriter fills one message.
type protobufWriter struct {
	*protobufFormat
	device  string
	samples []sample
	list    []string // the path of the repeated readings
}

func (w *protobufWriter) fill(m protoreflect.Message, prefix []string, s sample) {
	chosen := map[protoreflect.FullName]bool{} // oneofs with a value
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		path := append(slices.Clone(prefix), string(f.Name()))
		oneof := f.ContainingOneof()
		if w.ignored(path) || oneof != nil && !oneof.IsSynthetic() && chosen[oneof.FullName()] {
			continue
		}
		if w.set(m, f, path, s) && oneof != nil {
			chosen[oneof.FullName()] = true
		}
	}
}

// set gives a field its value. It reports whether there is one.
func (w *protobufWriter) set(m protoreflect.Message, f protoreflect.FieldDescriptor, path []string, s sample) bool {
	switch {
	case f.IsMap():
		return w.setMap(m.Mutable(f).Map(), f, path, s)
	case f.IsList():
		if f.Message() == nil || !slices.Equal(path, w.list) {
			return false // the pipeline cannot read an array of numbers
		}
		list, inside := m.Mutable(f).List(), *w
		inside.list = nil // a reading holds no readings
		for _, one := range w.samples {
			inside.fill(list.AppendMutable().Message(), nil, one) // names in a reading begin there
		}
		return true
	case f.Message() != nil:
		return w.setMessage(m, f, path, s)
	}
	v, ok := w.scalar(f, path, s)
	if ok {
		m.Set(f, v)
	}
	return ok
}

func (w *protobufWriter) setMessage(
	m protoreflect.Message, f protoreflect.FieldDescriptor, path []string, s sample,
) bool {
	of := f.Message()
	if wellKnown(of) {
		return w.setWellKnown(m, f, path, s)
	}
	if len(path) >= maxFilled || of.FullName() == m.Descriptor().FullName() {
		return false
	}
	w.fill(m.Mutable(f).Message(), path, s)
	return true
}

// setMap fills in one entry.
func (w *protobufWriter) setMap(
	entries protoreflect.Map, f protoreflect.FieldDescriptor, path []string, s sample,
) bool {
	key := protoreflect.ValueOfString("a").MapKey()
	switch f.MapKey().Kind() {
	case protoreflect.StringKind:
	case protoreflect.BoolKind:
		key = protoreflect.ValueOfBool(true).MapKey()
	default:
		key = number(f.MapKey().Kind(), 1).MapKey()
	}
	path = append(path, key.String())
	if f.MapValue().Message() == nil {
		if v, ok := w.scalar(f.MapValue(), path, s); ok {
			entries.Set(key, v)
		}
		return true
	}
	if !wellKnown(f.MapValue().Message()) && len(path) < maxFilled {
		w.fill(entries.Mutable(key).Message(), path, s)
	}
	return true
}

func wellKnown(m protoreflect.MessageDescriptor) bool {
	return m.FullName().Parent() == "google.protobuf"
}

// setWellKnown fills in Google's messages that stand for one value. The others stay away.
func (w *protobufWriter) setWellKnown(
	m protoreflect.Message, f protoreflect.FieldDescriptor, path []string, s sample,
) bool {
	fields := f.Message().Fields()
	switch f.Message().Name() {
	case "Timestamp":
		stamp := m.Mutable(f).Message()
		stamp.Set(fields.ByName("seconds"), protoreflect.ValueOfInt64(s.time.Unix()))
		stamp.Set(fields.ByName("nanos"), protoreflect.ValueOfInt32(int32(s.time.Nanosecond())))
	case "Duration":
		m.Mutable(f).Message().Set(fields.ByName("seconds"), protoreflect.ValueOfInt64(s.time.Unix()%86400))
	case "DoubleValue", "FloatValue", "Int64Value", "UInt64Value", "Int32Value", "UInt32Value", "BoolValue",
		"StringValue", "BytesValue":
		v, ok := w.scalar(fields.ByName("value"), path, s)
		if ok {
			m.Mutable(f).Message().Set(fields.ByName("value"), v)
		}
		return ok
	default:
		return false
	}
	return true
}

// scalar is the value of a field that is not a message. There is none for a measure that the sample lacks.
func (w *protobufWriter) scalar(
	f protoreflect.FieldDescriptor, path []string, s sample,
) (protoreflect.Value, bool) {
	if w.isTime(path) {
		if v, ok := w.timeValue(f.Kind(), path, s.time); ok {
			return v, true
		}
	}
	drift := w.drift(path, s.time)
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(drift < 0.75), true
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(w.device), true
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{byte(256 * drift), byte(w.seed(path))}), true
	case protoreflect.EnumKind:
		values := f.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(int(drift * float64(values.Len()))).Number()), true
	}
	value := round(100 * drift)
	if name := path[len(path)-1]; slices.Contains(climateNames, name) {
		at := slices.IndexFunc(s.measures, func(m measure) bool { return m.name == name })
		if at < 0 {
			return protoreflect.Value{}, false
		}
		value = s.measures[at].value
	}
	return number(f.Kind(), value), true
}

// climateNames are the names of the measures of a sample without faults.
var climateNames = []string{"temperature", "humidity", "soil_moisture", "battery"}

// timeNames are the names of times that the pipeline recognises without a setting.
var timeNames = []string{"timestamp", "timeStampEpoch", "timeStampIso", "ts", "time", "Time", "received_at",
	"last_seen", "lastSeen", "datetime", "dateTime", "Timestamp", "timestampMs", "timestamp_ms", "date", "epoch"}

// isTime reports whether the pipeline reads the time at a path. A time path may begin at the payload, at the data, or
// at each reading.
func (w *protobufWriter) isTime(path []string) bool {
	whole, name := strings.Join(path, "."), path[len(path)-1]
	if at := w.settings.TimePath; at != "" && (whole == at || strings.HasSuffix(whole, "."+at)) {
		return true
	}
	return name == w.settings.TimeField || slices.Contains(timeNames, name)
}

// timeValue writes a time as the pipeline's settings say, or as milliseconds where the type can hold them.
func (w *protobufWriter) timeValue(kind protoreflect.Kind, path []string, t time.Time) (protoreflect.Value, bool) {
	layout := time.RFC3339Nano
	unit := time.Millisecond
	if w.settings.TimePath != "" || path[len(path)-1] == w.settings.TimeField {
		switch f := w.settings.TimeFormat; f {
		case "", "auto", "milliseconds":
		case "seconds":
			unit = time.Second
		case "microseconds":
			unit = time.Microsecond
		case "nanoseconds":
			unit = time.Nanosecond
		default:
			layout = f
		}
	}
	switch kind {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(t.UTC().Format(layout)), true
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind, protoreflect.Uint32Kind,
		protoreflect.Fixed32Kind:
		unit = time.Second
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind, protoreflect.Uint64Kind,
		protoreflect.Fixed64Kind, protoreflect.DoubleKind:
	default:
		return protoreflect.Value{}, false
	}
	return number(kind, float64(t.UnixNano()/int64(unit))), true
}

// number is a value of a numeric kind.
func number(kind protoreflect.Kind, v float64) protoreflect.Value {
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(v))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(max(0, v)))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(int64(v))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(uint64(max(0, v)))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(v))
	}
	return protoreflect.ValueOfFloat64(v)
}

// drift is a number from 0 to below 1 that changes slowly, in another way for each device and path.
func (w *protobufWriter) drift(path []string, t time.Time) float64 {
	seed := w.seed(path)
	period, phase := 60+float64(seed%540), float64(seed>>32%628)/100
	at := math.Sin(float64(t.UnixMilli())/1000/period*2*math.Pi + phase)
	return (1 + at) * 0.4999
}

func (w *protobufWriter) seed(path []string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(w.device + " " + strings.Join(path, ".")))
	return h.Sum64()
}
