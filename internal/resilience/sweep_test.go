package resilience

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/faultproxy"
)

// scenario is one thing that Terraform does with a pipeline.
type scenario struct {
	name  string
	start int // version that exists before; 0: none
	run   func(*account, []assembly.Record) ([]assembly.Record, error)
}

var scenarios = []scenario{
	{"create", 0, func(a *account, _ []assembly.Record) ([]assembly.Record, error) { return a.apply(spec(1), token, nil) }},
	{"update", 1, func(a *account, r []assembly.Record) ([]assembly.Record, error) { return a.apply(spec(2), token, r) }},
	{"delete", 1, func(a *account, r []assembly.Record) ([]assembly.Record, error) { return a.destroy(token, r) }},
}

var kinds = []faultproxy.Kind{
	faultproxy.DropAfter, faultproxy.DropBefore, faultproxy.AccessDenied, faultproxy.Broken, faultproxy.Throttle, faultproxy.Unavailable, faultproxy.Expired,
}

// stride says how many fault points lie between two that are tried: 1 in the full sweep (IOT_FAULTS=full, make test-faults).
func stride() int {
	if os.Getenv("IOT_FAULTS") == "full" {
		return 1
	}
	return 23 // about forty points; prime, so that kinds and requests do not fall in step
}

// TestEveryRequestMayFail fails request after request of create, update and delete in every way, with the SDK's
// own retries off, and asks the same of each outcome: an error that names the part, records of what
// exists, completion by applying again, then silence, and an empty account after destroy.
func TestEveryRequestMayFail(t *testing.T) {
	a := newAccount(t)
	tried, reported := 0, 0
	for _, s := range scenarios {
		for i, kind := range kinds {
			for k := 1 + i; ; k += stride() {
				name := fmt.Sprintf("%s, request %d, %s", s.name, k, kind)
				hit, failed := a.trial(t, name, s, faultproxy.Fault{Kind: kind, Match: faultproxy.Nth(k), Times: 1})
				if !hit {
					break
				}
				tried++
				if failed {
					reported++
				}
			}
		}
	}
	t.Logf("%d fault points, %d ended in an error, %d went on by themselves; all recovered, no orphan", tried, reported, tried-reported)
	if tried < 30 {
		t.Errorf("only %d fault points were reached", tried)
	}
}

// trial runs one scenario with one fault. hit says that the fault was met, failed that the run ended in an error.
func (a *account) trial(t *testing.T, name string, s scenario, f faultproxy.Fault) (hit, failed bool) {
	t.Helper()
	a.server.Reset(t)
	a.proxy.Clear()
	var records []assembly.Record
	if s.start > 0 {
		records = a.complete(t, name, s.start, nil)
		a.proxy.Clear()
	}
	fault := a.proxy.Inject(f)
	records, err := s.run(a, records)
	if a.proxy.Hits(fault) == 0 {
		return false, false
	}
	victim := describe(a.proxy.Requests(), f)
	if err != nil && !strings.Contains(err.Error(), ": ") {
		t.Errorf("%s (%s): the error does not say what it was about: %v", name, victim, err)
	}
	for _, r := range records {
		if r.ID == "" || r.Kind == "" || r.Name == "" {
			t.Errorf("%s (%s): a record is not enough to delete by: %+v", name, victim, r)
		}
	}
	a.proxy.Clear()
	records = a.complete(t, name+" ("+victim+")", 2, records)
	a.proxy.Clear()
	records = a.complete(t, name, 2, records)
	for _, r := range a.proxy.Requests() {
		if r.Write {
			t.Errorf("%s (%s): the apply after the recovery wrote: %s %s", name, victim, r.Service, r.Name)
		}
	}
	if left, err := a.destroy(token, records); err != nil || len(left) != 0 {
		t.Errorf("%s (%s): destroy: %v, left %v", name, victim, err, left)
	}
	if orphans := a.leftovers(); len(orphans) != 0 {
		t.Errorf("%s (%s): orphans: %v", name, victim, orphans)
	}
	return true, err != nil
}

// complete applies a version, which must succeed.
func (a *account) complete(t *testing.T, name string, version int, prior []assembly.Record) []assembly.Record {
	t.Helper()
	records, err := a.apply(spec(version), token, prior)
	if err != nil {
		t.Fatalf("%s: applying version %d: %v", name, version, err)
	}
	if i := slices.IndexFunc(records, func(r assembly.Record) bool { return r.Status != assembly.Ready }); i >= 0 {
		t.Fatalf("%s: part %s is %q after a successful apply", name, records[i].Key, records[i].Status)
	}
	return records
}

func describe(seen []faultproxy.Request, f faultproxy.Fault) string {
	for _, r := range seen {
		if f.Match(r) {
			return r.Service + " " + r.Name
		}
	}
	return "not reached"
}
