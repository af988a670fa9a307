package processor

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

const batchWriteItem = "dynamodb:BatchWriteItem"

// withRecent adds the recent readings to the environment of a processor, onlyRecent makes them its only store.
var (
	withRecent = map[string]string{"IOT_READINGS_TABLE": "greenhouse-readings", "IOT_READINGS_HOURS": "48"}
	onlyRecent = map[string]string{"IOT_READINGS_TABLE": "greenhouse-readings", "IOT_READINGS_HOURS": "48",
		"IOT_DEVICE_TABLE": "", "IOT_TIMESTREAM_DATABASE": "", "IOT_TIMESTREAM_TABLE": ""}
)

const keyLayout = "2006-01-02T15:04:05.000Z#"

// key is the range key of a reading without a time of its own, with a short sequence number.
func key(t time.Time, sequence int) string {
	return fmt.Sprintf("%s%056d", t.UTC().Format(keyLayout), sequence)
}

// own is the range key of a reading with its own time, as withoutHash shows it.
func own(t time.Time) string { return t.UTC().Format(keyLayout) + "hash" }

var hash = regexp.MustCompile(`#[0-9a-f]{32}\b`)

// withoutHash replaces the hash of a reading in a key.
func withoutHash(key string) string { return hash.ReplaceAllString(key, "#hash") }

// itemKeys are the keys of the stored items, "DEVICE AT", sorted, without the hashes.
func itemKeys(aws *lambdatest.AWS) (keys []string) {
	for _, key := range aws.Items() {
		keys = append(keys, withoutHash(key))
	}
	return keys
}

func TestEveryReadingIsAnItem(t *testing.T) {
	p, aws := start(t, onlyRecent)
	then := lambdatest.Start.Add(-time.Minute)
	of := func(v int) string { return fmt.Sprintf(`{"timestamp":%d,"data":{"v":%d}}`, then.UnixMilli(), v) }
	several := fmt.Sprintf(`[{"timestamp":%d,"data":{"v":1}},{"timestamp":%d,"data":{}},{"timestamp":%d,"data":{"v":3}}]`,
		then.UnixMilli(), then.UnixMilli(), then.UnixMilli())
	event := lambdatest.Event(
		lambdatest.Record{Thing: "soil-001", Payload: of(1), Sequence: "9"},
		lambdatest.Record{Thing: "soil-002", Payload: several, Sequence: "10"},
		lambdatest.Record{Thing: "soil-001", Payload: of(2), Sequence: "11"},
		lambdatest.Record{Thing: "soil-001", Payload: lambdatest.Status("soil-001", "offline", lambdatest.Start)},
		lambdatest.Record{Thing: "soil-003", Payload: `{}`},
		lambdatest.Record{Thing: "soil-004", Payload: `{"v":1}`, Sequence: "12", After: 5 * time.Millisecond},
	)
	want := []string{
		"soil-001 " + own(then), "soil-001 " + own(then), // one millisecond, two messages
		// One message: each reading is a millisecond later than the one before it, and the second has no measures.
		"soil-002 " + own(then), "soil-002 " + own(then.Add(2*time.Millisecond)),
		"soil-004 " + key(lambdatest.Start.Add(5*time.Millisecond), 12), // no time of its own: the arrival
	}
	for range 2 { // the second time is a replay
		if failed := invoke(t, p, event, quick); failed != "" {
			t.Fatalf("failed from %s", failed)
		}
		if diff := cmp.Diff(want, itemKeys(aws)); diff != "" {
			t.Errorf("items (-want +got):\n%s", diff)
		}
	}
	if got := letters(t, aws); len(got) != 0 {
		t.Errorf("dead letters %v", got)
	}
	if n := len(aws.Calls(batchWriteItem)); n != 2 {
		t.Errorf("%d calls for 2 batches of 5 readings", n)
	}
}

func TestRecentReadingsOfAFleetShareCalls(t *testing.T) {
	p, aws := start(t, onlyRecent)
	if failed := invoke(t, p, lambdatest.Fleet(1010, 200), quick); failed != "" {
		t.Fatalf("failed from %s", failed)
	}
	if items, calls := len(aws.Items()), len(aws.Calls(batchWriteItem)); items != 1010 || calls != 41 {
		t.Errorf("%d items in %d calls, want 1010 in 41", items, calls)
	}
}

func TestRecentReadingsThatDoNotFitOneRequest(t *testing.T) {
	p, aws := start(t, onlyRecent)
	const limit = 160 << 10 // DynamoDB's 16 MB would take a busy machine longer than a request may
	p.recent.requestBytes = limit
	// Each control character is six in JSON: 8 items of 3.9 KB are 190 KB.
	note := strings.Repeat(`\u0001`, 3900)
	var records []lambdatest.Record
	for range 8 {
		records = append(records, lambdatest.Record{Thing: "soil-001", Payload: `{"note":"` + note + `"}`})
	}
	if failed := invoke(t, p, lambdatest.Event(records...), time.Minute); failed != "" {
		t.Fatalf("failed from %s", failed)
	}
	if items := len(aws.Items()); items != 8 {
		t.Errorf("%d items, want 8", items)
	}
	calls := aws.Calls(batchWriteItem)
	for _, call := range calls {
		if len(call.Body) > limit {
			t.Errorf("a call of %d bytes, and %d are allowed", len(call.Body), limit)
		}
	}
	if len(calls) != 2 {
		t.Errorf("%d calls, want 2", len(calls))
	}
}

func TestRecentReadingsThatCannotBeStored(t *testing.T) {
	for _, c := range []struct{ payload, reason string }{
		{`{"note":"` + strings.Repeat("x", 400<<10) + `"}`, readingTooLarge},
		{`{"a":"` + strings.Repeat("x", 200<<10) + `","b":"` + strings.Repeat("x", 200<<10) + `"}`, readingTooLarge},
		{`{"` + strings.Repeat("n", 64<<10) + `":1}`, badMeasureName},
		{`{"":1}`, "empty_name"},
		{`{"temperature":1e999}`, "number_out_of_range"},
	} {
		p, aws := start(t, onlyRecent)
		failed := invoke(t, p, lambdatest.Event(
			lambdatest.Record{Thing: "soil-001", Payload: `{"v":1}`},
			lambdatest.Record{Thing: "soil-002", Payload: c.payload},
			lambdatest.Record{Thing: "soil-002", Payload: `{"v":1}`},
		), quick)
		if failed != "" {
			t.Errorf("%s: a record that cannot be stored blocks the shard from %s", c.reason, failed)
		}
		if diff := cmp.Diff(map[string]string{"2": c.reason}, letters(t, aws)); diff != "" {
			t.Errorf("%s: letters (-want +got):\n%s", c.reason, diff)
		}
		if items := len(aws.Items()); items != 2 {
			t.Errorf("%s: %d of the 2 good readings are stored", c.reason, items)
		}
	}
}

func TestFaultsOfRecentReadings(t *testing.T) {
	const short = 2 * time.Second
	none := map[string]string{}
	// unprocessed leaves the last n of a call's items, in its first times calls; 0 times means all.
	unprocessed := func(n, times int) func(lambdatest.Call) *lambdatest.Fault {
		return only(batchWriteItem, times, &lambdatest.Fault{Unprocessed: n})
	}
	twice := lambdatest.Event(
		lambdatest.Record{Thing: "soil-001", Payload: `{"v":1}`, Sequence: "1", After: time.Millisecond},
		lambdatest.Record{Thing: "soil-001", Payload: `{"v":1}`, Sequence: "1", After: time.Millisecond},
		lambdatest.Record{Thing: "soil-002", Payload: `{"v":2}`, Sequence: "2", After: time.Millisecond},
	)
	// stranger answers that an item is unprocessed that was not in the call.
	stranger := only(batchWriteItem, 0, &lambdatest.Fault{Status: http.StatusOK, Raw: `{"UnprocessedItems":` +
		`{"greenhouse-readings":[{"PutRequest":{"Item":{"device_id":{"S":"x"},"at":{"S":"y"}}}}]}}`})
	for _, c := range []struct {
		name    string
		event   []byte
		left    time.Duration
		fault   func(lambdatest.Call) *lambdatest.Fault
		failed  string            // the sequence number reported, "" for none
		letters map[string]string // sequence number to reason
		items   int
	}{
		{"throttled twice", fleet(), quick, only(batchWriteItem, 2, lambdatest.Throttle), "", none, 10},
		{"500 twice", fleet(), quick, only(batchWriteItem, 2, lambdatest.Internal), "", none, 10},
		{"connection closed twice", fleet(), quick, only(batchWriteItem, 2, lambdatest.Closed), "", none, 10},
		{"throttled permanently", fleet(), short, only(batchWriteItem, 0, lambdatest.Throttle), "1", none, 0},
		{"no answer", fleet(), short, only(batchWriteItem, 0, lambdatest.Hung), "1", none, 0},
		{"the role is refused", fleet(), quick, only(batchWriteItem, 0, lambdatest.Denied), "1", none, 0},
		{"unprocessed in part, twice", fleet(), quick, unprocessed(4, 2), "", none, 10},
		{"nothing processed, three times", fleet(), quick, unprocessed(25, 3), "", none, 10},
		// in the order of the call, which is by device, the last four are 9, 4 and before them 8, 3
		{"unprocessed permanently", fleet(), short, unprocessed(4, 0), "4", none, 6},
		{"an item that was not sent is unprocessed", fleet(), quick, stranger, "1", none, 0},
		{"the call is refused for one reading", fleet(), quick,
			about(batchWriteItem, `{"N":"6"}`, &lambdatest.Fault{Status: http.StatusBadRequest,
				Code: "ValidationException"}), "", map[string]string{"7": readingRejected}, 9},
		{"the event holds a record twice", twice, quick, nil, "", none, 2},
		{"poison among good records", poisoned(), quick, nil, "",
			map[string]string{"4": "not_json", "8": "not_json"}, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, aws := start(t, withRecent)
			if c.fault != nil {
				aws.Misbehave(c.fault)
			}
			failed := invoke(t, p, c.event, c.left)
			if failed != c.failed || len(aws.Items()) != c.items {
				t.Errorf("failed from %q with %d items, want %q and %d", failed, len(aws.Items()), c.failed, c.items)
			}
			if diff := cmp.Diff(c.letters, letters(t, aws)); diff != "" {
				t.Errorf("letters (-want +got):\n%s", diff)
			}
			if len(aws.Calls(updateItem)) == 0 || len(aws.Records()) == 0 {
				t.Error("the other stores got nothing")
			}
		})
	}
}

// TestRecentReadingsInMoto reads back with the query that the guide shows.
func TestRecentReadingsInMoto(t *testing.T) {
	p := motoPipeline(t, withRecent)
	now := lambdatest.Start
	at := func(before time.Duration, data string) string {
		return fmt.Sprintf(`{"timestamp":%d,"data":%s}`, now.Add(-before).UnixMilli(), data)
	}
	event := lambdatest.Event(
		lambdatest.Record{Thing: "sensor-42", Payload: at(2*time.Hour, `{"v":0}`), Sequence: "1"},
		lambdatest.Record{Thing: "sensor-43", Payload: at(0, `{"v":0}`), Sequence: "2"},
		lambdatest.Record{Thing: "sensor-42", Payload: at(time.Minute, `{"a":-1.5,"b":true,"c":"\u0001 \"x\"","d":""}`),
			Sequence: "3", After: 7 * time.Millisecond},
		lambdatest.Record{Thing: "sensor-42", Payload: at(time.Hour, `{"d":1e300,"e":{"f":2},"g":1e-131,"h":9.8e125}`),
			Sequence: "4", After: 8 * time.Millisecond},
		lambdatest.Record{Thing: "sensor-42", Payload: at(time.Second, `{"a":0.10000000000000000000000000000000000001}`),
			Sequence: "5", After: 9 * time.Millisecond},
	)
	item := func(before time.Duration, sequence int, after time.Duration, measures string) map[string]string {
		arrived := now.Add(after)
		return map[string]string{
			"device_id": `"sensor-42"`, "at": `"` + own(now.Add(-before)) + `"`, "measures": measures,
			"sequence_number": fmt.Sprintf("%q", fmt.Sprint(sequence)),
			"arrived_at":      fmt.Sprint(arrived.UnixMilli()), "expires_at": fmt.Sprint(arrived.Add(48 * time.Hour).Unix()),
		}
	}
	want := []map[string]string{
		item(time.Hour, 4, 8*time.Millisecond, `d="1e+300" e.f=2 g="1e-131" h=9.8e+125`),
		item(time.Minute, 3, 7*time.Millisecond, `a=-1.5 b=true c="\x01 \"x\"" d=""`),
		item(time.Second, 5, 9*time.Millisecond, `a=0.1`),
	}
	for range 2 { // the second time is a replay
		if failed := invoke(t, p.processor, event, quick); failed != "" {
			t.Fatalf("failed from %s", failed)
		}
		if diff := cmp.Diff(want, lastHour(t, p.table, "sensor-42", now)); diff != "" {
			t.Errorf("readings (-want +got):\n%s", diff)
		}
	}
}

// lastHour returns the readings of a device in the hour before now, in the order of the table.
func lastHour(t *testing.T, table *dynamodb.Client, thing string, now time.Time) []map[string]string {
	t.Helper()
	const layout = "2006-01-02T15:04:05.000Z"
	out, err := table.Query(t.Context(), &dynamodb.QueryInput{
		TableName:                aws.String("greenhouse-readings"),
		KeyConditionExpression:   aws.String("device_id = :device AND #at >= :since"),
		ExpressionAttributeNames: map[string]string{"#at": "at"}, // a reserved word
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":device": &types.AttributeValueMemberS{Value: thing},
			":since":  &types.AttributeValueMemberS{Value: now.Add(-time.Hour).UTC().Format(layout)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]string
	for _, item := range out.Items {
		flat := map[string]string{}
		for name, value := range item {
			flat[name] = describe(value)
		}
		flat["at"] = withoutHash(flat["at"])
		list = append(list, flat)
	}
	return list
}

// TestKeysSortInTheOrderOfTheStream if the arrival is the time, with sequence numbers as Kinesis makes them, and shorter
// ones.
func TestKeysSortInTheOrderOfTheStream(t *testing.T) {
	p, aws := start(t, onlyRecent)
	var records []lambdatest.Record
	var want []string
	for i := range 30 {
		sequence := fmt.Sprintf("4959033827149025660855969253836157109592157598913%07d", i)
		if i < 10 {
			sequence = fmt.Sprint(i + 1)
		}
		records = append(records, lambdatest.Record{Thing: "soil-001", Sequence: sequence, After: time.Millisecond,
			Payload: fmt.Sprintf(`{"data":{"v":%d}}`, i)})
		want = append(want, "soil-001 "+lambdatest.Start.Add(time.Millisecond).UTC().Format(keyLayout)+
			strings.Repeat("0", 56-len(sequence))+sequence)
	}
	invoke(t, p, lambdatest.Event(records...), quick)
	if diff := cmp.Diff(want, aws.Items()); diff != "" { // Items are sorted by their keys
		t.Error(diff)
	}
}
