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

// stage is one thing that Terraform does with a pipeline; the version of its description then, 0 for none.
type stage struct {
	name    string
	version int
}

// life is what every pipeline goes through. What completes a stage that failed is doing it again.
var life = []stage{{"create", 1}, {"update", 2}, {"delete", 0}}

func (s stage) run(a *account, records []assembly.Record) ([]assembly.Record, error) {
	if s.version == 0 {
		return a.destroy(token, records)
	}
	return a.apply(spec(s.version), token, records)
}

// way is a way to fail at request k.
type way struct {
	name   string
	faults func(k int) []faultproxy.Fault
	// dies says that the process is gone with the fault, and so are the records of its run.
	dies bool
}

func once(kind faultproxy.Kind) way {
	return way{name: kind.String(), faults: func(k int) []faultproxy.Fault {
		return []faultproxy.Fault{{Kind: kind, Match: faultproxy.Nth(k), Times: 1}}
	}}
}

// death lets request k meet its fate and nothing come after it.
func death(kind faultproxy.Kind) way {
	return way{name: "killed, " + kind.String(), dies: true, faults: func(k int) []faultproxy.Fault {
		return []faultproxy.Fault{
			{Kind: kind, Match: faultproxy.Nth(k)},
			{Kind: faultproxy.DropBefore, Match: func(r faultproxy.Request) bool { return r.N > k }},
		}
	}}
}

var ways = []way{
	once(faultproxy.DropAfter), once(faultproxy.DropBefore), death(faultproxy.DropAfter), death(faultproxy.DropBefore),
	once(faultproxy.AccessDenied), once(faultproxy.Broken), once(faultproxy.Throttle), once(faultproxy.Unavailable), once(faultproxy.Expired),
}

// stride says how many requests lie between two that are made to fail: 1 in the full sweep (make test-faults).
func stride() int {
	if os.Getenv("IOT_FAULTS") == "full" {
		return 1
	}
	return 89
}

// TestEveryRequestMayFail lets request after request of create, update and delete fail in every way, with the SDK's own
// retries off, and asks the same of each outcome: an error that names the part, records of what exists,
// completion by doing it again, then silence, devices that can connect, and an empty account after destroy.
func TestEveryRequestMayFail(t *testing.T) {
	for i, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			s := &sweep{account: newAccount(t), t: t, way: w}
			for k := 1 + 7*i; s.live(k); k += stride() {
				t.Logf("request %d: %d fault points so far", k, s.tried)
			}
			t.Logf("%d fault points: %d ended in an error, %d went on by themselves; orphans: %d", s.tried, s.reported, s.tried-s.reported, s.orphans)
			if s.tried == 0 {
				t.Error("no fault was met")
			}
		})
	}
}

// sweep fails requests of one account in one way.
type sweep struct {
	*account
	t    *testing.T
	way  way
	name string // of the point being tried

	tried, reported, orphans int
}

// live leads a pipeline from create to delete and fails request k of each stage. It reports whether a stage had so many.
func (s *sweep) live(k int) (met bool) {
	s.server.Reset(s.t)
	var records []assembly.Record
	for _, stage := range life {
		s.name = fmt.Sprintf("%s, request %d, %s", stage.name, k, s.way.name)
		s.proxy.Clear()
		var first *faultproxy.Fault
		for _, f := range s.way.faults(k) {
			if p := s.proxy.Inject(f); first == nil {
				first = p
			}
		}
		after, err := stage.run(s.account, records)
		hit := s.proxy.Hits(first) > 0
		if hit {
			s.note(first, after, err)
			met = true
		}
		s.proxy.Clear()
		if !hit || !s.way.dies {
			records = after
		}
		if err != nil || hit && s.way.dies {
			if records, err = stage.run(s.account, records); err != nil {
				s.t.Errorf("%s: doing it again: %v", s.name, err)
				return met
			}
		}
		s.check(stage, records)
	}
	if left := s.leftovers(); len(left) != 0 {
		s.orphans += len(left)
		s.t.Errorf("%s: orphans: %v", s.name, left)
	}
	return met
}

// note looks at how a run ended that met the fault.
func (s *sweep) note(f *faultproxy.Fault, records []assembly.Record, err error) {
	s.tried++
	s.name += " (" + victim(s.proxy.Requests(), f) + ")"
	if err != nil {
		s.reported++
		if !strings.Contains(err.Error(), ": ") {
			s.t.Errorf("%s: the error does not say what it was about: %v", s.name, err)
		}
	}
	for _, r := range records {
		if r.ID == "" || r.Kind == "" || r.Name == "" {
			s.t.Errorf("%s: a record is not enough to delete by: %+v", s.name, r)
		}
	}
}

// check asks that a stage is complete, which is when doing it again writes nothing.
func (s *sweep) check(done stage, records []assembly.Record) {
	if done.version == 0 {
		if len(records) != 0 {
			s.t.Errorf("%s: still recorded: %v", s.name, records)
		}
		return
	}
	if i := slices.IndexFunc(records, func(r assembly.Record) bool { return r.Status != assembly.Ready }); i >= 0 {
		s.t.Errorf("%s: part %s is %q afterwards", s.name, records[i].Key, records[i].Status)
	}
	s.proxy.Clear()
	if _, err := done.run(s.account, records); err != nil {
		s.t.Errorf("%s: a further apply: %v", s.name, err)
	}
	for _, r := range s.proxy.Requests() {
		if r.Write {
			s.t.Errorf("%s: a further apply wrote: %s %s", s.name, r.Service, r.Name)
		}
	}
	for _, problem := range s.deviceProblems(spec(done.version)) {
		s.t.Errorf("%s: %s", s.name, problem)
	}
}

func victim(seen []faultproxy.Request, f *faultproxy.Fault) string {
	for _, r := range seen {
		if f.Match(r) {
			return r.Service + " " + r.Name
		}
	}
	return "not reached"
}
