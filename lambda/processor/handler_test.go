package processor

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// start makes a processor as the bootstrap does, against a stand-in for AWS.
func start(t *testing.T, more map[string]string) (*processor, *lambdatest.AWS) {
	t.Helper()
	aws := lambdatest.StartAWS(t)
	p, err := newProcessor(aws.Getenv(more), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return p, aws
}

// invoke hands the processor an event with an amount of time left, and returns the sequence number it reports, "" for
// none.
func invoke(t *testing.T, p *processor, event []byte, left time.Duration) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), left)
	defer cancel()
	answer, err := p.Invoke(ctx, event)
	if err != nil {
		t.Fatal(err)
	}
	if err := ctx.Err(); err != nil {
		t.Fatalf("the answer came after the deadline: %v", err)
	}
	return reported(t, answer)
}

func reported(t *testing.T, answer []byte) string {
	t.Helper()
	var response struct {
		BatchItemFailures *[]struct{ ItemIdentifier string }
	}
	if err := json.Unmarshal(answer, &response); err != nil || response.BatchItemFailures == nil {
		t.Fatalf("answer %s: %v", answer, err)
	}
	if failures := *response.BatchItemFailures; len(failures) > 0 {
		return failures[0].ItemIdentifier
	}
	return ""
}

// letters returns "sequence number: reason" of each dead letter.
func letters(t *testing.T, aws *lambdatest.AWS) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, letter := range aws.Letters(t) {
		out[fmt.Sprint(letter["sequence_number"])] = fmt.Sprint(letter["reason"])
	}
	return out
}

// quick is time enough for a stand-in that answers; a test that waits it out waits half of it.
const quick = 10 * time.Second

func TestStoresTheDocumentedShapes(t *testing.T) {
	event, err := os.ReadFile("testdata/shapes.json")
	if err != nil {
		t.Fatal(err)
	}
	type stored = lambdatest.Stored
	const arrived = 1767225601123
	for _, c := range []struct {
		layout string
		want   map[string]stored
	}{
		{"multi", map[string]stored{
			"device_id=soil-001 telemetry 1767225600000": {Version: arrived * 1000,
				Values: map[string]string{"temperature": "21.5", "humidity": "60", "ok": "true", "mode": "eco"},
				Types: map[string]string{"temperature": "DOUBLE", "humidity": "DOUBLE", "ok": "BOOLEAN",
					"mode": "VARCHAR"}},
			"device_id=soil-002 telemetry 1767225600500": {Version: (arrived + 100) * 1000,
				Values: map[string]string{"name": "bay 2", "humidity": "29"},
				Types:  map[string]string{"name": "VARCHAR", "humidity": "DOUBLE"}},
			"device_id=soil-003 telemetry 1767225601323": {Version: (arrived + 200) * 1000,
				Values: map[string]string{"temp": "19.25", "humidity": "41", "battery": "3.1"},
				Types:  map[string]string{"temp": "DOUBLE", "humidity": "DOUBLE", "battery": "DOUBLE"}},
			"device_id=soil-001 telemetry 1767225602000": {Version: (arrived + 1300) * 1000,
				Values: map[string]string{"temperature": "22", "wind.speed": "3.5", "wind.gust.max": "7"},
				Types:  map[string]string{"temperature": "DOUBLE", "wind.speed": "DOUBLE", "wind.gust.max": "DOUBLE"}},
		}},
		{"single", map[string]stored{
			"device_id=soil-001 temperature 1767225600000":   one("temperature", "21.5", "DOUBLE", arrived),
			"device_id=soil-001 humidity 1767225600000":      one("humidity", "60", "DOUBLE", arrived),
			"device_id=soil-001 ok 1767225600000":            one("ok", "true", "BOOLEAN", arrived),
			"device_id=soil-001 mode 1767225600000":          one("mode", "eco", "VARCHAR", arrived),
			"device_id=soil-002 name 1767225600500":          one("name", "bay 2", "VARCHAR", arrived+100),
			"device_id=soil-002 humidity 1767225600500":      one("humidity", "29", "DOUBLE", arrived+100),
			"device_id=soil-003 temp 1767225601323":          one("temp", "19.25", "DOUBLE", arrived+200),
			"device_id=soil-003 humidity 1767225601323":      one("humidity", "41", "DOUBLE", arrived+200),
			"device_id=soil-003 battery 1767225601323":       one("battery", "3.1", "DOUBLE", arrived+200),
			"device_id=soil-001 temperature 1767225602000":   one("temperature", "22", "DOUBLE", arrived+1300),
			"device_id=soil-001 wind.speed 1767225602000":    one("wind.speed", "3.5", "DOUBLE", arrived+1300),
			"device_id=soil-001 wind.gust.max 1767225602000": one("wind.gust.max", "7", "DOUBLE", arrived+1300),
		}},
	} {
		t.Run(c.layout, func(t *testing.T) {
			p, aws := start(t, map[string]string{"IOT_TIMESTREAM_LAYOUT": c.layout})
			for range 2 { // the second time is a replay: accepted, and nothing changes
				if failed := invoke(t, p, event, quick); failed != "" {
					t.Errorf("failed from %s", failed)
				}
				if diff := cmp.Diff(c.want, aws.Records()); diff != "" {
					t.Errorf("Timestream holds (-want +got):\n%s", diff)
				}
			}
			if n := len(aws.Calls("dynamodb:UpdateItem")); n != 2*3 {
				t.Errorf("%d updates for 3 devices in 2 batches", n)
			}
			if got := letters(t, aws); len(got) != 0 {
				t.Errorf("dead letters %v", got)
			}
		})
	}
}

func one(name, value, kind string, arrived int64) lambdatest.Stored {
	return lambdatest.Stored{
		Version: arrived * 1000,
		Values:  map[string]string{name: value},
		Types:   map[string]string{name: kind},
	}
}

func TestGivesUpWhatCannotBeStored(t *testing.T) {
	good := `{"temperature":21.5}`
	for _, c := range []struct {
		payload, reason, layout string
	}{
		{"", "not_json", "multi"},
		{"temperature=21.5", "not_json", "multi"},
		{`{"temperature":`, "not_json", "multi"},
		{`{"temperature":NaN}`, "not_json", "multi"},
		{`{"temperature":1e999}`, "number_out_of_range", "multi"},
		{`[]`, "not_an_object", "multi"},
		{`{"accelerations":[1,2,3]}`, "unreadable_array", "multi"},
		{`[{"temperature":21.5},7]`, "unreadable_array", "multi"},
		{`"21.5"`, "not_an_object", "multi"},
		{"{\"name\":\"\xff\xfe\"}", "invalid_utf8", "multi"},
		{strings.Repeat(`{"a":`, 64000) + "1" + strings.Repeat("}", 64000), "too_deep", "multi"},
		{`{"a":` + strings.Repeat("[", 60000) + strings.Repeat("]", 60000) + `}`, "too_deep", "multi"},
		{`{"":1}`, "empty_name", "multi"},
		{`{"timestamp":"yesterday","data":{"a":1}}`, "invalid_time", "multi"},
		{`{"timestamp":true,"data":{"a":1}}`, "invalid_time", "multi"},
		{`{"note":"` + strings.Repeat("x", 3000) + `"}`, "record_too_large", "multi"},
		{`{"note":"` + strings.Repeat("x", 3000) + `"}`, "record_too_large", "single"},
		{`{"note":"` + strings.Repeat("x", 128*1024-20) + `"}`, "record_too_large", "multi"},
		{`{"` + strings.Repeat("n", 257) + `":1}`, "measure_name", "single"},
		{`{"ts_now":1}`, "measure_name", "multi"},
		{`{"measure_value::double":1}`, "measure_name", "multi"},
		{manyMeasures(257), "too_many_measures", "multi"},
		{lambdatest.Status("soil-002", "asleep", lambdatest.Start), "unknown_status", "multi"},
		{`{"status_payload":"?","status_topic":"a"}`, "unknown_status", "multi"},
		{lambdatest.Status("soil-001", "offline", lambdatest.Start), "unknown_status", "multi"}, // of another device
	} {
		t.Run(c.reason+"/"+c.layout, func(t *testing.T) {
			p, aws := start(t, map[string]string{"IOT_TIMESTREAM_LAYOUT": c.layout})
			failed := invoke(t, p, lambdatest.Event(
				lambdatest.Record{Thing: "soil-001", Payload: good},
				lambdatest.Record{Thing: "soil-002", Payload: c.payload},
				lambdatest.Record{Thing: "soil-002", Payload: good},
			), quick)
			if failed != "" {
				t.Errorf("a record that cannot be stored blocks the shard from %s", failed)
			}
			if n := len(aws.Records()); n != 2 {
				t.Errorf("%d of the 2 good records are stored", n)
			}
			got := aws.Letters(t)
			if len(got) != 1 {
				t.Fatalf("%d dead letters, want 1: %v", len(got), letters(t, aws))
			}
			letter := got[0]
			if letter["detail"] == "" || letter["detail"] == nil {
				t.Error("the letter has no detail")
			}
			delete(letter, "detail")
			want := map[string]any{
				"pipeline": "greenhouse", "source": "processor", "thing": "soil-002", "sequence_number": "2",
				"reason":         c.reason,
				"topic":          "greenhouse/soil-002/telemetry",
				"arrived_at":     lambdatest.Start.Add(time.Millisecond).UTC().Format("2006-01-02T15:04:05.000Z07:00"),
				"payload_base64": base64.StdEncoding.EncodeToString([]byte(c.payload)),
			}
			if strings.Contains(c.payload, `"greenhouse/soil-002/status"`) {
				want["topic"] = "greenhouse/soil-002/status"
			}
			if diff := cmp.Diff(want, letter); diff != "" {
				t.Errorf("letter (-want +got):\n%s", diff)
			}
		})
	}
}

func manyMeasures(n int) string {
	var parts []string
	for i := range n {
		parts = append(parts, fmt.Sprintf(`"m%d":1`, i))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func TestAcceptsWhatIsOnlyUnusual(t *testing.T) {
	for _, c := range []struct{ payload, why string }{
		{`{}`, "a sign of life without measures"},
		{`{"a":null,"b":[]}`, "values that no measure can hold"},
		{`{"a":1,"a":2}`, "duplicate keys"},
		{`{"timestamp":0,"data":{"a":1}}`, "a clock that was never set"},
		{`{"timestamp":4102444800000,"data":{"a":1}}`, "a clock that is ahead"},
		{`{"timestamp":"1969-12-31T23:59:59Z","data":{"a":1}}`, "a time before 1970"},
		{`{"a":""}`, "an empty string, which Timestream cannot hold"},
		{`{"a":1e-300,"b":-0,"c":12345678901234567890}`, "numbers at the edges"},
		{manyMeasures(30), "many measures"},
	} {
		p, aws := start(t, nil)
		if failed := invoke(t, p, lambdatest.Event(lambdatest.Record{Thing: "soil-001", Payload: c.payload}),
			quick); failed != "" {
			t.Errorf("%s: failed from %s", c.why, failed)
		}
		if got := letters(t, aws); len(got) != 0 {
			t.Errorf("%s: dead letters %v", c.why, got)
		}
		if n := len(aws.Calls("dynamodb:UpdateItem")); n != 1 {
			t.Errorf("%s: %d updates of the device, want 1", c.why, n)
		}
	}
}

func TestAPayloadMayNameItsDevice(t *testing.T) {
	for layout, want := range map[string]map[string]string{"multi": {"v": "1"}, "single": {"device_id": "x"}} {
		p, aws := start(t, map[string]string{"IOT_TIMESTREAM_LAYOUT": layout})
		invoke(
			t,
			p,
			lambdatest.Event(lambdatest.Record{Thing: "soil-001", Payload: `{"device_id":"x","v":1,"none":""}`},
				lambdatest.Record{Thing: "soil-002", Payload: `{"device_id":"x"}`}),
			quick,
		)
		found := false
		for key, record := range aws.Records() {
			found = found || strings.HasPrefix(key, "device_id=soil-001 ") && cmp.Equal(record.Values, want)
		}
		if !found || len(letters(t, aws)) != 0 {
			t.Errorf("layout %s: Timestream holds %v, letters %v", layout, aws.Records(), letters(t, aws))
		}
	}
}

func TestRecordsOfNoThingAreGivenUp(t *testing.T) {
	for _, key := range []string{"$rules", "$cooldown#hot#soil-001", "", "soil 001", strings.Repeat("x", 129)} {
		p, aws := start(t, nil)
		invoke(t, p, lambdatest.Event(lambdatest.Record{Thing: key, Payload: `{"a":1}`}), quick)
		if diff := cmp.Diff(map[string]string{"1": "invalid_thing"}, letters(t, aws)); diff != "" {
			t.Errorf("partition key %q: %s", key, diff)
		}
		if calls := aws.Calls("dynamodb:UpdateItem"); len(calls) != 0 {
			t.Errorf("partition key %q reached the device table", key)
		}
	}
}

func TestMessagesOfOneTimeAndArrivalAllCount(t *testing.T) {
	p, aws := start(t, nil)
	payload := func(v int) string {
		return fmt.Sprintf(`{"timestamp":%d,"data":{"v":%d}}`, lambdatest.Start.UnixMilli(), v)
	}
	event := lambdatest.Event(
		lambdatest.Record{Thing: "soil-001", Payload: payload(1), After: time.Millisecond},
		lambdatest.Record{Thing: "soil-001", Payload: payload(2), After: time.Millisecond},
		lambdatest.Record{Thing: "soil-001", Payload: payload(3), After: time.Millisecond},
	)
	for range 2 {
		if failed := invoke(t, p, event, quick); failed != "" {
			t.Fatalf("failed from %s", failed)
		}
		for key, record := range aws.Records() {
			if record.Values["v"] != "3" {
				t.Errorf("%s is %v, want the last message's 3", key, record.Values)
			}
		}
	}
	if got := letters(t, aws); len(got) != 0 {
		t.Errorf("dead letters %v", got)
	}
}

func TestALargeLetterGoesToTheBucket(t *testing.T) {
	p, aws := start(t, nil)
	payload := strings.Repeat("x", 900*1024)
	invoke(t, p, lambdatest.Event(lambdatest.Record{Thing: "soil-001", Payload: payload, Sequence: "77"}), quick)
	puts := aws.Calls("s3:PutObject")
	key := lambdatest.Start.UTC().Format("/greenhouse-archive/dead-letters/payloads/2006/01/02/77")
	if len(puts) != 1 || puts[0].Path != key || !bytes.Contains(puts[0].Body, []byte(payload[:1000])) {
		t.Fatalf("%d objects, want the payload at %s", len(puts), key)
	}
	got := aws.Letters(t)
	if len(got) != 1 || got[0]["payload_s3"] != "s3:/"+key || got[0]["payload_base64"] != nil {
		t.Errorf("letter %v, want payload_s3 s3:/%s", got, key)
	}
}

func TestAnEventThatIsNoBatchIsAnError(t *testing.T) {
	p, aws := start(t, nil)
	for _, event := range []string{``, `{}`, `[]`, `{"Records":1}`, `{"Records":[{"kinesis":{"data":"e30="}}]}`,
		`{"Records":[`} {
		if answer, err := p.Invoke(t.Context(), []byte(event)); err == nil {
			t.Errorf("%q: answer %s, want an error", event, answer)
		}
	}
	if calls := aws.Calls(""); len(calls) != 0 {
		t.Errorf("%d calls for events that are none", len(calls))
	}
}

func TestAnEmptyBatchIsDone(t *testing.T) {
	p, aws := start(t, nil)
	if failed := invoke(t, p, lambdatest.Event(), quick); failed != "" || len(aws.Calls("")) != 0 {
		t.Errorf("failed from %q, %d calls", failed, len(aws.Calls("")))
	}
}

// TestStoresEveryReading: a message that holds several readings becomes one record each, and the newest of them is the
// device's state.
func TestStoresEveryReading(t *testing.T) {
	payload := `{"battery":3.1,"readings":[{"ts":1767225590,"temp":21.1},{"ts":1767225600,"temp":21.3},` +
		`{"ts":1767225595,"temp":21.2}]}`
	p, aws := start(t, nil)
	event := lambdatest.Event(lambdatest.Record{Thing: "soil-001", Payload: payload})
	for range 2 { // the second time is a replay
		if failed := invoke(t, p, event, quick); failed != "" {
			t.Fatalf("failed from %s", failed)
		}
	}
	got := map[string]string{}
	for key, record := range aws.Records() {
		got[strings.TrimPrefix(key, "device_id=soil-001 telemetry ")] = fmt.Sprint(record.Values)
	}
	want := map[string]string{"1767225590000": "map[temp:21.1]", "1767225600000": "map[battery:3.1 temp:21.3]",
		"1767225595000": "map[temp:21.2]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Timestream holds (-want +got):\n%s", diff)
	}
	if got := letters(t, aws); len(got) != 0 {
		t.Errorf("dead letters %v", got)
	}
}
