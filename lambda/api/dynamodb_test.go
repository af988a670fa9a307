package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// unprocessed is DynamoDB's answer to a BatchGetItem call of which it does nothing.
func unprocessed(t *testing.T, c lambdatest.Call) *lambdatest.Fault {
	t.Helper()
	var in struct{ RequestItems json.RawMessage }
	if err := json.Unmarshal(c.Body, &in); err != nil {
		t.Fatal(err)
	}
	return &lambdatest.Fault{Status: http.StatusOK,
		Raw: fmt.Sprintf(`{"Responses":{},"UnprocessedKeys":%s}`, in.RequestItems)}
}

// What DynamoDB leaves out of a batch is asked for again, and for as long as it leaves everything out, it throttles.
func TestKeysThatAreNotProcessed(t *testing.T) {
	f := newFixture(t, nil)
	f.device("soil-001", contract.StatusOnline)
	for times, want := range map[int]int{1: http.StatusOK, 2: http.StatusOK, 100: http.StatusTooManyRequests} {
		left := times
		f.aws.Misbehave(func(c lambdatest.Call) *lambdatest.Fault {
			if c.Action != "dynamodb:BatchGetItem" || left == 0 {
				return nil
			}
			left--
			return unprocessed(t, c)
		})
		r := f.ask(request{method: http.MethodGet, path: "/v1/devices?status=online"})
		if want == http.StatusTooManyRequests {
			r.wantProblem(throttled)
		} else if got := answered[Devices](r, want); len(got.Devices) != 1 {
			t.Errorf("after %d times: %+v", times, got)
		}
	}
}

// conflictOf is DynamoDB's answer to one of two transactions that write the same item at the same time.
func conflictOf(c lambdatest.Call) *lambdatest.Fault {
	if c.Action != "dynamodb:TransactWriteItems" {
		return nil
	}
	return &lambdatest.Fault{Status: http.StatusBadRequest,
		Raw: `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"made for a test",` +
			`"CancellationReasons":[{"Code":"TransactionConflict"},{"Code":"None"}]}`}
}

// Two requests with one key at the same time: the second waits a little, and then asks its caller to.
func TestTwoRequestsWithOneKeyAtOnce(t *testing.T) {
	f := newFixture(t, nil)
	f.device("soil-001", contract.StatusOnline)
	left := 2
	f.aws.Misbehave(func(c lambdatest.Call) *lambdatest.Fault {
		if left == 0 {
			return nil
		}
		fault := conflictOf(c)
		if fault != nil {
			left--
		}
		return fault
	})
	answered[Command](f.send("order-7", "{}"), http.StatusAccepted)
	f.aws.Misbehave(conflictOf)
	f.send("order-8", "{}").wantProblem(throttled)
	if n := len(f.moto.Published(t)); n != 1 {
		t.Errorf("%d messages", n)
	}
}
