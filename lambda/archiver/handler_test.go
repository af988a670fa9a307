package archiver

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

func text(s string) *string { return &s }

// at is a time after lambdatest.Start as the table has it.
func at(after time.Duration) string { return lambdatest.Start.Add(after).UTC().Format(timeLayout) }

// TestRowsOfWhatDevicesSend lists, for each kind of message, the rows that the table gets.
func TestRowsOfWhatDevicesSend(t *testing.T) {
	hour := lambdatest.Start.Add(-time.Hour)
	old := hour.UTC().Format(timeLayout)
	now := at(time.Second)
	several := fmt.Sprintf(`{"readings":[{"ts":%d,"t":1.5},{"ts":%d,"t":2,"on":true}]}`, hour.UnixMilli(),
		hour.UnixMilli()+250)
	for _, c := range []struct {
		why, payload string
		thing        string
		want         []row
	}{
		{why: "numbers, texts and flags with the device's time",
			payload: fmt.Sprintf(`{"timestamp":%d,"data":{"temperature":21.5,"wind":{"speed":3},"mode":"ECO","open":false}}`,
				hour.UnixMilli()),
			want: []row{{Kind: "telemetry", Time: old, Measures: map[string]float64{"temperature": 21.5, "wind.speed": 3},
				Texts: map[string]string{"mode": "ECO"}, Flags: map[string]bool{"open": false}}}},
		{why: "several readings: the payload is in the first row",
			payload: several,
			want: []row{{Kind: "telemetry", Time: old, Measures: map[string]float64{"t": 1.5}, Payload: &several},
				{Kind: "telemetry", Time: hour.Add(250 * time.Millisecond).UTC().Format(timeLayout),
					Measures: map[string]float64{"t": 2}, Flags: map[string]bool{"on": true}}}},
		{why: "no time, no value", payload: `{}`, want: []row{{Kind: "telemetry"}}},
		{why: "a clock that was never set", payload: `{"timestamp":17,"t":1}`,
			want: []row{{Kind: "telemetry", Measures: map[string]float64{"t": 1, "device_time": 17}}}},
		{why: "characters that JSON escapes, in names and values", payload: `{"a\"\\\n\u0000é😀":"\"\\\t\u0001\uFFFF"}`,
			want: []row{{Kind: "telemetry", Texts: map[string]string{"a\"\\\n\x00é😀": "\"\\\t\x01\uFFFF"}}}},
		{why: "numbers at the edges", payload: `{"big":1.7976931348623157e308,"small":-5E-324,"long":0.1234567890123456789}`,
			want: []row{{Kind: "telemetry", Measures: map[string]float64{"big": 1.7976931348623157e308, "small": -5e-324,
				"long": 0.1234567890123456789}}}},
		{why: "a status message: what the device sent", payload: lambdatest.Status("soil-001", `{"status":"online"}`, hour),
			want: []row{{Kind: "status", Payload: text(`{"status":"online"}`)}}},
		{why: "a command's result: what the device sent",
			payload: lambdatest.CommandResult("soil-001", "c", `{"status":"failed"}`),
			want:    []row{{Kind: "command_result", Payload: text(`{"status":"failed"}`)}}},
		{why: "a status of the device's own", payload: lambdatest.Status("soil-001", "asleep\xff", hour),
			want: []row{{Kind: "status", Payload: text(base64.StdEncoding.EncodeToString([]byte("asleep\xff"))),
				PayloadEncoding: "base64"}}},
		{why: "a connection: what AWS IoT says", payload: lambdatest.Presence("soil-001", "connected", `{"versionNumber":1}`),
			want: []row{{Kind: contract.ArchivePresence, Payload: text(`{"versionNumber":1}`)}}},
		{why: "another device's connection", payload: lambdatest.Presence("soil-002", "connected", `{"versionNumber":1}`),
			want: []row{{Kind: "other"}}},
		{why: "a forged status message", payload: `{"status_payload":"?","status_topic":"a"}`, want: []row{{Kind: "other"}}},
		{why: "text", payload: "hello", want: []row{{Kind: "other"}}},
		{why: "nothing", payload: "", want: []row{{Kind: "other", Payload: text("")}}},
		{why: "bytes", payload: "\x00\xff\xfe", want: []row{{Kind: "other", Payload: text("AP/+"), PayloadEncoding: "base64"}}},
		{why: "a partition key that names no thing", thing: "$rules", payload: `{"t":1}`, want: []row{{Kind: "other"}}},
	} {
		a := start(t, io.Discard, nil)
		if c.thing == "" {
			c.thing = "soil-001"
		}
		got := rowsOf(t, invoke(t, a, lambdatest.FirehoseEvent(lambdatest.Record{Thing: c.thing, Payload: c.payload,
			Sequence: "49", After: time.Second}))[0])
		for i := range c.want {
			w := &c.want[i]
			w.Thing, w.ArrivedAt, w.SequenceNumber = c.thing, now, "49"
			if w.Time == "" {
				w.Time = now
			}
			if i == 0 && w.Payload == nil {
				w.Payload = &c.payload
			}
			if i == 0 && w.PayloadEncoding == "" {
				w.PayloadEncoding = "text"
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
	}
}

// TestColumns: a row with everything has the members of the table, in its order.
func TestColumns(t *testing.T) {
	one := invoke(t, start(t, io.Discard, nil), event(`{"n":1,"s":"x","b":true}`))[0]
	decoder := json.NewDecoder(bytes.NewReader(one.Data))
	var names []string
	depth := 0
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token {
		case json.Delim('{'):
			depth++
			continue
		case json.Delim('}'):
			depth--
			continue
		}
		if depth != 1 {
			continue
		}
		names = append(names, fmt.Sprint(token))
		if decoder.More() {
			skipValue(t, decoder)
		}
	}
	var want []string
	for _, c := range contract.ArchiveColumns() {
		want = append(want, c.Name)
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func skipValue(t *testing.T, decoder *json.Decoder) {
	t.Helper()
	var value json.RawMessage
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
}

// TestSettingsOfTheTelemetryBlock: the archiver reads payloads with the processor's settings.
func TestSettingsOfTheTelemetryBlock(t *testing.T) {
	a := start(t, io.Discard, map[string]string{
		contract.EnvTelemetry: `{"data_path":"uplink.decoded","rename":{"t":"temperature"},"convert_strings":true}`,
		contract.EnvTimeField: "when",
	})
	got := rowsOf(t, invoke(t, a, event(`{"when":"2026-01-02T03:04:05.678Z","uplink":{"decoded":{"t":"21.5"}}}`))[0])
	if len(got) != 1 || got[0].Time != "2026-01-02 03:04:05.678" || got[0].Measures["temperature"] != 21.5 {
		t.Errorf("rows %+v", got)
	}
	for name, value := range map[string]string{contract.EnvTelemetry: `{"format":"morse"}`} {
		_, err := newArchiver((&lambdatest.AWS{}).Getenv(map[string]string{name: value}), io.Discard)
		if err == nil || !strings.Contains(err.Error(), `reading the archiver's environment: format "morse" is unknown`) {
			t.Errorf("%s=%s: error %v", name, value, err)
		}
	}
}

func TestAnswersEachRecordOnceAndInOrder(t *testing.T) {
	records := lambdatest.FleetRecords(500, 7)
	for i := range records {
		if i%5 == 0 {
			records[i].Payload = "poison"
		}
	}
	got := invoke(t, start(t, io.Discard, nil), lambdatest.FirehoseEvent(records...))
	if len(got) != len(records) {
		t.Fatalf("%d answers to %d records", len(got), len(records))
	}
	for i, one := range got {
		if one.RecordID != "id-"+records[i].Sequence || one.Result != "Ok" {
			t.Fatalf("answer %d is %s: %s", i, one.RecordID, one.Result)
		}
	}
	if got := invoke(t, start(t, io.Discard, nil), event()); len(got) != 0 {
		t.Errorf("%d answers to no record", len(got))
	}
	damaged := bytes.Replace(event(`{"a":1}`, `{"b":2}`), []byte(`"data":"ey`), []byte(`"data":"%%`), 1)
	answers := invoke(t, start(t, io.Discard, nil), damaged)
	if len(answers) != 2 || answers[0].Result != "ProcessingFailed" || answers[1].Result != "Ok" {
		t.Errorf("with a damaged record: %+v", answers)
	}
}

// TestTheAnswerKeepsTheLimit: whatever the limit, the answer is below it, and as many records are converted as fit.
func TestTheAnswerKeepsTheLimit(t *testing.T) {
	records := lambdatest.FleetRecords(200, 7)
	records[10].Payload = fmt.Sprintf(`{"note":"%s"}`, strings.Repeat("x", 3000))
	request := lambdatest.FirehoseEvent(records...)
	a := start(t, io.Discard, nil)
	full, err := a.Invoke(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	bare := len(opening) + len(closing) - 1
	for _, r := range records {
		bare += len(`{"recordId":"id-","result":"ProcessingFailed"},`) + len(r.Sequence)
	}
	before := -1
	for _, limit := range []int{bare + 1, bare + 1000, len(full) / 2, len(full) - 100, len(full) + 1} {
		a := start(t, io.Discard, nil)
		a.limit = limit
		answer, err := a.Invoke(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		converted := 0
		for i, one := range parse(t, answer) {
			if one.RecordID != "id-"+records[i].Sequence {
				t.Fatalf("limit %d: answer %d is about %s", limit, i, one.RecordID)
			}
			if one.Result == "Ok" {
				converted += len(rowsOf(t, one))
			}
		}
		if len(answer) > limit {
			t.Errorf("limit %d: the answer has %d bytes", limit, len(answer))
		}
		if converted <= before {
			t.Errorf("limit %d: %d records are converted, below it %d", limit, converted, before)
		}
		before = converted
	}
	if before != len(records) {
		t.Errorf("%d of %d records are converted with room for all", before, len(records))
	}
}

// TestTheLargestEvent: with the most bytes that Lambda passes, both ways stay within 6 MiB, and what has no room is
// counted and logged.
func TestTheLargestEvent(t *testing.T) {
	var records []lambdatest.Record
	for i := range 28 {
		records = append(records, lambdatest.Record{Thing: "soil-001", Sequence: fmt.Sprint(100 + i),
			Payload: fmt.Sprintf(`{"note":"%s"}`, strings.Repeat(`\"`, 60*1024))})
	}
	request := lambdatest.FirehoseEvent(records...)
	if len(request) > 6<<20 || len(request) < 4<<20 {
		t.Fatalf("the event has %d bytes", len(request))
	}
	var out bytes.Buffer
	answer, err := start(t, &out, nil).Invoke(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if len(answer) > 6<<20 {
		t.Errorf("the answer has %d bytes", len(answer))
	}
	failed := 0
	for _, one := range parse(t, answer) {
		if one.Result == "ProcessingFailed" {
			failed++
		}
	}
	counts := countsOf(t, &out)
	if failed == 0 || counts["ProcessingFailed/answer_too_large"] != float64(failed) ||
		counts["Archived"] != float64(len(records)-failed) {
		t.Errorf("%d failed, metrics %v", failed, counts)
	}
	if n := strings.Count(out.String(), "do not fit into the answer"); n != 1 {
		t.Errorf("%d lines about the answer, want one:\n%s", n, out.String())
	}
}

// TestAPanicCostsOneRecord: the next record is converted, with a decoder that is new.
func TestAPanicCostsOneRecord(t *testing.T) {
	var out bytes.Buffer
	a := start(t, &out, nil)
	a.decode = func([]telemetry.Reading, string, time.Time) ([]telemetry.Reading, error) {
		var none []int
		return nil, fmt.Errorf("%d", none[len(none)])
	}
	got := invoke(t, a, event(`{"a":1}`, `{"b":2}`))
	if got[0].Result != "ProcessingFailed" || len(got[0].Data) != 0 {
		t.Errorf("the record that panics: %+v", got[0])
	}
	if rows := rowsOf(t, got[1]); rows[0].Measures["b"] != 2 {
		t.Errorf("the next record: %+v", rows)
	}
	if counts := countsOf(t, &out); counts["ProcessingFailed/panic"] != 1 {
		t.Errorf("metrics %v", counts)
	}
	if !strings.Contains(out.String(), "rows.go") || !strings.Contains(out.String(), `"sequence_number":"1"`) {
		t.Errorf("the log does not say where and which:\n%s", out.String())
	}
}

// TestLogsAndMetrics: metrics name no device, and logs hold no payload.
func TestLogsAndMetrics(t *testing.T) {
	var out bytes.Buffer
	a := start(t, &out, nil)
	invoke(t, a, event(`{"secret_recipe":1}`, "secret_recipe", `[{"a":1},{"a":2}]`,
		lambdatest.Status("soil-001", "online", lambdatest.Start)))
	want := map[string]float64{"Received": 4, "Archived": 4, "Rows": 5, "ProcessingFailed": 0, "Unreadable": 1,
		"Unreadable/not_json": 1}
	if diff := cmp.Diff(want, countsOf(t, &out)); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	if strings.Contains(out.String(), "secret_recipe") || strings.Contains(out.String(), "soil-001") {
		t.Errorf("the output names a payload or a device:\n%s", out.String())
	}
}

// countsOf reads the metrics of an output: name, or name/reason.
func countsOf(t *testing.T, out *bytes.Buffer) map[string]float64 {
	t.Helper()
	counts := map[string]float64{}
	for line := range strings.Lines(out.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		suffix := ""
		if reason, ok := entry["Reason"].(string); ok {
			suffix = "/" + reason
		}
		if entry["_aws"] == nil {
			continue
		}
		for name, value := range maps.All(entry) {
			if n, ok := value.(float64); ok {
				counts[name+suffix] = n
			}
		}
	}
	return counts
}

// TestCallsNoService: the function's program has no AWS client in it, as its list of needs says.
func TestCallsNoService(t *testing.T) {
	for _, need := range needs.Of("archiver") {
		if !need.ByLambda {
			t.Errorf("the policy allows %s, which the archiver never calls", need.Action)
		}
	}
	cmd := exec.Command("go", "list", "-deps", "-tags", "lambda.norpc", ".")
	cmd.Stderr = os.Stderr
	list, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(list))
	if !slices.Contains(packages, "github.com/aws/aws-lambda-go/lambda") {
		t.Fatalf("packages %v", packages)
	}
	for _, p := range packages {
		if strings.HasPrefix(p, "github.com/aws/aws-sdk-go-v2/") {
			t.Errorf("the archiver has the package %s in it", p)
		}
	}
}
