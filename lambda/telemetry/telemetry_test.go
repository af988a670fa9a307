package telemetry

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var arrival = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// oneReading decodes payloads that hold one reading.
type oneReading struct{ *Decoder }

func single(dataField, timeField string) oneReading {
	d, err := New(Options{DataField: dataField, TimeField: timeField})
	if err != nil {
		panic(err)
	}
	return oneReading{d}
}

func (d oneReading) Decode(payload []byte, arrival time.Time) (Reading, error) {
	list, err := d.Decoder.Decode(payload, arrival)
	if err != nil {
		return Reading{}, err
	}
	if len(list) != 1 {
		return Reading{}, fmt.Errorf("%d readings", len(list))
	}
	return list[0], nil
}

func number(name, text string) Measure { return Measure{Name: name, Text: text, Kind: Number} }

func TestDecode(t *testing.T) {
	ms := func(n int64) time.Time { return time.UnixMilli(n).UTC() }
	for _, c := range []struct {
		why, payload string
		data, time   string // the configured fields
		want         Reading
	}{
		{"an envelope: only data has measures",
			`{"deviceId":"x","timestamp":1767225600000,"data":{"temperature":21.5,"on":true,"mode":"eco"}}`, "", "",
			Reading{Time: ms(1767225600000), HasTime: true,
				Measures: []Measure{number("temperature", "21.5"), {"on", "true", Bool}, {"mode", "eco", String}}}},
		{"data may come first, and what follows it is not a measure",
			`{"data":{"a":1},"b":2,"timestamp":1767225600000,"c":[{"d":3}]}`, "", "",
			Reading{Time: ms(1767225600000), HasTime: true, Measures: []Measure{number("a", "1")}}},
		{"what came before data is not a measure either", `{"b":2,"n":null,"x":[1],"data":{"a":1}}`, "", "",
			Reading{Time: arrival, Measures: []Measure{number("a", "1")}}},
		{"flat, with two times: the first documented name decides",
			`{"name":"bay","humidity":29,"timeStampIso":"2030-01-01T00:00:00Z","timeStampEpoch":1767225600500}`, "", "",
			Reading{Time: ms(1767225600500), HasTime: true,
				Measures: []Measure{{"name", "bay", String}, number("humidity", "29")}}},
		{"flat, without a time", `{"temp":21.5,"battery":3}`, "", "",
			Reading{Time: arrival, Measures: []Measure{number("temp", "21.5"), number("battery", "3")}}},
		{"data that is not an object is a measure", `{"data":5}`, "", "",
			Reading{Time: arrival, Measures: []Measure{number("data", "5")}}},
		{"configured fields", `{"readings":{"a":1},"at":1767225600,"timestamp":1}`, "readings", "at",
			Reading{Time: ms(1767225600000), HasTime: true, Measures: []Measure{number("a", "1")}}},
		{"a configured time that is not there leaves the documented ones", `{"a":1,"timestamp":1767225600}`, "", "at",
			Reading{Time: ms(1767225600000), HasTime: true, Measures: []Measure{number("a", "1")}}},
		{"a time of null is none", `{"a":1,"timestamp":null}`, "", "",
			Reading{Time: arrival, Measures: []Measure{number("a", "1")}}},
		{"nested objects", `{"wind":{"speed":3.5,"gust":{"max":7,"min":1}},"a":0}`, "", "",
			Reading{Time: arrival, Measures: []Measure{number("wind.speed", "3.5"), number("wind.gust.max", "7"),
				number("wind.gust.min", "1"), number("a", "0")}}},
		{"nulls and empty arrays are counted", `{"a":[],"b":null,"c":{"d":null,"e":1}}`, "", "",
			Reading{Time: arrival, Skipped: 3, Measures: []Measure{number("c.e", "1")}}},
		{"the later of two equal keys wins, at the place of the first", `{"a":1,"b":2,"a":"x"}`, "", "",
			Reading{Time: arrival, Measures: []Measure{{"a", "x", String}, number("b", "2")}}},
		{"equal after flattening", `{"a":{"b":1},"a.b":2}`, "", "",
			Reading{Time: arrival, Measures: []Measure{number("a.b", "2")}}},
		{"the later data wins", `{"data":{"a":1},"data":{"b":2}}`, "", "",
			Reading{Time: arrival, Measures: []Measure{number("b", "2")}}},
		{"escapes", `{"t\u00e9mp":"\u00b0C \ud83d\ude00"}`, "", "",
			Reading{Time: arrival, Measures: []Measure{{"témp", "°C 😀", String}}}},
		{"long numbers become the nearest double",
			`{"a":12345678901234567890,"b":0.1000000000000000055,"c":1e2,"d":-0}`, "", "",
			Reading{Time: arrival, Measures: []Measure{number("a", "1.2345678901234567e+19"), number("b", "0.1"),
				number("c", "100"), number("d", "-0")}}},
		{"a number too small for a double is zero", `{"a":1e-999}`, "", "",
			Reading{Time: arrival, Measures: []Measure{number("a", "0")}}},
		{"nothing", `{}`, "", "", Reading{Time: arrival}},
	} {
		got, err := single(c.data, c.time).Decode([]byte(c.payload), arrival)
		if err != nil {
			t.Errorf("%s: %v", c.why, err)
			continue
		}
		if len(got.Measures) == 0 {
			got.Measures = nil
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", c.why, c.payload, diff)
		}
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{`1767225600`, "2026-01-01T00:00:00Z"},
		{`1767225600.25`, "2026-01-01T00:00:00.25Z"},
		{`1767225600123`, "2026-01-01T00:00:00.123Z"},
		{`1767225600123.5`, "2026-01-01T00:00:00.1235Z"},
		{`1.767225600123e12`, "2026-01-01T00:00:00.123Z"},
		{`1767225600123456`, "2026-01-01T00:00:00.123456Z"},
		{`1767225600123456789`, "2026-01-01T00:00:00.123456789Z"},
		{`"1767225600123"`, "2026-01-01T00:00:00.123Z"},
		{`"2026-01-01T01:00:00+01:00"`, "2026-01-01T00:00:00Z"},
		{`"2026-01-01T00:00:00.123Z"`, "2026-01-01T00:00:00.123Z"},
		{`"2026-01-01T01:00:00.5+0100"`, "2026-01-01T00:00:00.5Z"},
		{`"2026-01-01T00:00:00"`, "2026-01-01T00:00:00Z"},
		{`"2026-01-01 00:00:00.25"`, "2026-01-01T00:00:00.25Z"},
		{`"2026-01-01 01:00:00+01:00"`, "2026-01-01T00:00:00Z"},
		{`"2026-01-01T00:00Z"`, "2026-01-01T00:00:00Z"},
		{`"20260101T000000Z"`, "2026-01-01T00:00:00Z"},
		{`"2026-01-01"`, "2026-01-01T00:00:00Z"},
		{`"now"`, ""}, {`""`, ""}, {`"NaN"`, ""}, {`"Inf"`, ""}, {`true`, ""}, {`[1]`, ""}, {`{"s":1}`, ""},
		{`1e30`, ""}, {`"2026-13-01"`, ""}, {`"1e400"`, ""},
	} {
		m, err := single("", "").Decode([]byte(`{"timestamp":`+c.value+`}`), arrival)
		var refused *Error
		switch {
		case c.want == "":
			if !errors.As(err, &refused) || refused.Reason != InvalidTime {
				t.Errorf("%s: %v, %v; want %s", c.value, m.Time, err, InvalidTime)
			}
		case err != nil:
			t.Errorf("%s: %v", c.value, err)
		case m.Time.Format(time.RFC3339Nano) != c.want || !m.HasTime:
			t.Errorf("%s is %s, want %s", c.value, m.Time.Format(time.RFC3339Nano), c.want)
		}
	}
}

func TestRefuses(t *testing.T) {
	nested := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	if _, err := single("", "").Decode([]byte(nested(maxDepth)), arrival); err != nil {
		t.Errorf("nested %d deep: %v", maxDepth, err)
	}
	for _, c := range []struct {
		payload string
		want    Reason
	}{
		{"", NotJSON}, {"21.5 C", NotJSON}, {`{"a":1}x`, NotJSON}, {`{"a":1`, NotJSON}, {`{"a":}`, NotJSON},
		{`{'a':1}`, NotJSON}, {`{"a":Infinity}`, NotJSON},
		{`{"data":{"a":1},"b":nope}`, NotJSON},
		{"\x00\x01\x02", NotJSON}, {"{\"a\":\"\xc3\x28\"}", InvalidUTF8}, {"\xff", InvalidUTF8},
		{`[]`, NotAnObject}, {`1`, NotAnObject}, {`null`, NotAnObject}, {`"x"`, NotAnObject}, {`[1`, NotJSON},
		{nested(maxDepth + 2), TooDeep}, {`{"a":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `}`, TooDeep},
		{`{"a":1e309}`, NumberOutOfRange}, {`{"a":-1e309}`, NumberOutOfRange}, {`{"a":{"":1}}`, EmptyName},
	} {
		_, err := single("", "").Decode([]byte(c.payload), arrival)
		var refused *Error
		if !errors.As(err, &refused) || refused.Reason != c.want {
			t.Errorf("%.40q: error %v, want %s", c.payload, err, c.want)
		}
	}
}

func TestErrorsHoldNoPayload(t *testing.T) {
	for _, payload := range []string{"topsecret", `{"topsecret":`, `{"timestamp":"topsecret"}`, `{"a":"topsecret`,
		`{"topsecret":{"":1}}`} {
		if _, err := single("", "").Decode([]byte(payload), arrival); err == nil ||
			strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%s: error %v", payload, err)
		}
	}
}

// TestMessagesStayValid decodes more than a slab holds, with failures and large messages in between.
func TestMessagesStayValid(t *testing.T) {
	d := single("", "")
	var all []Reading
	payload := func(i int) string {
		n := 1 + i%100
		parts := make([]string, n)
		for j := range parts {
			parts[j] = fmt.Sprintf(`"m%d":%d`, j, i+j)
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	const messages = 300
	for i := range messages {
		if _, err := d.Decode([]byte(payload(i)+"x"), arrival); err == nil {
			t.Fatal("text after the payload is accepted")
		}
		m, err := d.Decode([]byte(payload(i)), arrival)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	for i, m := range all {
		if len(m.Measures) != 1+i%100 {
			t.Fatalf("message %d has %d measures", i, len(m.Measures))
		}
		for j, measure := range m.Measures {
			if measure != number(fmt.Sprintf("m%d", j), fmt.Sprint(i+j)) {
				t.Fatalf("message %d has %+v at %d", i, measure, j)
			}
		}
	}
}

func TestManyDuplicatesAreFound(t *testing.T) {
	var parts []string
	for i := range 1000 {
		parts = append(parts, fmt.Sprintf(`"m%d":%d`, i%100, i))
	}
	m, err := single("", "").Decode([]byte("{"+strings.Join(parts, ",")+"}"), arrival)
	if err != nil || len(m.Measures) != 100 {
		t.Fatalf("%d measures, %v", len(m.Measures), err)
	}
	for i, measure := range m.Measures {
		if measure != number(fmt.Sprintf("m%d", i), fmt.Sprint(900+i)) {
			t.Errorf("%+v at %d", measure, i)
		}
	}
}

func TestFloat(t *testing.T) {
	for _, c := range []struct {
		m    Measure
		want float64
	}{
		{number("a", "21.5"), 21.5},
		{number("a", "1e+300"), 1e300},
		{Measure{Text: "21.5", Kind: String}, math.NaN()},
		{Measure{Text: "true", Kind: Bool}, math.NaN()},
	} {
		if got := c.m.Float(); got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("%+v is %v, want %v", c.m, got, c.want)
		}
	}
}

// FuzzDecode checks what holds for every payload: the decoder agrees with encoding/json on what is JSON, both readers
// agree, and what they return can be stored.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"deviceId":"x","timestamp":1767225600000,"data":{"temperature":21.5}}`,
		`{"name":"x","humidity":29,"timeStampEpoch":1,"timeStampIso":"2026-01-01"}`,
		`{"a":{"b":[1,null]},"a.b":1e5}`, `{"data":1,"data":{}}`, `[]`, "\xff", `{"a":1e999}`, `{"timestamp":"x"}`,
		`{"":0}`,
		`{"ts":1767225600,"time":"x","data":{"t":1,"b":2}}`, `[{"bn":"x","v":1},{"n":"y","vs":"z"}]`,
		`{"data":[{"name":"a","value":1,"unit":"C"}],"x":[{"ts":5,"y":1},{"ts":5,"y":2}]}`, "\uFEFF{\"a\":1}\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		list, err := single("", "").Decoder.Decode(payload, arrival)
		compareReaders(t, payload, list, err)
		if err != nil {
			checkError(t, payload, err)
			return
		}
		times := map[int64]bool{}
		for _, r := range list {
			checkReading(t, payload, r)
			if times[r.Time.UnixMilli()] {
				t.Fatalf("%q: two readings at %s", payload, r.Time)
			}
			times[r.Time.UnixMilli()] = true
		}
	})
}

// compareReaders requires the same result of a decoder that reads nothing in one pass.
func compareReaders(t *testing.T, payload []byte, list []Reading, err error) {
	t.Helper()
	general := single("", "").Decoder
	general.plain = false
	want, wantErr := general.Decode(payload, arrival)
	if fmt.Sprint(err) != fmt.Sprint(wantErr) && (err == nil || wantErr == nil) {
		t.Fatalf("%q: error %v, of the general reader %v", payload, err, wantErr)
	}
	if diff := cmp.Diff(want, list, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%q (-general +one pass):\n%s", payload, diff)
	}
}

func checkError(t *testing.T, payload []byte, err error) {
	t.Helper()
	var refused *Error
	if !errors.As(err, &refused) || refused.Reason == "" || refused.Detail == "" {
		t.Fatalf("%q: error %v", payload, err)
	}
	if refused.Reason == NotJSON && json.Valid(payload) {
		t.Fatalf("%q is JSON: %v", payload, err)
	}
}

func checkReading(t *testing.T, payload []byte, r Reading) {
	t.Helper()
	seen := map[string]bool{}
	for _, measure := range r.Measures {
		if measure.Name == "" || seen[measure.Name] {
			t.Fatalf("%q: the name %q is empty or there twice", payload, measure.Name)
		}
		seen[measure.Name] = true
		if v := measure.Float(); measure.Kind == Number && (math.IsNaN(v) || math.IsInf(v, 0)) {
			t.Fatalf("%q: %+v is not finite", payload, measure)
		}
		if measure.Kind == Bool && measure.Text != "true" && measure.Text != "false" {
			t.Fatalf("%q: %+v", payload, measure)
		}
	}
	if r.Time.IsZero() {
		t.Fatalf("%q: no time", payload)
	}
}
