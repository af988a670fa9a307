package faultsweep

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/faultproxy"
)

// stage is one thing that Terraform does with a pipeline; the version of its description then, 0 for none. A device may
// have so many earlier certificates afterwards: the one that was rotated, and one of an interrupted rotation.
type stage struct {
	name    string
	version int
	earlier int
}

// life is what every pipeline goes through. What completes a stage that failed is doing it again.
var life = []stage{{"create", 1, 0}, {"update", 2, 2}, {"delete", 0, 0}}

func (s stage) run(a *localAWS, records []assembly.Record) ([]assembly.Record, error) {
	if s.version == 0 {
		return a.destroy(token, records)
	}
	return a.apply(sweepSpec(s.version), token, records)
}

// faultKind is a way to fail at request k.
type faultKind struct {
	name   string
	faults func(k int) []faultproxy.Fault
	// dies says that the process is gone with the fault, and so are the records of its run.
	dies bool
	// responseLost says that the run does not learn whether the request took effect.
	responseLost bool
}

func once(kind faultproxy.Kind) faultKind {
	return faultKind{name: kind.String(), faults: func(k int) []faultproxy.Fault {
		return []faultproxy.Fault{{Kind: kind, Match: faultproxy.Nth(k), Times: 1}}
	}}
}

func dropped(kind faultproxy.Kind) faultKind {
	w := once(kind)
	w.responseLost = true
	return w
}

// death lets request k meet its fate and nothing come after it.
func processKill(kind faultproxy.Kind) faultKind {
	return faultKind{name: "killed, " + kind.String(), dies: true, responseLost: true, faults: func(k int) []faultproxy.Fault {
		return []faultproxy.Fault{
			{Kind: kind, Match: faultproxy.Nth(k)},
			{Kind: faultproxy.DropBefore, Match: func(r faultproxy.Request) bool { return r.N > k }},
		}
	}}
}

var ways = []faultKind{
	dropped(
		faultproxy.DropAfter,
	), dropped(faultproxy.DropBefore), processKill(faultproxy.DropAfter), processKill(faultproxy.DropBefore),
	once(
		faultproxy.AccessDenied,
	), once(faultproxy.Broken), once(faultproxy.Throttle), once(faultproxy.Unavailable), once(faultproxy.Expired),
}

// stride says how many requests lie between two that are made to fail: 1 in the full sweep (make test-faults).
func stride() int {
	if os.Getenv("IOT_FAULTS") == "full" {
		return 1
	}
	return 211
}

// TestEveryRequestMayFail lets request after request of create, update and delete fail in every way, with the SDK's
// own retries off, and asks the same of each outcome: an error that names the part, records of what exists,
// completion by doing it again, then silence, devices that can connect, and an empty account after destroy, also when
// the pipeline is destroyed without going on. After a run that has sent no write, doing it again is what a run
// without a fault does, which is looked at once.
func TestEveryRequestMayFail(t *testing.T) {
	counts := make([]count, len(ways))
	t.Run("each", func(t *testing.T) {
		for _, stage := range life {
			t.Run("no fault, "+stage.name, func(t *testing.T) {
				t.Parallel()
				newSweep(t, faultKind{}, stage).baseline()
			})
		}
		for i, w := range ways {
			for j, stage := range life {
				t.Run(w.name+", "+stage.name, func(t *testing.T) {
					t.Parallel()
					s := newSweep(t, w, stage)
					for k := 1 + (7*i+3*j)%stride(); s.point(k); k += stride() {
						t.Logf("request %d: %+v", k, s.count)
					}
					if s.tried == 0 {
						t.Error("no fault was met")
					}
					counts[i].add(s.count)
				})
			}
		}
	})
	for i, w := range ways {
		c := &counts[i]
		t.Logf("%-22s %4d fault points: %d ended in an error, %d went on by themselves; orphans: %d", w.name+":",
			c.tried, c.reported, c.tried-c.reported, c.orphans)
	}
}

// count is what came of the fault points.
type count struct{ tried, reported, orphans int }

var counting sync.Mutex

func (c *count) add(more count) {
	counting.Lock()
	defer counting.Unlock()
	c.tried, c.reported, c.orphans = c.tried+more.tried, c.reported+more.reported, c.orphans+more.orphans
}

// sweep fails requests of one stage in one way.
type sweep struct {
	*localAWS
	count
	t       *testing.T
	kind    faultKind
	stage   stage
	records []assembly.Record // when the stage begins; what AWS holds then is saved as "begin"
	name    string            // of the point being tried
}

// newSweep leads a pipeline to where the stage begins.
func newSweep(t *testing.T, kind faultKind, to stage) *sweep {
	s := &sweep{localAWS: newLocalAWS(t), t: t, kind: kind, stage: to, name: to.name + ", no fault"}
	for _, stage := range life {
		if stage == to {
			break
		}
		var err error
		if s.records, err = stage.run(s.localAWS, s.records); err != nil {
			t.Fatal(err)
		}
	}
	s.server.Save(t, "begin")
	return s
}

// baseline asks that the stage, its check and a destroy go well when nothing fails, and that coming back to where it
// began is as good as having stayed: it all goes well again.
func (s *sweep) baseline() {
	held := s.leftovers()
	s.finish(s.records)
	s.server.Restore(s.t, "begin")
	if now := s.leftovers(); !slices.Equal(held, now) {
		s.t.Fatalf("restored to\n%v\nwas\n%v", now, held)
	}
	s.finish(s.records)
}

// finish does the stage, which nothing keeps from success any more, checks it, and destroys what there is.
func (s *sweep) finish(records []assembly.Record) {
	records, err := s.stage.run(s.localAWS, records)
	if err != nil {
		s.t.Errorf("%s: doing it again: %v", s.name, err)
		return
	}
	s.check(records)
}

// point lets request k of the stage fail and looks at what comes of it. It reports whether there were so many requests.
func (s *sweep) point(k int) (met bool) {
	s.name = fmt.Sprintf("%s, request %d, %s", s.stage.name, k, s.kind.name)
	s.server.Restore(s.t, "begin")
	s.proxy.Clear()
	var first *faultproxy.Fault
	for _, f := range s.kind.faults(k) {
		if p := s.proxy.Inject(f); first == nil {
			first = p
		}
	}
	records, err := s.stage.run(s.localAWS, s.records)
	if s.proxy.Hits(first) == 0 {
		return false
	}
	s.note(first, records, err)
	if s.kind.dies {
		records = s.records
	}
	if err != nil && s.nothingChanged(records) { // what follows is known
		return true
	}
	s.proxy.Clear()
	if s.kind.responseLost && s.stage.version > 0 {
		s.abandon(records)
	}
	if err != nil || s.kind.dies {
		s.finish(records)
		return true
	}
	s.check(records)
	return true
}

// nothingChanged says that AWS and the records are what they were when the stage began.
func (s *sweep) nothingChanged(records []assembly.Record) bool {
	if slices.ContainsFunc(s.proxy.Requests(), func(r faultproxy.Request) bool { return r.Write }) {
		return false
	}
	return len(records) == 0 && len(s.records) == 0 || reflect.DeepEqual(records, s.records)
}

// note looks at how a run ended that met the fault.
func (s *sweep) note(f *faultproxy.Fault, records []assembly.Record, err error) {
	s.tried++
	s.name += " (" + victim(s.proxy.Requests(), f) + ")"
	if err != nil {
		s.reported++
		var failure *assembly.Failure
		if !errors.As(err, &failure) || len(failure.Problems) == 0 || slices.ContainsFunc(failure.Problems, unclear) {
			s.t.Errorf("%s: the error does not say what it was about: %v", s.name, err)
		}
	}
	for _, r := range records {
		if r.ID == "" || r.Kind == "" || r.Name == "" {
			s.t.Errorf("%s: a record is not enough to delete by: %+v", s.name, r)
		}
	}
}

// unclear says that an error does not name its part, or not what went wrong.
func unclear(p *assembly.PartError) bool {
	return p.Key == "" || p.Kind == "" || p.Name == "" || p.Err == nil || p.Err.Error() == ""
}

// abandon destroys without going on, and comes back.
func (s *sweep) abandon(records []assembly.Record) {
	s.server.Save(s.t, "failed")
	defer s.server.Restore(s.t, "failed")
	found, err := s.discover(sweepSpec(s.stage.version), token, records)
	if err != nil {
		s.t.Errorf("%s: refresh: %v", s.name, err)
		return
	}
	s.destroyed(s.name+", abandoned", found)
}

// destroyed asks that a destroy leaves nothing.
func (s *sweep) destroyed(what string, records []assembly.Record) {
	if left, err := s.destroy(token, records); err != nil || len(left) != 0 {
		s.t.Errorf("%s: destroy: %v, still recorded: %v", what, err, left)
	}
	if orphans := s.leftovers(); len(orphans) != 0 {
		s.orphans += len(orphans)
		s.t.Errorf("%s: orphans: %v", what, orphans)
	}
}

// check asks that the stage has done what it is for, which shows in a further apply that writes nothing, and destroys.
func (s *sweep) check(records []assembly.Record) {
	if s.stage.version > 0 {
		s.complete(records)
	}
	s.destroyed(s.name, records)
}

func (s *sweep) complete(records []assembly.Record) {
	if i := slices.IndexFunc(records, func(r assembly.Record) bool { return r.Status != assembly.Ready }); i >= 0 {
		s.t.Errorf("%s: part %s is %q afterwards", s.name, records[i].Key, records[i].Status)
	}
	s.proxy.Clear()
	if _, err := s.stage.run(s.localAWS, records); err != nil {
		s.t.Errorf("%s: a further apply: %v", s.name, err)
	}
	for _, r := range s.proxy.Requests() {
		if r.Write {
			s.t.Errorf("%s: a further apply wrote: %s %s", s.name, r.Service, r.Name)
		}
	}
	want := sweepSpec(s.stage.version)
	problems := s.deviceProblems(want, s.stage.earlier)
	if s.stage.earlier > 0 {
		if err := s.retire(want); err != nil {
			s.t.Errorf("%s: retiring the earlier certificates: %v", s.name, err)
		}
		problems = append(problems, s.deviceProblems(want, 0)...)
	}
	for _, problem := range problems {
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
