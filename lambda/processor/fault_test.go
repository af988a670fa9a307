package processor

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// fleet is ten records of five devices: sequence numbers 1 to 10, device soil-00N has N+1 and N+6.
func fleet() []byte {
	records := make([]lambdatest.Record, 10)
	for i := range records {
		records[i] = lambdatest.Record{Thing: fmt.Sprintf("soil-00%d", i%5), Payload: fmt.Sprintf(`{"v":%d}`, i)}
	}
	return lambdatest.Event(records...)
}

// poisoned is fleet with records 4 and 8 that are not JSON.
func poisoned() []byte {
	records := make([]lambdatest.Record, 10)
	for i := range records {
		records[i] = lambdatest.Record{Thing: fmt.Sprintf("soil-00%d", i%5), Payload: fmt.Sprintf(`{"v":%d}`, i)}
	}
	records[3].Payload, records[7].Payload = "broken", "broken"
	return lambdatest.Event(records...)
}

// only applies a fault to the calls of an action, the first n of them; n 0 means all.
func only(action string, n int, fault *lambdatest.Fault) func(lambdatest.Call) *lambdatest.Fault {
	return func(c lambdatest.Call) *lambdatest.Fault {
		if c.Action == action && (n == 0 || c.Attempt <= n) {
			return fault
		}
		return nil
	}
}

// about applies a fault to the calls of an action whose body has a text in it.
func about(action, text string, fault *lambdatest.Fault) func(lambdatest.Call) *lambdatest.Fault {
	return func(c lambdatest.Call) *lambdatest.Fault {
		if c.Action == action && bytes.Contains(c.Body, []byte(text)) {
			return fault
		}
		return nil
	}
}

const (
	writeRecords = "timestream:WriteRecords"
	updateItem   = "dynamodb:UpdateItem"
	sendMessage  = "sqs:SendMessage"
)

func TestFaults(t *testing.T) {
	// for faults that last longer than any invocation; the rest must be done within it on a busy machine
	const short = 2 * time.Second
	type want struct {
		failed  string            // the sequence number reported, "" for none
		letters map[string]string // sequence number to reason
		stored  int               // Timestream records
	}
	none := map[string]string{}
	both := map[string]string{"4": "not_json", "8": "not_json"}
	for _, c := range []struct {
		name  string
		event []byte
		left  time.Duration
		fault func(lambdatest.Call) *lambdatest.Fault
		want  want
	}{
		{"Timestream throttles twice", fleet(), quick, only(writeRecords, 2, lambdatest.Throttle), want{"", none, 10}},
		{"Timestream answers 500 twice", fleet(), quick, only(writeRecords, 2, lambdatest.Internal),
			want{"", none, 10}},
		{"Timestream closes the connection twice", fleet(), quick, only(writeRecords, 2, lambdatest.Closed),
			want{"", none, 10}},
		{"Timestream throttles permanently", fleet(), short, only(writeRecords, 0, lambdatest.Throttle),
			want{"1", none, 0}},
		{"Timestream never answers", fleet(), short, only(writeRecords, 0, lambdatest.Hung), want{"1", none, 0}},
		{"Timestream refuses the role", fleet(), quick, only(writeRecords, 0, lambdatest.Denied), want{"1", none, 0}},
		{"Timestream rejects two records", fleet(), quick,
			only(writeRecords, 1,
				lambdatest.Reject(`{"RecordIndex":0,"Reason":"outside the memory store"},{"RecordIndex":9,"Reason":"outside the memory store"}`)),
			want{"", map[string]string{"1": timestreamReason, "10": timestreamReason}, 0}},
		// the stand-in did not keep the others of a call that it was told to reject
		{"Timestream has a newer version", fleet(), quick,
			only(writeRecords, 1,
				lambdatest.Reject(fmt.Sprintf(`{"RecordIndex":0,"Reason":"newer","ExistingVersion":%d}`,
					(lambdatest.Start.UnixMilli()+5000)*versionsPerMilli))),
			want{"", none, 0}},
		{"Timestream has an equal version with other values", fleet(), quick,
			only(writeRecords, 1,
				lambdatest.Reject(fmt.Sprintf(`{"RecordIndex":0,"Reason":"equal","ExistingVersion":%d}`,
					lambdatest.Start.UnixMilli()*versionsPerMilli))),
			// the one that is sent again; the stand-in did not keep the others of a call it was told to reject
			want{"", none, 1}},
		{"Timestream's answer about a rejection makes no sense", fleet(), quick,
			only(writeRecords, 1, lambdatest.Reject(`{"RecordIndex":99,"Reason":"?"}`)), want{"1", none, 0}},
		{"Timestream refuses the call for one record", fleet(), quick,
			about(writeRecords, `"Value":"6"`, &lambdatest.Fault{Status: http.StatusBadRequest,
				Code: "ValidationException"}),
			want{"", map[string]string{"7": timestreamReason}, 9}},
		{"DynamoDB throttles twice", fleet(), quick, only(updateItem, 2, lambdatest.Throttle), want{"", none, 10}},
		{"DynamoDB closes the connection twice", fleet(), quick, only(updateItem, 2, lambdatest.Closed),
			want{"", none, 10}},
		{"DynamoDB throttles one device permanently", fleet(), short,
			about(updateItem, `"soil-003"`, lambdatest.Throttle), want{"9", none, 10}},
		{"DynamoDB never answers for one device", fleet(), short, about(updateItem, `"soil-001"`, lambdatest.Hung),
			want{"7", none, 10}},
		{"DynamoDB refuses the role", fleet(), quick, only(updateItem, 0, lambdatest.Denied), want{"6", none, 10}},
		{"DynamoDB refuses what a device sent", fleet(), quick,
			about(updateItem, `"soil-002"`, &lambdatest.Fault{Status: http.StatusBadRequest,
				Code: "ValidationException"}),
			want{"", map[string]string{"8": stateRejected}, 10}},
		{"poison among good records", poisoned(), quick, nil, want{"", both, 8}},
		{"poison while SQS throttles twice", poisoned(), quick, only(sendMessage, 2, lambdatest.Throttle),
			want{"", both, 8}},
		{"poison while SQS closes the connection once", poisoned(), quick, only(sendMessage, 1, lambdatest.Closed),
			want{"", both, 8}},
		{"poison while SQS refuses one letter", poisoned(), quick,
			about(sendMessage, `sequence_number\":\"8\"`, lambdatest.Denied),
			want{"8", map[string]string{"4": "not_json"}, 8}},
		{"poison while SQS is unavailable", poisoned(), short, only(sendMessage, 0, lambdatest.Internal),
			want{"4", none, 8}},
		{"poison after a record that failed waits for its next turn", poisoned(), short,
			about(updateItem, `"soil-000"`, lambdatest.Throttle),
			want{"6", map[string]string{"4": "not_json"}, 8}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, aws := start(t, nil)
			if c.fault != nil {
				aws.Misbehave(c.fault)
			}
			failed := invoke(t, p, c.event, c.left)
			got := want{failed, letters(t, aws), len(aws.Records())}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
