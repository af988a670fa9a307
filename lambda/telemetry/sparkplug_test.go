package telemetry

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
)

// sparkplugMessage is a payload whose JSON form is given, as Google's library writes it.
func sparkplugMessage(t testing.TB, text string) []byte {
	t.Helper()
	const scope = "org.eclipse.tahu.protobuf"
	file := &descriptorpb.FileDescriptorProto{Name: proto.String("sparkplug_b.proto"), Package: proto.String(scope)}
	for name, fields := range sparkplugMessages {
		m := &descriptorpb.DescriptorProto{Name: proto.String(name)}
		for n, field := range strings.Fields(fields) {
			name, kind, _ := strings.Cut(field, ":")
			kind, repeated := strings.CutPrefix(kind, "*")
			f := &descriptorpb.FieldDescriptorProto{Name: &name, Number: proto.Int32(int32(n + 1)),
				Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}
			if repeated {
				f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
			}
			if scalar, ok := descriptorpb.FieldDescriptorProto_Type_value["TYPE_"+strings.ToUpper(kind)]; ok {
				f.Type = descriptorpb.FieldDescriptorProto_Type(scalar).Enum()
			} else {
				f.Type = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()
				f.TypeName = proto.String("." + scope + "." + kind)
			}
			m.Field = append(m.Field, f)
		}
		file.MessageType = append(file.MessageType, m)
	}
	linked, err := protodesc.NewFile(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return encoded(t, linked.Messages().ByName("Payload"), text)
}

func TestSparkplug(t *testing.T) {
	for _, c := range []struct {
		why, payload string
		options      Options
		want         []string
	}{
		{"metrics of the payload's time and of their own",
			`{"timestamp":"1767225601000","seq":"3","metrics":[{"name":"temperature","floatValue":21.1},
			{"name":"Pump/on","timestamp":"1767225602000","datatype":11,"booleanValue":true},
			{"name":"mode","stringValue":"eco","isHistorical":true}]}`, Options{},
			[]string{`1: temperature=21.1 mode="eco"`, "2: Pump/on=true"}},
		{"an alias without its birth message", `{"metrics":[{"alias":"7","doubleValue":1.5}]}`, Options{},
			[]string{"arrival: alias.7=1.5"}},
		{"an alias that has a name in the settings", `{"metrics":[{"alias":"7","doubleValue":1.5}]}`,
			Options{Rename: map[string]string{"alias.7": "level"}}, []string{"arrival: level=1.5"}},
		{"integers of every type", `{"metrics":[{"name":"i8","datatype":1,"intValue":255},
			{"name":"i16","datatype":2,"intValue":65535},{"name":"i32","datatype":3,"intValue":4294967295},
			{"name":"i64","datatype":4,"longValue":"18446744073709551615"},
			{"name":"u32","datatype":7,"intValue":4294967295},{"name":"untyped","intValue":4294967295},
			{"name":"in a long","datatype":3,"longValue":"4294967295"}]}`, Options{},
			[]string{"arrival: i8=-1 i16=-1 i32=-1 i64=-1 u32=4294967295 untyped=-1 in a long=-1"}},
		{"nulls are counted", `{"metrics":[{"name":"a","isNull":true,"intValue":1},{"name":"b","intValue":1}]}`,
			Options{}, []string{"arrival: b=1"}},
		{"nothing but nulls", `{"metrics":[{"name":"a","isNull":true}]}`, Options{}, []string{"arrival: "}},
		{"no metrics", `{"timestamp":"1767225601000"}`, Options{}, []string{"1: "}},
		{"a device without a clock", `{"timestamp":"5","metrics":[{"name":"a","intValue":1}]}`, Options{},
			[]string{"arrival: a=1 device_time=5"}},
		{"bytes, metadata and properties", `{"metrics":[{"name":"f","bytesValue":"AQI=",
			"metadata":{"fileName":"x.bin"},"properties":{"keys":["Quality","more"],"values":[{"type":3,"intValue":192},
			{"propertysetValue":{"keys":["unit"],"values":[{"stringValue":"C"}]}}]}}]}`, Options{},
			[]string{`arrival: f="AQI=" f.metadata.file_name="x.bin" f.properties.Quality=192 ` +
				`f.properties.more.unit="C"`}},
		{"a data set of one row", `{"metrics":[{"name":"d","datasetValue":{"numOfColumns":"2","columns":["a","b"],
			"types":[3,12],"rows":[{"elements":[{"intValue":4294967295},{"stringValue":"x"}]}]}}]}`, Options{},
			[]string{`arrival: d.a=-1 d.b="x"`}},
		{"a template", `{"metrics":[{"name":"m","templateValue":{"templateRef":"motor","metrics":[{"name":"rpm",
			"intValue":7}],"parameters":[{"name":"id","type":12,"stringValue":"x"}]}}]}`, Options{},
			[]string{`arrival: m.rpm=7 m.parameters.id="x"`}},
		{"a larger data set that is ignored", `{"metrics":[{"name":"a","intValue":1},{"name":"d","datasetValue":{
			"columns":["a"],"types":[3],"rows":[{"elements":[{"intValue":1}]},{"elements":[{"intValue":2}]}]}}]}`,
			Options{Ignore: []string{"d"}}, []string{"arrival: a=1"}},
	} {
		c.options.Format = "sparkplug"
		checkBrief(t, c.why, sparkplugMessage(t, c.payload), c.options, c.want)
	}
}

func TestSparkplugRefuses(t *testing.T) {
	for _, c := range []struct {
		why, payload string
		reason       Reason
		detail       string
	}{
		{"a metric without a name", `{"metrics":[{"intValue":1}]}`, NotSparkplug, "alias"},
		{"a body", `{"body":"AQI="}`, NotSparkplug, "body"},
		{"a data set of several rows", `{"metrics":[{"name":"d","datasetValue":{"columns":["a"],"types":[3],
			"rows":[{"elements":[{"intValue":1}]},{"elements":[{"intValue":2}]}]}}]}`, UnreadableArray, "in d"},
		{"a row that is too short", `{"metrics":[{"name":"d","datasetValue":{"columns":["a"],"types":[3],
			"rows":[{}]}}]}`, NotSparkplug, "columns"},
		{"properties without values", `{"metrics":[{"name":"d","properties":{"keys":["a"]}}]}`, NotSparkplug, "1 keys"},
		{"a list of property sets", `{"metrics":[{"name":"d","properties":{"keys":["a"],"values":[{"propertysetsValue":
			{"propertyset":[{}]}}]}}]}`, UnreadableArray, "d.properties.a"},
		{"a parameter without a name", `{"metrics":[{"name":"d","templateValue":{"parameters":[{"intValue":1}]}}]}`,
			EmptyName, "name"},
	} {
		checkRefused(t, c.why, sparkplugMessage(t, c.payload), Options{Format: "sparkplug"}, c.reason, c.detail)
	}
	checkRefused(t, "JSON", []byte(`{"metrics":[]}`), Options{Format: "sparkplug"}, NotSparkplug, "Payload")
	checkRefused(t, "a field of a later version", []byte{0xf8, 0x07, 1}, Options{Format: "sparkplug"}, UnknownField,
		"number 127")
}

func FuzzSparkplug(f *testing.F) {
	f.Add(sparkplugMessage(f, `{"timestamp":"1767225601000","metrics":[{"alias":"7","intValue":1},
		{"name":"d","datasetValue":{"columns":["a"],"types":[3],"rows":[{"elements":[{"intValue":1}]}]}},
		{"name":"m","templateValue":{"metrics":[{"name":"rpm","intValue":7}]}}]}`))
	f.Fuzz(func(t *testing.T, payload []byte) { fuzzPayload(t, Options{Format: "sparkplug"}, payload) })
}
