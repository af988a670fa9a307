package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// Of 10,000 devices, 3,000 fall silent in the same minute: one notice, one write for each of them, and a fixed number
// of other requests. docs/testing.md has the numbers.
func TestManyOfALargeFleetFallSilent(t *testing.T) {
	const fleet, silent = 10_000, 3_000
	f := newFixture(t, nil)
	f.fill(fleet, silent)
	count := func() map[string]int {
		calls := map[string]int{}
		for _, c := range f.aws.Calls("") {
			calls[c.Action]++
		}
		return calls
	}
	start := time.Now()
	if err := f.runOn(f.handler, f.clock, 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	first := count()
	t.Logf("the run took %s with moto; requests %v", time.Since(start).Round(time.Millisecond), first)
	f.wantTold("3,000 devices", fmt.Sprintf("alert : %d devices have sent nothing for too long", silent))
	// Besides the marks: the lease, what is pending, and the end. A busy machine may repeat some.
	if got := first[updateItem]; got < silent+3 || got > silent+silent/10 {
		t.Errorf("%d writes, want %d", got, silent+3)
	}
	if first[publish] != 1 {
		t.Errorf("%d notices, want 1", first[publish])
	}
	f.minute()
	f.mustRun()
	second := count()
	for action, n := range first {
		second[action] -= n
	}
	t.Logf("the run after it: requests %v", second)
	// Two writes, the limits, and the queries of returned and of online devices.
	if second[updateItem] > 4 || second[getItem] > 2 || second[queryIndex] > 4 || second[publish] != 0 {
		t.Errorf("a run with nothing to do sends %v", second)
	}
}

// fill writes devices that are online, of which some have been silent for too long.
func (f *fixture) fill(fleet, silent int) {
	f.t.Helper()
	var requests []types.WriteRequest
	for i := range fleet {
		seen := f.clock
		if i < silent {
			seen = f.clock.Add(-10*time.Minute - time.Second)
		}
		requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: values{
			contract.DeviceKey: text(fmt.Sprintf("soil-%05d", i)), contract.StatusAttribute: text(contract.StatusOnline),
			contract.LastSeenAttribute: millis(seen),
		}}})
	}
	for chunk := range slices.Chunk(requests, 25) {
		if _, err := f.db.BatchWriteItem(f.t.Context(),
			&dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: chunk}}); err != nil {
			f.t.Fatal(err)
		}
	}
}
