package stream

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

const properties = `"window":{"start":"2020-12-09T07:04:00Z","end":"2020-12-09T07:06:00Z"},` +
	`"state":{"1":"282","ü":"a\"b"},"shardId":"shardId-000000000006",` +
	`"eventSourceARN":"arn:aws:kinesis:us-east-1:123456789012:stream/greenhouse",` +
	`"isFinalInvokeForWindow":true,"isWindowTerminatedEarly":false}`

// windowEvent is a batch with those properties.
func windowEvent(properties string) []byte {
	batch := lambdatest.Event(lambdatest.Record{Thing: "soil-001", Payload: `{"v":1}`},
		lambdatest.Record{Thing: "soil-002", Payload: `{"v":2}`})
	return []byte(strings.TrimSuffix(string(batch), "}") + "," + properties)
}

// TestParseWindow compares what it reads with what aws-lambda-go reads.
func TestParseWindow(t *testing.T) {
	event := windowEvent(properties)
	got, records, err := ParseWindow(event)
	if err != nil {
		t.Fatal(err)
	}
	var theirs events.KinesisTimeWindowEvent
	if err := json.Unmarshal(event, &theirs); err != nil {
		t.Fatal(err)
	}
	want := Window{Start: theirs.Window.Start.Time, End: theirs.Window.End.Time, Shard: theirs.ShardID, State: theirs.State,
		Final: theirs.IsFinalInvokeForWindow, TerminatedEarly: theirs.IsWindowTerminatedEarly}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("window (-aws-lambda-go +ours):\n%s", diff)
	}
	if len(records) != 2 || records[1].Data != `{"v":2}` || records[1].PartitionKey != "soil-002" {
		t.Errorf("records %+v", records)
	}
}

func TestParseWindowOfTheEnd(t *testing.T) {
	for _, records := range []string{`"Records":[]`, `"Records":null`, `"other":1`} {
		text := `{` + records + `,"state":null,` + strings.Replace(properties, `"state":{"1":"282","ü":"a\"b"},`, "", 1)
		w, got, err := ParseWindow([]byte(text))
		if err != nil || len(got) != 0 || len(w.State) != 0 || !w.Final || w.End.Sub(w.Start) != 2*time.Minute {
			t.Errorf("%s: %+v, %v, %v", records, w, got, err)
		}
	}
}

func TestWhatIsNoWindow(t *testing.T) {
	for _, c := range []struct{ old, new string }{
		{`"start":"2020-12-09T07:04:00Z",`, ``},
		{`"start":"2020-12-09T07:04:00Z"`, `"start":"yesterday"`},
		{`"end":"2020-12-09T07:06:00Z"`, `"end":"2020-12-09T07:04:00Z"`},
		{`"shardId":"shardId-000000000006",`, ``},
		{`"1":"282"`, `"1":282`},
		{`Window":true`, `Window":1`},
		{`"state":{`, `"state":[{`},
	} {
		broken := strings.Replace(properties, c.old, c.new, 1)
		if _, _, err := ParseWindow(windowEvent(broken)); err == nil ||
			!strings.Contains(err.Error(), "reading the Kinesis event of a tumbling window") {
			t.Errorf("%s: error %v", broken, err)
		}
	}
}

func TestContinue(t *testing.T) {
	for _, state := range []map[string]string{{}, {"a": "1"}, {"a": `"\` + "\n", "ü": "€"}} {
		var answer events.KinesisTimeWindowEventResponse
		if err := json.Unmarshal(Continue(state), &answer); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(state, answer.State); diff != "" || answer.BatchItemFailures == nil {
			t.Errorf("%s (-want +got):\n%s", Continue(state), diff)
		}
	}
}

func FuzzParseWindow(f *testing.F) {
	f.Add(windowEvent(properties))
	f.Add([]byte(`{"Records":null,` + properties))
	f.Fuzz(func(t *testing.T, event []byte) {
		w, _, err := ParseWindow(event)
		if err != nil {
			return
		}
		if !json.Valid(event) || w.Shard == "" || !w.End.After(w.Start) {
			t.Fatalf("%q was read as %+v", event, w)
		}
		if !json.Valid(Continue(w.State)) {
			t.Fatalf("the state of %q is answered as %q", event, Continue(w.State))
		}
	})
}
