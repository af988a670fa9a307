package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/queue"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/rules"
)

// failing is a queue whose disk fails at times.
type failing struct {
	broken bool
	taken  []string
}

var errBroken = errors.New("input/output error")

func (f *failing) Write(r queue.Record) (uint64, error) {
	if f.broken {
		return 0, errBroken
	}
	f.taken = append(f.taken, strings.TrimPrefix(r.Topic, "gh/gw-1:")+" "+string(r.Payload))
	return uint64(len(f.taken)), nil
}

func (f *failing) Await(uint64) error { return nil }

// TestDiskFailsAtRules: a child sends again what the disk did not take, and a dead band or an alert then says nothing new.
// So the result waits for the disk, in order, within bounds.
func TestDiskFailsAtRules(t *testing.T) {
	zero := 0.0
	engine, err := rules.New(rules.Config{Prefix: "gh", Gateway: "gw-1", Rules: map[string]rules.Rule{
		"changes": {SQL: "SELECT * FROM 'gh/+/telemetry' WHERE NOT isUndefined(t)",
			Report: &rules.Report{DeadBand: map[string]rules.DeadBand{"*": {Absolute: &zero}}}},
		"hot": {SQL: "SELECT t FROM 'gh/+/telemetry' WHERE t > 8", Action: rules.ActionAlert},
	}})
	if err != nil {
		t.Fatal(err)
	}
	disk := &failing{}
	now := rules.Time{Wall: time.UnixMilli(1_790_000_000_000)}
	d := &decider{gateway: &Gateway{log: slog.New(slog.DiscardHandler)}, queue: disk, engine: engine,
		clock: func() rules.Time { return now }, file: filepath.Join(t.TempDir(), "rules.json")}
	send := func(payload string, want error) {
		t.Helper()
		payload = `{"timestamp":1790000000000,` + payload
		if err := d.take("gh/gw-1:a/telemetry", []byte(payload)); !errors.Is(err, want) {
			t.Errorf("%.60s: error %v, want %v", payload, err, want)
		}
	}
	send(`"t":1}`, nil)
	disk.broken = true
	send(`"t":9}`, errBroken)
	send(`"t":9}`, nil) // within the dead band now
	send(`"x":1}`, errBroken)
	d.tick()
	disk.broken = false
	send(`"x":1}`, nil)
	send(`"t":2}`, nil)
	const at = `a/telemetry {"timestamp":1790000000000,`
	want := []string{at + `"t":1}`, at + `"t":9}`, at + `"data":{"alerts":{"hot":"raised"},"t":9}}`, at + `"x":1}`,
		at + `"t":2}`, at + `"data":{"alerts":{"hot":"cleared"},"t":2}}`}
	if diff := cmp.Diff(want, disk.taken); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	disk.broken = true
	for i := range 100 {
		send(fmt.Sprintf(`"t":%d,"pad":"%s"}`, -i, strings.Repeat("x", 100_000)), errBroken)
	}
	if d.owing > maxOwed || len(d.owed) < 30 || d.status().Unstored < 50 {
		t.Errorf("%d bytes of %d results are kept, %d are lost", d.owing, len(d.owed), d.status().Unstored)
	}
	disk.broken = false
	d.tick()
	if d.owing != 0 || len(d.owed) > 0 {
		t.Errorf("%d bytes are owed still", d.owing)
	}
}
