package stream

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

func TestParseFirehoseReadsWhatTheEventsPackageReads(t *testing.T) {
	for _, c := range []struct {
		why   string
		event []byte
	}{
		{"a fleet", lambdatest.FirehoseEvent(lambdatest.FleetRecords(1000, 7)...)},
		{"no record", lambdatest.FirehoseEvent()},
		{"an empty payload and one that is not text", lambdatest.FirehoseEvent(lambdatest.Record{Thing: "a"},
			lambdatest.Record{Thing: "b", Payload: "\x00\xff"})},
		{"members in another order, and some that are new",
			[]byte(`{"x":[{}],"records":[{"kinesisRecordMetadata":{"new":{"a":[1]},"sequenceNumber":"9",` +
				`"approximateArrivalTimestamp":1545084650987,"partitionKey":"a"},"data":"e30=","recordId":"\u0031","z":1}]}`)},
	} {
		var want events.KinesisFirehoseEvent
		if err := json.Unmarshal(c.event, &want); err != nil {
			t.Fatalf("%s: %v", c.why, err)
		}
		got, err := ParseFirehose(c.event)
		if err != nil {
			t.Errorf("%s: %v", c.why, err)
			continue
		}
		if len(got) != len(want.Records) {
			t.Errorf("%s: %d records, want %d", c.why, len(got), len(want.Records))
			continue
		}
		for i, r := range want.Records {
			k := r.KinesisFirehoseRecordMetadata
			expect := Delivery{ID: r.RecordID, Record: Record{PartitionKey: k.PartitionKey,
				SequenceNumber: k.SequenceNumber, Data: string(r.Data),
				ArrivalMillis: k.ApproximateArrivalTimestamp.UnixMilli()}}
			if diff := cmp.Diff(expect, got[i]); diff != "" {
				t.Fatalf("%s: record %d (-want +got):\n%s", c.why, i, diff)
			}
		}
	}
}

// TestTheExampleOfAWSsPages: there, the metadata's arrival is text and the subsequence number empty.
func TestTheExampleOfAWSsPages(t *testing.T) {
	got, err := ParseFirehose([]byte(`{"invocationId":"invoked123","deliveryStreamArn":"aws:lambda:events",
		"region":"us-west-2","records":[{"data":"SGVsbG8gV29ybGQ=","recordId":"record1",
		"approximateArrivalTimestamp":1510772160000,"kinesisRecordMetadata":{"shardId":"shardId-000000000000",
		"partitionKey":"4d1ad2b9","approximateArrivalTimestamp":"2012-04-23T18:25:43.511Z",
		"sequenceNumber":"4954","subsequenceNumber":""}}, {"recordId":"record2","data":"%"}]}`))
	want := []Delivery{
		{ID: "record1", Record: Record{PartitionKey: "4d1ad2b9", SequenceNumber: "4954", ArrivalMillis: 1510772160000,
			Data: "Hello World"}},
		{ID: "record2", Record: Record{Data: "%", Damaged: true}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestParseFirehoseRefuses(t *testing.T) {
	for _, c := range []struct{ event, want, why string }{
		{``, "no '{' here", "nothing"},
		{`{"records":[]} {}`, "text after the value", "two events"},
		{`{"Records":[]}`, "no records", "an event of Kinesis"},
		{`{"records":{}}`, "no '[' here", "records of another shape"},
		{`{"records":[{"data":"e30="}]}`, "record 0 has no recordId", "a record that could not be answered"},
		{`{"records":[{"recordId":"1","approximateArrivalTimestamp":1e99}]}`, "out of range", "an absurd time"},
	} {
		if _, err := ParseFirehose([]byte(c.event)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.why, err, c.want)
		}
	}
}

func FuzzParseFirehose(f *testing.F) {
	f.Add(lambdatest.FirehoseEvent(lambdatest.FleetRecords(2, 2)...))
	f.Add([]byte(`{"records":[{"recordId":"1","data":"!","approximateArrivalTimestamp":-1.5}]}`))
	f.Fuzz(func(t *testing.T, event []byte) {
		records, err := ParseFirehose(event)
		if err != nil {
			return
		}
		if !json.Valid(event) {
			t.Fatalf("%q is not JSON", event)
		}
		for _, r := range records {
			if r.ID == "" {
				t.Fatalf("%q: a record without an ID", event)
			}
		}
	})
}
