package telemetry

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/tinylib/msgp/msgp"
)

// BenchmarkFormats decodes one message with the same four measures in each format.
func BenchmarkFormats(b *testing.B) {
	value := map[string]any{"ts": at + 1, "temperature": 21.5, "humidity": 40, "rssi": -70, "mode": "ECO"}
	packed, err := cbor.Marshal(value)
	if err != nil {
		b.Fatal(err)
	}
	messagePack, err := msgp.AppendIntf(nil, value)
	if err != nil {
		b.Fatal(err)
	}
	const plain = `{"ts":1767225601,"temperature":21.5,"humidity":40,"rssi":-70,"mode":"ECO"}`
	described := protobufOptions(b, "fleet.Reading")
	for _, c := range []struct {
		name    string
		payload []byte
		options Options
	}{
		{"json", []byte(plain), Options{}},
		{"readings", []byte(`{"readings":[` + strings.Repeat(plain+",", 9) + plain + "]}"), Options{}},
		{"senml", []byte(`[{"bn":"x:","bt":1767225601,"n":"temperature","v":21.5},{"n":"humidity","v":40},` +
			`{"n":"rssi","v":-70},{"n":"mode","vs":"ECO"}]`), Options{}},
		{"cbor", packed, Options{Format: "cbor"}},
		{"msgpack", messagePack, Options{Format: "msgpack"}},
		{"gzip", zipped(b, plain), Options{Compression: "gzip"}},
		{"protobuf", encoded(b, messageOf(b, described),
			`{"time":"2026-01-01T00:00:01Z","temperature":21.5,"humidity":40,"rssi":-70,"mode":"ECO"}`), described},
		{"sparkplug", sparkplugMessage(b, fmt.Sprintf(`{"timestamp":"%d000","metrics":[
			{"name":"temperature","doubleValue":21.5},{"name":"humidity","floatValue":40},
			{"name":"rssi","datatype":3,"intValue":4294967226},{"name":"mode","stringValue":"ECO"}]}`, at+1)),
			Options{Format: "sparkplug"}},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkFormat(b, string(c.payload), c.options) })
	}
}

func benchmarkFormat(b *testing.B, payload string, o Options) {
	d, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	var list []Reading
	b.ReportAllocs()
	for b.Loop() {
		if list, err = d.Append(list[:0], payload, arrival); err != nil || len(list[0].Measures) != 4 {
			b.Fatal(list, err)
		}
	}
	b.ReportMetric(float64(len(list)*b.N)/b.Elapsed().Seconds(), "records/s")
}

func zipped(tb testing.TB, text string) []byte {
	tb.Helper()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write([]byte(text)); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return zipped.Bytes()
}
