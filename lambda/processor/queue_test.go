package processor

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// returnedMessages hands the processor messages of a queue and gives the names of those that it leaves there.
func returnedMessages(t *testing.T, p *processor, event []byte) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), quick)
	defer cancel()
	answer, err := p.Invoke(ctx, event)
	if err != nil {
		t.Fatal(err)
	}
	var response struct {
		BatchItemFailures *[]struct{ ItemIdentifier string }
	}
	if err := json.Unmarshal(answer, &response); err != nil || response.BatchItemFailures == nil {
		t.Fatalf("answer %s: %v", answer, err)
	}
	var names []string
	for _, f := range *response.BatchItemFailures {
		names = append(names, f.ItemIdentifier)
	}
	return names
}

// TestAQueueStoresWhatAStreamStores: the same messages, with one that is not JSON, give the same rows and dead letters.
func TestAQueueStoresWhatAStreamStores(t *testing.T) {
	records := lambdatest.FleetRecords(60, 7)
	records[10].Payload, records[20].Thing = "poison", "$rules"
	records[30].Payload = lambdatest.Status(records[30].Thing, "online", lambdatest.Start)
	type outcome struct {
		Rows    map[string]lambdatest.Stored
		Letters []map[string]any
	}
	outcomeOf := func(event []byte) outcome {
		p, aws := start(t, nil)
		if failed := returnedMessages(t, p, event); failed != nil {
			t.Errorf("returned %v", failed)
		}
		letters := aws.Letters(t)
		slices.SortFunc(letters, func(a, b map[string]any) int {
			return strings.Compare(fmt.Sprint(a["sequence_number"]), fmt.Sprint(b["sequence_number"]))
		})
		return outcome{aws.Records(), letters}
	}
	stream, queue := outcomeOf(lambdatest.Event(records...)), outcomeOf(lambdatest.QueueEvent(records...))
	if len(stream.Rows) == 0 || len(stream.Letters) != 2 {
		t.Fatalf("%d rows, letters %v", len(stream.Rows), stream.Letters)
	}
	if diff := cmp.Diff(stream, queue); diff != "" {
		t.Errorf("(-stream +queue):\n%s", diff)
	}
}

// TestAQueueGetsBackWhatFailed: only the messages that failed, wherever they are in the batch. The letter of one that is
// rejected is sent although another failed before it.
func TestAQueueGetsBackWhatFailed(t *testing.T) {
	p, aws := start(t, map[string]string{"IOT_TIMESTREAM_DATABASE": "", "IOT_TIMESTREAM_TABLE": ""})
	aws.Misbehave(about(updateItem, "soil-002", &lambdatest.Fault{Status: 400, Code: "AccessDeniedException"}))
	failed := returnedMessages(t, p, lambdatest.QueueEvent(
		lambdatest.Record{Thing: "soil-001", Payload: `{"t":1}`}, lambdatest.Record{Thing: "soil-002", Payload: `{"t":2}`},
		lambdatest.Record{Thing: "soil-003", Payload: "poison"}, lambdatest.Record{Thing: "soil-004", Payload: `{"t":4}`}))
	if diff := cmp.Diff([]string{"m-2"}, failed); diff != "" {
		t.Errorf("returned (-want +got):\n%s", diff)
	}
	if got := letters(t, aws); !maps.Equal(got, map[string]string{"3": "not_json"}) {
		t.Errorf("letters %v", got)
	}
}

func TestAQueueGetsBackEverythingAfterTheDeadline(t *testing.T) {
	p, _ := start(t, nil)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	answer, err := p.Invoke(ctx, lambdatest.QueueEvent(lambdatest.FleetRecords(3, 3)...))
	if err != nil || strings.Count(string(answer), "itemIdentifier") != 3 {
		t.Errorf("%s, %v", answer, err)
	}
}

// TestShuffledBatchesGiveTheSameStores: a standard queue keeps no order and delivers twice. Whatever the order and the
// batches, the tables end up as those of the stream, in its order.
func TestShuffledBatchesGiveTheSameStores(t *testing.T) {
	records := backlog()
	ordered := motoPipeline(t, recentTable())
	if failed := invoke(t, ordered.processor, lambdatest.Event(records...), quick); failed != "" {
		t.Fatalf("failed from %s", failed)
	}
	want := ordered.tables(t)
	if len(want) < 30 { // an item for each reading, and each device
		t.Fatalf("only %d items", len(want))
	}
	random := rand.New(rand.NewPCG(7, 11))
	for round := range 4 {
		p := motoPipeline(t, recentTable())
		twice := slices.Concat(records, records[:len(records)/2])
		random.Shuffle(len(twice), func(i, j int) { twice[i], twice[j] = twice[j], twice[i] })
		for len(twice) > 0 {
			n := min(len(twice), 1+random.IntN(9))
			if failed := returnedMessages(t, p.processor, lambdatest.QueueEvent(twice[:n]...)); failed != nil {
				t.Fatalf("returned %v", failed)
			}
			twice = twice[n:]
		}
		if diff := cmp.Diff(want, p.tables(t)); diff != "" {
			t.Errorf("round %d (-stream +queue):\n%s", round, diff)
		}
	}
}

// TestShuffledBatchesRaiseTheSameAlerts: the alerts function gets the same events from a queue as from the stream, and of
// a message that comes twice the same event twice.
func TestShuffledBatchesRaiseTheSameAlerts(t *testing.T) {
	records := backlog()
	for i := range records {
		if i%4 == 0 {
			records[i].Payload = fmt.Sprintf(`{"data":{"v":%d}}`, i%12)
		}
	}
	records[9].Payload = "not JSON"
	ordered, calls := watching(t, statement)
	invoke(t, ordered.processor, lambdatest.Event(records...), quick)
	want := alertEvents(calls)
	if len(want) < 3 || len(want) > len(records)/2 {
		t.Fatalf("%d events of %d messages", len(want), len(records))
	}
	random := rand.New(rand.NewPCG(3, 5))
	for round := range 4 {
		p, calls := watching(t, statement)
		twice := slices.Concat(records, records)
		random.Shuffle(len(twice), func(i, j int) { twice[i], twice[j] = twice[j], twice[i] })
		for batch := range slices.Chunk(twice, 1+random.IntN(10)) {
			if failed := returnedMessages(t, p.processor, lambdatest.QueueEvent(batch...)); failed != nil {
				t.Fatalf("returned %v", failed)
			}
		}
		got := alertEvents(calls)
		for event, times := range got {
			if times == 2 {
				got[event] = 1
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("round %d (-stream +queue):\n%s", round, diff)
		}
	}
}

// alertEvents counts the events that reached the alerts function.
func alertEvents(calls *lambdatest.AWS) map[string]int {
	events := map[string]int{}
	for _, call := range calls.Calls(invokeFunction) {
		events[string(call.Body)]++
	}
	return events
}

func recentTable() map[string]string {
	return map[string]string{"IOT_READINGS_TABLE": "greenhouse-readings", "IOT_READINGS_HOURS": "48"}
}

// backlog is what three devices say: telemetry with the device's time, which is not the order of arrival, telemetry
// without one, and what they say of their status.
func backlog() []lambdatest.Record {
	var records []lambdatest.Record
	for i := range 36 {
		r := lambdatest.Record{Thing: fmt.Sprintf("soil-%03d", i%3), Sequence: fmt.Sprintf("%056d", i+1),
			After: time.Duration(i+1) * time.Millisecond}
		switch {
		case i%7 == 3:
			r.Payload = lambdatest.Status(r.Thing, []string{"online", "offline"}[i%2], lambdatest.Start.Add(r.After))
		case i%3 == 0:
			r.Payload = fmt.Sprintf(`{"t":%d}`, i)
		default:
			r.Payload = fmt.Sprintf(`{"timestamp":%d,"data":{"t":%d}}`, lambdatest.Start.UnixMilli()-int64((i*37)%101)*1000-int64(i), i)
		}
		records = append(records, r)
	}
	return records
}

// tables are all items of both tables. A farewell that is older than the last message has no meaning.
func (p pipeline) tables(t *testing.T) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	for _, table := range []string{"greenhouse", "greenhouse-readings"} {
		pages := dynamodb.NewScanPaginator(p.table, &dynamodb.ScanInput{TableName: aws.String(table)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range page.Items {
				flat := map[string]string{}
				for name, value := range item {
					flat[name] = describe(value)
				}
				if number(item["farewell_at"]) < number(item[contract.LastSeenAttribute]) {
					delete(flat, "farewell_at")
				}
				all[table+"/"+flat[contract.DeviceKey]+"/"+flat[contract.ReadingKey]] = flat
			}
		}
	}
	return all
}
