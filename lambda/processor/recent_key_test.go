package processor

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/stream"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// resent is the same messages as a device sends them that has missed the acknowledgements: they arrive later, with other
// sequence numbers.
func resent(records []lambdatest.Record, times int) []lambdatest.Record {
	out := slices.Clone(records)
	for i := range out {
		out[i].Sequence = fmt.Sprintf("%056d", 1000*times+i)
		out[i].After += time.Duration(times) * time.Second
	}
	return out
}

// TestAMessageThatComesAgainIsTheSameItem in one batch, in the next one, in another instance, in a queue, and however the
// device orders its measures.
func TestAMessageThatComesAgainIsTheSameItem(t *testing.T) {
	then := lambdatest.Start.Add(-time.Hour)
	other := then.Add(time.Minute)
	sent := []lambdatest.Record{
		{Thing: "soil-001", Payload: fmt.Sprintf(`{"timestamp":%d,"data":{"t":21.50,"on":true,"mode":"eco"}}`,
			then.UnixMilli())},
		{Thing: "soil-001", Payload: fmt.Sprintf(`[{"timestamp":%d,"t":1},{"timestamp":%d,"t":2}]`, other.UnixMilli(),
			other.UnixMilli())},
	}
	turned := []lambdatest.Record{{Thing: "soil-001", Sequence: "77", Payload: fmt.Sprintf(
		`{"data":{"mode":"eco","on":true,"t":21.50},"timestamp":%q}`, then.UTC().Format(time.RFC3339Nano))}}
	want := []string{"soil-001 " + own(then), "soil-001 " + own(other), "soil-001 " + own(other.Add(time.Millisecond))}

	p, aws := start(t, onlyRecent)
	inOne := slices.Concat(resent(sent, 1), resent(sent, 2), turned)
	invoke(t, p, lambdatest.Event(inOne...), quick)
	if diff := cmp.Diff(want, itemKeys(aws)); diff != "" {
		t.Errorf("in one batch (-want +got):\n%s", diff)
	}
	if calls := aws.Calls(batchWriteItem); len(calls) != 1 || strings.Count(string(calls[0].Body), "PutRequest") != 3 {
		t.Errorf("%d calls of 7 readings, 3 of them different", len(calls))
	}
	invoke(t, p, lambdatest.Event(resent(sent, 3)...), quick)
	if failed := returnedMessages(t, p, lambdatest.QueueEvent(resent(sent, 4)...)); failed != nil {
		t.Errorf("returned %v", failed)
	}
	replacement, err := newProcessor(aws.Getenv(onlyRecent), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	invoke(t, replacement, lambdatest.Event(resent(sent, 5)...), quick)
	if diff := cmp.Diff(want, itemKeys(aws)); diff != "" {
		t.Errorf("in the end (-want +got):\n%s", diff)
	}
}

// TestDifferentReadingsOfOneMillisecondAreItems: nothing that a reading can differ in is left out of its key.
func TestDifferentReadingsOfOneMillisecondAreItems(t *testing.T) {
	p, aws := start(t, onlyRecent)
	then := lambdatest.Start.Add(-time.Minute)
	var records []lambdatest.Record
	for _, data := range []string{`{"a":1}`, `{"a":2}`, `{"a":"1"}`, `{"a":true}`, `{"a":"true"}`, `{"b":1}`, `{"a":1,"b":1}`,
		`{"ab":"c"}`, `{"a":"bc"}`, `{"a":""}`, `{"a":"","b":""}`, `{"a":"b","c":"d"}`, `{"a":"d","c":"b"}`} {
		for _, micros := range []int64{0, 1, 999} {
			records = append(records, lambdatest.Record{Thing: "soil-001", After: time.Millisecond,
				Payload: fmt.Sprintf(`{"timestamp":%d,"data":%s}`, then.UnixMicro()+micros, data)})
		}
	}
	// The device is part of the key, and readings of two devices are never one.
	records = append(records, lambdatest.Record{Thing: "soil-002", Payload: records[0].Payload})
	invoke(t, p, lambdatest.Event(records...), quick)
	if items := len(aws.Items()); items != len(records) {
		t.Errorf("%d items of %d different readings", items, len(records))
	}
	for _, key := range itemKeys(aws) {
		if _, at, _ := strings.Cut(key, " "); at != own(then) {
			t.Errorf("a key %s", key)
		}
	}
}

// TestWithoutATimeOfItsOwnEachMessageIsAnItem: nothing tells a message that comes again from one with equal measures.
func TestWithoutATimeOfItsOwnEachMessageIsAnItem(t *testing.T) {
	p, aws := start(t, onlyRecent)
	future := lambdatest.Start.Add(time.Hour).UnixMilli()
	for _, payload := range []string{`{"t":1}`, fmt.Sprintf(`{"timestamp":%d,"data":{"t":1}}`, future),
		`{"timestamp":1000,"data":{"t":1}}`} {
		sent := []lambdatest.Record{{Thing: "soil-001", Payload: payload}}
		before := len(aws.Items())
		invoke(t, p, lambdatest.Event(slices.Concat(resent(sent, before+1), resent(sent, before+2))...), quick)
		if got := len(aws.Items()) - before; got != 2 {
			t.Errorf("%s: %d items of two messages", payload, got)
		}
	}
}

// TestAReadingThatFailsIsNotLostToItsRepetition: if the only item of two equal messages cannot be written, the first of
// them comes back, and is stored then.
func TestAReadingThatFailsIsNotLostToItsRepetition(t *testing.T) {
	sent := []lambdatest.Record{{Thing: "soil-001", Payload: fmt.Sprintf(`{"timestamp":%d,"data":{"t":1}}`,
		lambdatest.Start.UnixMilli()-1)}}
	records := slices.Concat(resent(sent, 1), resent(sent, 2))
	for kind, event := range map[string]func(...lambdatest.Record) []byte{
		"stream": lambdatest.Event, "queue": lambdatest.QueueEvent,
	} {
		p, aws := start(t, onlyRecent)
		aws.Misbehave(only(batchWriteItem, 1, lambdatest.Denied))
		var failed []string
		if kind == "queue" {
			failed = returnedMessages(t, p, event(records...))
		} else if from := invoke(t, p, event(records...), quick); from != "" {
			failed = append(failed, from)
		}
		if len(failed) != 1 || !strings.HasSuffix(failed[0], records[0].Sequence) {
			t.Errorf("%s: returned %v, want the first", kind, failed)
		}
		if kind == "queue" {
			if failed := returnedMessages(t, p, event(records[0])); failed != nil {
				t.Errorf("returned %v", failed)
			}
		} else if from := invoke(t, p, event(records...), quick); from != "" {
			t.Errorf("failed from %s", from)
		}
		if items := aws.Items(); len(items) != 1 {
			t.Errorf("%s: items %v", kind, items)
		}
	}
}

// identityOf is the identity of one reading.
func identityOf(m telemetry.Reading, sequence string) identity {
	b := &batch{records: []stream.Record{{PartitionKey: "soil-001", SequenceNumber: sequence}},
		readings: []reading{{Reading: m}}}
	return new(identifier).of(b, 0)
}

// TestIdentitiesStay: tables hold keys that earlier versions have written.
func TestIdentitiesStay(t *testing.T) {
	m := telemetry.Reading{Time: time.Date(2026, 1, 1, 12, 0, 0, 250_001_000, time.UTC), HasTime: true,
		Measures: []telemetry.Measure{{Name: "t", Text: "21.5"}, {Name: "on", Text: "true", Kind: telemetry.Bool},
			{Name: "mode", Text: "eco", Kind: telemetry.String}}}
	const want = "aed6fbdae965dcb00ff423f34304d4a9"
	if got := fmt.Sprintf("%x", identityOf(m, "1")); got != want {
		t.Errorf("identity %s, want %s", got, want)
	}
	if identityOf(m, "1") != identityOf(m, "2") {
		t.Error("the sequence number is in the identity of a reading with its own time")
	}
	m.HasTime = false
	if identityOf(m, "1") == identityOf(m, "2") {
		t.Error("the sequence number is not in the identity of a reading without its own time")
	}
}

// TestIdentitiesAreThoseOfSets: of random readings, any order of measures gives the same identity, and any other change
// another one.
func TestIdentitiesAreThoseOfSets(t *testing.T) {
	random := rand.New(rand.NewPCG(15, 1))
	seen := map[identity]string{}
	for range 2000 {
		m := telemetry.Reading{Time: lambdatest.Start, HasTime: true}
		for i := range 1 + random.IntN(40) {
			m.Measures = append(m.Measures, telemetry.Measure{Name: fmt.Sprintf("%c%d", 'a'+random.IntN(3), i),
				Text: fmt.Sprint(random.IntN(3)), Kind: telemetry.Kind(random.IntN(3))})
		}
		id := identityOf(m, "")
		random.Shuffle(len(m.Measures), func(i, j int) { m.Measures[i], m.Measures[j] = m.Measures[j], m.Measures[i] })
		if identityOf(m, "") != id {
			t.Fatalf("another order has another identity: %+v", m.Measures)
		}
		slices.SortFunc(m.Measures, func(a, b telemetry.Measure) int { return strings.Compare(a.Name, b.Name) })
		text := fmt.Sprintf("%+v", m.Measures)
		if before, ok := seen[id]; ok && before != text {
			t.Fatalf("%s has the identity of %s", text, before)
		}
		seen[id] = text
	}
}

// TestIdentitiesTakeNoMemory beyond that of the first reading.
func TestIdentitiesTakeNoMemory(t *testing.T) {
	records, err := stream.Parse(lambdatest.Fleet(1, 1))
	if err != nil {
		t.Fatal(err)
	}
	b := newBatch(records, lambdatest.Start)
	decoder, err := telemetry.New(telemetry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := run{decode: decoder.Append}
	if err := r.read(&records[0], 0); err != nil {
		t.Fatal(err)
	}
	b.readings = r.readings
	var d identifier
	if n := testing.AllocsPerRun(100, func() {
		d.begin(1)
		d.first(d.of(b, 0))
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestTablesOfEarlierVersions hold keys with sequence numbers beside the new ones: queries sort both by time.
func TestTablesOfEarlierVersions(t *testing.T) {
	p := motoPipeline(t, withRecent)
	now := lambdatest.Start
	payload := fmt.Sprintf(`{"timestamp":%d,"data":{"v":2}}`, now.Add(-time.Minute).UnixMilli())
	for minutes, v := range map[int]string{3: "1", 1: "3"} {
		before := time.Duration(minutes)*time.Minute - 30*time.Second // 150 s and 30 s
		if _, err := p.table.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("greenhouse-readings"),
			Item: map[string]types.AttributeValue{"device_id": textValue("sensor-42"),
				"at": textValue(key(now.Add(-before), minutes)), "measures": textValue(v)}}); err != nil {
			t.Fatal(err)
		}
	}
	invoke(t, p.processor, lambdatest.Event(lambdatest.Record{Thing: "sensor-42", Payload: payload}), quick)
	var got []string
	for _, item := range lastHour(t, p.table, "sensor-42", now) {
		got = append(got, item["measures"])
	}
	if diff := cmp.Diff([]string{`"1"`, "v=2", `"3"`}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
