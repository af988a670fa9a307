package telemetry

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/tinylib/msgp/msgp"
)

// at is the start of the seconds that the payloads of this file count from.
const at = 1767225600 // 2026-01-01T00:00:00Z

// brief describes readings: the time (seconds after at, or "arrival"), and the measures.
func brief(list []Reading) []string {
	var lines []string
	for _, r := range list {
		when := "arrival"
		if d := r.Time.Sub(arrival); r.HasTime {
			when = fmt.Sprint(r.Time.Sub(time.Unix(at, 0)).Seconds())
		} else if d != 0 {
			when += fmt.Sprintf("+%d", d.Milliseconds())
		}
		var measures []string
		for _, m := range r.Measures {
			text := m.Text
			if m.Kind == String {
				text = fmt.Sprintf("%q", text)
			}
			measures = append(measures, m.Name+"="+text)
		}
		lines = append(lines, when+": "+strings.Join(measures, " "))
	}
	return lines
}

// TestPayloads decodes what products send, in the shapes of their documentation.
func TestPayloads(t *testing.T) {
	for _, c := range []struct {
		why, payload string
		options      Options
		want         []string
	}{
		{"several readings in one message", `{"readings":[{"t":1767225601,"temp":21.1},{"t":1767225661,"temp":21.2}]}`,
			Options{},
			[]string{"1: temp=21.1", "61: temp=21.2"}},
		{"an array at the top", `[{"timestamp":1767225601,"temp":1},{"timestamp":1767225602,"data":{"temp":2}}]`,
			Options{},
			[]string{"1: temp=1", "2: temp=2"}},
		{"readings without a time keep their order", `[{"temp":1},{"temp":2}]`, Options{},
			[]string{"arrival: temp=1", "arrival+1: temp=2"}},
		{"what the message says besides belongs to the newest reading",
			`{"battery":3,"readings":[{"ts":1767225602,"a":1},{"ts":1767225601,"a":2}]}`, Options{},
			[]string{"2: a=1 battery=3", "1: a=2"}},
		{"names and values",
			`{"timestamp":1767225601,"data":[{"name":"temperature","value":21},{"name":"ok","value":true}]}`,
			Options{}, []string{"1: temperature=21 ok=true"}},
		{"names and values with a time and a unit each",
			`{"metrics":[{"name":"temp","timestamp":1767225601,"value":21.5,"unit":"C"},{"name":"p","timestamp":1767225602,"value":1}]}`,
			Options{}, []string{`1: temp=21.5 temp.unit="C"`, "2: p=1"}},
		{"pairs under other names", `{"ts":1767225601,"vals":[{"tag":"a","x":1,"unit":"C"}]}`,
			Options{Pairs: &Pairs{Name: "tag", Value: "x"}, Ignore: []string{"*.unit"}}, []string{"1: a=1"}},
		{"SenML",
			`[{"bn":"urn:dev:ow:10e2:","bt":1767225600,"n":"voltage","u":"V","v":120.1},{"n":"current","u":"A","v":1.2,"t":1}]`,
			Options{}, []string{"0: voltage=120.1", "1: current=1.2"}},
		{"SenML of now, with base values and a Boolean",
			`[{"bn":"x/","bv":20,"n":"t","v":1.5},{"n":"open","vb":true},{"n":"s","vs":"ok"}]`,
			Options{}, []string{`arrival: t=21.5 open=true s="ok"`}},
		{"SenML, with the default format written out", `[{"bn":"x:","bt":1767225601,"n":"t","v":21.5}]`,
			Options{Format: "json"}, []string{"1: t=21.5"}},
		{"SenML of several devices", `[{"bn":"a:","n":"t","v":1},{"bn":"b:","n":"t","v":2}]`, Options{},
			[]string{"arrival: a:t=1 b:t=2"}},
		{"a string terminator of C behind the JSON", "{\"temp\":1}\x00", Options{}, []string{"arrival: temp=1"}},
		{"a byte order mark before it", "\uFEFF{\"temp\":1}", Options{}, []string{"arrival: temp=1"}},
		{"a device without a clock", `{"timestamp":0,"temp":1}`, Options{}, []string{"arrival: temp=1 device_time=0"}},
		{"seconds since it started", `{"timestamp":123456,"temp":1}`, Options{},
			[]string{"arrival: temp=1 device_time=123456"}},
		{"a clock that is ahead", `{"ts":"2030-01-01T00:00:00Z","temp":1}`, Options{},
			[]string{`arrival: temp=1 device_time="2030-01-01T00:00:00Z"`}},
		{"a name of times that is another thing here", `{"time":"12:30","temp":1}`, Options{},
			[]string{`arrival: time="12:30" temp=1`}},
		{"t is a temperature", `{"t":21.5}`, Options{}, []string{"arrival: t=21.5"}},
		{"a time inside the data", `{"data":{"ts":1767225601,"a":1}}`, Options{}, []string{"1: a=1"}},
		{"numbers in strings", `{"temperature":"21.5","on":"TRUE","name":"x"}`, Options{ConvertStrings: true},
			[]string{`arrival: temperature=21.5 on=true name="x"`}},
		{"strings stay strings unless told", `{"temperature":"21.5"}`, Options{},
			[]string{`arrival: temperature="21.5"`}},
		{"offsets from the message's time", `{"start":1767225600,"samples":[{"o":0,"a":1},{"o":60,"a":2}]}`,
			Options{TimePath: "o", TimeField: "start", ReadingsPath: "samples"}, []string{"0: a=1", "60: a=2"}},
		{"offsets in milliseconds", `{"timestamp":1767225600,"samples":[{"o":500,"a":1}]}`,
			Options{TimePath: "o", TimeFormat: "milliseconds", ReadingsPath: "samples"}, []string{"0.5: a=1"}},
		{"a layout of times", `{"when":"01.01.2026 00:00:05","a":1}`,
			Options{TimePath: "when", TimeFormat: "02.01.2006 15:04:05"},
			[]string{"5: a=1"}},
		{"ignored and renamed", `{"a":1,"debug":{"x":[1,2]},"tC":3}`,
			Options{Ignore: []string{"debug"}, Rename: map[string]string{"tC": "temperature"}},
			[]string{"arrival: a=1 temperature=3"}},
		{"two readings of one time", `[{"ts":1767225601,"a":1},{"ts":1767225601,"b":2}]`, Options{},
			[]string{"1: a=1", "1.001: b=2"}},
	} {
		checkBrief(t, c.why, []byte(c.payload), c.options, c.want)
	}
}

func checkBrief(t *testing.T, why string, payload []byte, o Options, want []string) {
	t.Helper()
	d, err := New(o)
	if err != nil {
		t.Fatalf("%s: %v", why, err)
	}
	list, err := d.Decode(payload, arrival)
	if err != nil {
		t.Errorf("%s: %v", why, err)
		return
	}
	if diff := cmp.Diff(want, brief(list)); diff != "" {
		t.Errorf("%s: %q (-want +got):\n%s", why, payload, diff)
	}
}

// TestProducts: a configuration for each product of the guide "Connect your devices", with a payload in the shape that
// its documentation shows.
func TestProducts(t *testing.T) {
	for _, c := range products {
		checkBrief(t, c.product, []byte(c.payload), c.options, c.want)
	}
}

var products = []struct {
	product, payload string
	options          Options
	want             []string
}{
	{"plain JSON", `{"timestamp":1767225601000,"data":{"temperature":21.5,"humidity":40}}`, Options{},
		[]string{"1: temperature=21.5 humidity=40"}},
	{"Tasmota", `{"Time":"2026-01-01T00:00:01","AM2301":{"Temperature":21.5,"Humidity":40.1},"TempUnit":"C"}`,
		Options{},
		[]string{`1: AM2301.Temperature=21.5 AM2301.Humidity=40.1 TempUnit="C"`}},
	{"zigbee2mqtt",
		`{"battery":97,"humidity":41.2,"last_seen":"2026-01-01T00:00:01.000Z","linkquality":120,"temperature":21.5}`,
		Options{}, []string{"1: battery=97 humidity=41.2 linkquality=120 temperature=21.5"}},
	{"Shelly Gen2+",
		`{"src":"shellyht-1","dst":"x","method":"NotifyStatus","params":{"ts":1767225601.04,"temperature:0":{"id":0,"tC":21.1}}}`,
		Options{DataPath: "params", Ignore: []string{"*.id"},
			Rename: map[string]string{"temperature:0.tC": "temperature"}},
		[]string{"1.04: temperature=21.1"}},
	{"The Things Stack",
		`{"end_device_ids":{"device_id":"d"},"received_at":"2026-01-01T00:00:01Z","uplink_message":{"f_cnt":4,` +
			`"decoded_payload":{"temperature":21.5},"rx_metadata":[{"rssi":-35},{"rssi":-60}]}}`,
		Options{DataPath: "uplink_message.decoded_payload"}, []string{"1: temperature=21.5"}},
	{"Teltonika", `{"state":{"reported":{"ts":1767225601000,"latlng":"54.6,25.2","239":1,"66":12450}}}`,
		Options{DataPath: "state.reported", Rename: map[string]string{"239": "ignition", "66": "supply_mv"}},
		[]string{`1: latlng="54.6,25.2" ignition=1 supply_mv=12450`}},
	{"SiteWise property values", `{"propertyValues":[{"propertyAlias":"/pump/speed","value":{"doubleValue":4.5},` +
		`"timestamp":{"timeInSeconds":1767225601,"offsetInNanos":0}}]}`,
		Options{ReadingsPath: "propertyValues", TimePath: "timestamp.timeInSeconds",
			Ignore: []string{"timestamp"}, Rename: map[string]string{"value.doubleValue": "value"}},
		[]string{`1: propertyAlias="/pump/speed" value=4.5`}},
	{"Device Defender metrics",
		`{"header":{"report_id":1767225601,"version":"1.0"},"metrics":{"tcp_connections":{"established_connections":` +
			`{"total":2,"connections":[{"remote_addr":"192.0.2.1:443"}]}},"network_stats":{"bytes_in":29,"bytes_out":99}}}`,
		Options{DataPath: "metrics", TimePath: "header.report_id",
			Ignore: []string{"tcp_connections.established_connections.connections"}},
		[]string{"1: tcp_connections.established_connections.total=2 network_stats.bytes_in=29 " +
			"network_stats.bytes_out=99"}},
	{"ESP32 without a clock", `{"time":184,"temp":21.5}`, Options{}, []string{"arrival: temp=21.5 device_time=184"}},
	{"SenML", `[{"bn":"urn:dev:mac:0024befffe804ff1:","bt":1767225601,"n":"temperature","u":"Cel","v":21.5}]`,
		Options{},
		[]string{"1: temperature=21.5"}},
	{"Sparkplug B", // a float and an Int32
		"\x08\xe8\xd7\xea\xb6\xb73\x18\x04\x12\x14\x0a\x0btemperature\x20\x09e\x00\x00\xacA" +
			"\x12\x11\x0a\x0aPump/speed\x20\x03P\xaa\x0b",
		Options{Format: "sparkplug"}, []string{"1: temperature=21.5 Pump/speed=1450"}},
}

// TestTheGuideShowsTheProducts keeps the table in docs/guides/connect-your-devices.md and the tested settings the same.
func TestTheGuideShowsTheProducts(t *testing.T) {
	guide, err := os.ReadFile("../../templates/guides/connect-your-devices.md")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	for _, c := range products {
		fmt.Fprintf(&table, "| %s | %s |\n", c.product, settings(c.options))
	}
	table.WriteString("| CBOR | " + settings(Options{Format: "cbor"}) + " |\n")
	table.WriteString("| Protobuf | `{ format = \"protobuf\", protobuf = { descriptor_file = \"fleet.desc\", " +
		"message = \"fleet.Reading\" } }` |\n")
	if !strings.Contains(string(guide), table.String()) {
		t.Errorf("the guide's table must be:\n%s", table.String())
	}
}

// settings writes options as Terraform does.
func settings(o Options) string {
	var parts []string
	for name, value := range map[string]string{"data_path": o.DataPath, "time_path": o.TimePath,
		"readings_path": o.ReadingsPath, "format": o.Format} {
		if value != "" {
			parts = append(parts, fmt.Sprintf("%s = %q", name, value))
		}
	}
	if len(o.Ignore) > 0 {
		parts = append(parts, fmt.Sprintf("ignore = [%q]", strings.Join(o.Ignore, `", "`)))
	}
	var names []string
	for from, to := range o.Rename {
		names = append(names, fmt.Sprintf("%q = %q", from, to))
	}
	if slices.Sort(names); len(names) > 0 {
		parts = append(parts, "rename = { "+strings.Join(names, ", ")+" }")
	}
	if len(parts) == 0 {
		return "none"
	}
	slices.Sort(parts)
	return "`{ " + strings.Join(parts, ", ") + " }`"
}

func TestBinaryFormats(t *testing.T) {
	value := map[string]any{"ts": at + 1, "temp": 21.5, "big": uint64(1) << 63, "ok": true, "raw": []byte{1, 2},
		"nested": map[string]any{"n": -3}, "none": nil}
	want := []string{`1: big=9.223372036854775807e+18 nested.n=-3 ok=true raw="AQI=" temp=21.5`}
	want[0] = strings.Replace(want[0], "9.223372036854775807e+18", "9.223372036854776e+18", 1)
	encoded, err := cbor.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	checkBrief(t, "CBOR", encoded, Options{Format: "cbor"}, want)
	packed, err := msgp.AppendIntf(nil, value)
	if err != nil {
		t.Fatal(err)
	}
	checkBrief(t, "MessagePack", packed, Options{Format: "msgpack"}, want)
	senml, err := cbor.Marshal([]map[int]any{{-2: "x:", -3: at + 1, 0: "t", 2: 21.5}})
	if err != nil {
		t.Fatal(err)
	}
	checkBrief(t, "SenML in CBOR", senml, Options{Format: "senml"}, []string{"1: t=21.5"})
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write([]byte(`{"ts":1767225601,"temp":21.5}`)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	checkBrief(t, "JSON in gzip", zipped.Bytes(), Options{Compression: "gzip"}, []string{"1: temp=21.5"})
}

func TestRefusesWhatItCannotRead(t *testing.T) {
	bomb := func() []byte {
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		if _, err := w.Write(bytes.Repeat([]byte(" "), maxInflated+1)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return zipped.Bytes()
	}
	for _, c := range []struct {
		why, payload string
		options      Options
		reason       Reason
		detail       string
	}{
		{"an array of numbers", `{"a":{"b":[1,2]}}`, Options{}, UnreadableArray, `array "a.b"`},
		{"an array of arrays at the top", `[[1]]`, Options{}, UnreadableArray, "element 0"},
		{"an array inside a reading", `{"r":[{"ts":1767225601,"fft":[1]}]}`, Options{}, UnreadableArray, `array "fft"`},
		{"not CBOR", "\xff\xff", Options{Format: "cbor"}, NotCBOR, "CBOR"},
		{"CBOR that is a number", "\x01", Options{Format: "cbor"}, NotAnObject, "object"},
		{"not MessagePack", "\xc1", Options{Format: "msgpack"}, NotMessagePack, "MessagePack"},
		{"text after MessagePack", "\x80x", Options{Format: "msgpack"}, NotMessagePack, "1 bytes"},
		{"not gzip", "{}", Options{Compression: "gzip"}, NotGzip, "gzip"},
		{"a zip bomb", string(bomb()), Options{Compression: "gzip"}, TooLarge, "inflates"},
		{"nothing that a rule selects", `{}`, Options{Selected: true}, NothingSelected, "telemetry.select"},
		{"only the time that a rule selects", `{"timestamp":1767225601}`, Options{Selected: true}, NothingSelected,
			"telemetry.select"},
		{"readings without measures", `[{"ts":1767225601},{}]`, Options{Selected: true, Format: "json"}, NothingSelected,
			"telemetry.select"},
		{"SenML that is an object", `{}`, Options{Format: "senml"}, NotSenML, "array"},
		{"SenML without values", `[{"bn":"x"}]`, Options{}, NotSenML, "value"},
		{"SenML with a wrong type", `[{"bn":"x","v":"1"}]`, Options{}, NotSenML, "member v"},
		{"a configured time that is not one", `{"when":"soon"}`, Options{TimePath: "when"}, InvalidTime, `"when"`},
	} {
		d, err := New(c.options)
		if err != nil {
			t.Fatal(err)
		}
		list, err := d.Decode([]byte(c.payload), arrival)
		var refused *Error
		if !errors.As(err, &refused) || refused.Reason != c.reason || !strings.Contains(refused.Detail, c.detail) {
			t.Errorf("%s: %v, %v; want %s with %q", c.why, brief(list), err, c.reason, c.detail)
		}
	}
}

func TestOptions(t *testing.T) {
	if _, err := ParseOptions(`{"formt":"json"}`, "", ""); err == nil || !strings.Contains(err.Error(), "formt") {
		t.Errorf("an unknown option: %v", err)
	}
	if _, err := ParseOptions(`{"format":"xml","compression":"zstd","pairs":{"name":"n"}}`, "", ""); err == nil ||
		strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("three wrong options: %v", err)
	}
}

// TestTenThousandReadings: the largest payload that AWS IoT accepts is stored or refused, within memory.
func TestTenThousandReadings(t *testing.T) {
	var text strings.Builder
	text.WriteString("[")
	for i := range 10_000 {
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `{"v":%d}`, i%10)
	}
	text.WriteString("]")
	d, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := d.Decode([]byte(text.String()), arrival)
	if err != nil || len(list) != 10_000 || text.Len() > 128<<10 {
		t.Fatalf("%d readings from %d bytes, %v", len(list), text.Len(), err)
	}
	if last := list[9_999].Time.Sub(arrival); last != 9_999*time.Millisecond {
		t.Errorf("the last reading is %v after the first", last)
	}
}

func FuzzFormats(f *testing.F) {
	described := protobufOptions(f, "fleet.Batch")
	for i := range Formats {
		f.Add([]byte(`[{"bn":"x","v":1}]`), byte(i), `{}`)
		f.Add([]byte("\x81\xa1a\x01"), byte(i), `{"convert_strings":true}`)
		f.Add([]byte("\xa1aa\x01"), byte(i),
			`{"data_path":"a.b","time_path":"c","readings_path":"d","ignore":["*.x"],"rename":{"a":"b"}}`)
	}
	f.Fuzz(func(t *testing.T, payload []byte, format byte, options string) {
		o, err := ParseOptions(options, "", "")
		if err != nil {
			return
		}
		o.Format = Formats[int(format)%len(Formats)]
		if o.Protobuf = nil; o.Format == "protobuf" {
			o.Protobuf = described.Protobuf
		}
		fuzzPayload(t, o, payload)
	})
}
