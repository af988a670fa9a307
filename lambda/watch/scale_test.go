package watch

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// Of 10,000 devices, 3,000 fall silent in the same minute, half of them online and half with a connection that ended;
// 1,000 others said that they go offline. One notice, one write for each, and a fixed number of other requests, although
// the schedule fires twice. docs/testing.md has the numbers.
func TestManyOfALargeFleetFallSilent(t *testing.T) {
	const fleet, silent = 10_000, 3_000
	f := newFixture(t, nil)
	f.fill(fleet, silent, 0)
	count := func() map[string]int {
		calls := map[string]int{}
		for _, c := range f.aws.Calls("") {
			calls[c.Action]++
		}
		return calls
	}
	start := time.Now()
	twice := errgroup.Group{}
	for _, h := range []*handler{f.handler, f.start(nil)} {
		f.last++
		id := fmt.Sprintf("request-%d", f.last)
		twice.Go(func() error { return f.invoke(h, id, f.clock, 5*time.Minute) })
	}
	if err := twice.Wait(); err != nil {
		t.Fatal(err)
	}
	first := count()
	t.Logf("the run took %s with moto; requests %v", time.Since(start).Round(time.Millisecond), first)
	f.wantTold("3,000 devices", fmt.Sprintf("alert : %d devices have sent nothing for too long", silent))
	// Besides the marks: the lease, twice, what is pending, and the end. A busy machine may repeat some.
	if got := first[updateItem]; got < silent+4 || got > silent+silent/10 {
		t.Errorf("%d writes, want %d", got, silent+4)
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
	// Two writes, the limits, and the queries of returned, online and offline devices.
	if second[updateItem] > 4 || second[getItem] > 2 || second[queryIndex] > 6 || second[publish] != 0 {
		t.Errorf("a run with nothing to do sends %v", second)
	}
	// A clock that is three hours ahead makes nobody silent, and after an hour without a run there is one notice.
	at := f.clock.Add(time.Minute)
	f.clock = at.Add(3 * time.Hour)
	if err := f.runOn(f.handler, at, time.Minute); err != nil {
		t.Fatal(err)
	}
	f.clock = at
	f.wantTold("a clock that is ahead")
	for i := range 40 {
		f.lost(fmt.Sprintf("soil-%05d", silent+i), 0, 0)
	}
	f.clock = at.Add(time.Hour)
	f.fill(fleet, 0, silent+40)
	f.mustRun()
	f.wantTold("an hour without a run", "alert : 40 devices have sent nothing for too long")
}

// fill writes devices from the first on that are online, of which some have been silent for too long. Of these, half are
// offline because their connection ended, and the last thousand said that they go offline an hour ago.
func (f *fixture) fill(fleet, silent, first int) {
	f.t.Helper()
	var requests []types.WriteRequest
	for i := first; i < fleet; i++ {
		seen, status := f.clock, contract.StatusOnline
		if i < silent {
			seen = f.clock.Add(-10*time.Minute - time.Second)
			status = []string{contract.StatusOnline, contract.StatusOffline}[i%2]
		}
		item := values{contract.DeviceKey: text(fmt.Sprintf("soil-%05d", i))}
		if i >= fleet-1000 {
			seen, status = f.clock.Add(-time.Hour), contract.StatusOffline
			item[contract.FarewellAttribute] = millis(seen)
		}
		item[contract.StatusAttribute], item[contract.LastSeenAttribute] = text(status), millis(seen)
		item[contract.SlotAttribute] = slotOf(millis(seen))
		requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
	}
	for chunk := range slices.Chunk(requests, 25) {
		if _, err := f.db.BatchWriteItem(f.t.Context(),
			&dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: chunk}}); err != nil {
			f.t.Fatal(err)
		}
	}
}
