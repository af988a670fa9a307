package stream

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

func TestParseReadsWhatTheEventsPackageReads(t *testing.T) {
	for _, c := range []struct {
		why   string
		event []byte
	}{
		{"a fleet", lambdatest.Fleet(1000, 7)},
		{"no record", lambdatest.Event()},
		{"an empty payload and one that is not text",
			lambdatest.Event(lambdatest.Record{Thing: "a"}, lambdatest.Record{Thing: "b", Payload: "\x00\xff"})},
		{"escapes in the key and the data",
			[]byte(`{"Records":[{"kinesis":{"partitionKey":"d\u00e9v","sequenceNumber":"1","data":"\u0065yJ0Ijox\/Q==","approximateArrivalTimestamp":1545084650.987}}]}`)},
		{"members in another order, and some that are new",
			[]byte(`{"x":[{}],"Records":[{"eventID":"y","kinesis":{"new":{"a":[1]},"approximateArrivalTimestamp":1545084650,"data":"e30=","sequenceNumber":"9","partitionKey":"a"},"z":null}],"window":{"start":"s"}}`)},
		{"an arrival time without a fraction, and one with an exponent",
			[]byte(`{"Records":[{"kinesis":{"sequenceNumber":"1","approximateArrivalTimestamp":1545084650}},{"kinesis":{"sequenceNumber":"2","approximateArrivalTimestamp":1.545084650987E9}}]}`)},
	} {
		var want events.KinesisEvent
		if err := json.Unmarshal(c.event, &want); err != nil {
			t.Fatalf("%s: %v", c.why, err)
		}
		got, err := Parse(c.event)
		if err != nil {
			t.Errorf("%s: %v", c.why, err)
			continue
		}
		if len(got) != len(want.Records) {
			t.Errorf("%s: %d records, want %d", c.why, len(got), len(want.Records))
			continue
		}
		for i := range got {
			k := want.Records[i].Kinesis
			expect := Record{PartitionKey: k.PartitionKey, SequenceNumber: k.SequenceNumber, Data: string(k.Data),
				ArrivalMillis: k.ApproximateArrivalTimestamp.Round(1e6).UnixMilli()}
			if diff := cmp.Diff(expect, got[i]); diff != "" {
				t.Fatalf("%s: record %d (-want +got):\n%s", c.why, i, diff)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ event, want, why string }{
		{``, "no '{' here", "nothing"},
		{`{"Records":[]} {}`, "text after the value", "two events"},
		{`{"records":[]}`, "no Records", "another event"},
		{`{"Records":{}}`, "no '[' here", "records of another shape"},
		{`{"Records":[{"kinesis":{"sequenceNumber":1}}]}`, "no string here", "a sequence number that is a number"},
		{`{"Records":[{"kinesis":{}}]}`, "record 0 has no sequence number", "a record that could not be reported"},
		{`{"Records":[{"kinesis":{"sequenceNumber":"1","approximateArrivalTimestamp":1e99}}]}`,
			"arrival time is out of range", "an absurd time"},
	} {
		if _, err := Parse([]byte(c.event)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.why, err, c.want)
		}
	}
}

func TestDamagedDataIsMarked(t *testing.T) {
	got, err := Parse(
		[]byte(
			`{"Records":[{"kinesis":{"sequenceNumber":"1","data":"%%%"}},{"kinesis":{"sequenceNumber":"2","data":"e30="}},{"kinesis":{"sequenceNumber":"3","data":"e3"}}]}`,
		),
	)
	if err != nil {
		t.Fatal(err)
	}
	want := []Record{
		{SequenceNumber: "1", Data: "%%%", Damaged: true},
		{SequenceNumber: "2", Data: "{}"},
		{SequenceNumber: "3", Data: "e3", Damaged: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseAllocatesTwiceForAnyBatch(t *testing.T) {
	event := lambdatest.Fleet(1000, 50)
	if n := testing.AllocsPerRun(20, func() {
		if _, err := Parse(event); err != nil {
			t.Fatal(err)
		}
	}); n > 8 {
		t.Errorf("%v allocations for 1000 records", n)
	}
}

func TestResponses(t *testing.T) {
	for answer, want := range map[string]events.KinesisEventResponse{
		string(Done()):           {BatchItemFailures: []events.KinesisBatchItemFailure{}},
		string(FailedFrom("49")): {BatchItemFailures: []events.KinesisBatchItemFailure{{ItemIdentifier: "49"}}},
	} {
		var got events.KinesisEventResponse
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", answer, diff)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(lambdatest.Fleet(2, 2))
	f.Add([]byte(`{"Records":[{"kinesis":{"sequenceNumber":"1","data":"!","approximateArrivalTimestamp":-1.5}}]}`))
	f.Fuzz(func(t *testing.T, event []byte) {
		records, err := Parse(event)
		if err != nil {
			return
		}
		if !json.Valid(event) {
			t.Fatalf("%q is not JSON", event)
		}
		for _, r := range records {
			if r.SequenceNumber == "" {
				t.Fatalf("%q: a record without a sequence number", event)
			}
			if _, err := base64.StdEncoding.DecodeString(r.Data); r.Damaged && err == nil {
				t.Fatalf("%q: %q is base64", event, r.Data)
			}
		}
	})
}
