package terraform

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/faultproxy"
)

func small(name, device string) string {
	return fmt.Sprintf(
		"name = %q\n devices = { %q = {} }\n force_destroy = true\n alerts = { rules = { dry = { when = "+
			"\"data.humidity < 30\" } } }",
		name,
		device,
	)
}

// writes are the requests of this desk that may have changed something.
func (d *workdir) writes() (all []string) {
	for _, r := range d.proxy.Requests() {
		if r.Write {
			all = append(all, r.Service+" "+r.Name)
		}
	}
	return all
}

func writing(r faultproxy.Request) bool { return r.Write }

// Two applies of the same pipeline with two states, one already at work: the other fails before its first write.
func TestSecondApplyComesLate(t *testing.T) {
	w := newAWS(t)
	first, second := newWorkdir(t, w), newWorkdir(t, w)
	first.describe(small("greenhouse", "soil-1"))
	second.describe(small("greenhouse", "soil-2"))
	manifest := false
	waiting, release := first.hold(func(r faultproxy.Request) bool { // everything after the manifest
		made := manifest
		manifest = manifest || r.Write
		return made
	})
	working := first.begin("apply", "-auto-approve")
	await(t, working, waiting)

	refused := second.apply()
	if refused.Code == 0 || !refused.Says("A pipeline of this name already exists") ||
		!refused.Says("terraform import") ||
		!refused.Says("Nothing was changed") {
		t.Errorf("exit code %d:\n%s", refused.Code, refused.Output)
	}
	if w := second.writes(); len(w) != 0 {
		t.Errorf("the second apply wrote: %v", w)
	}
	release()
	first.must("the first apply", working.Wait())
	first.unchanged("the first pipeline")
	first.must("destroy", first.destroy())
	w.RequireEmpty(t, "after all")
}

// Two applies that have both looked before either has written: only one can make the manifest, and the other does
// nothing else.
func TestSecondApplyAtTheSameMoment(t *testing.T) {
	w := newAWS(t)
	first, second := newWorkdir(t, w), newWorkdir(t, w)
	first.describe(small("greenhouse", "soil-1"))
	second.describe(small("greenhouse", "soil-2"))
	waiting, release := second.hold(writing)
	losing := second.begin("apply", "-auto-approve")
	await(t, losing, waiting)
	first.must("the first apply", first.apply())
	release()

	refused := losing.Wait()
	if refused.Code == 0 || !refused.Says("A pipeline of this name already exists") ||
		!refused.Says("terraform import") {
		t.Errorf("exit code %d:\n%s", refused.Code, refused.Output)
	}
	if got := second.writes(); !slices.Equal(got, []string{"ssm PutParameter"}) {
		t.Errorf("the second apply tried to write: %v, want the manifest only", got)
	}
	first.unchanged("the first pipeline")
	first.must("destroy", first.destroy())
	w.RequireEmpty(t, "after all")
}

// Names that share a prefix: "green" has an alerts function, and there is a pipeline "green-alerts".
func TestNamesThatShareAPrefix(t *testing.T) {
	w := newAWS(t)
	short, long := newWorkdir(t, w), newWorkdir(t, w)
	short.describe(small("green", "soil-1"))
	long.describe(small("green-alerts", "soil-2"))
	short.must("making green", short.apply())
	alone := w.Objects(t)
	long.must("making green-alerts", long.apply())

	// A route that would take the name of the other's rule is refused.
	short.describe(
		small(
			"green",
			"soil-1",
		) + "\n routes = { alerts_telemetry = { sql = \"SELECT * FROM 'x'\", republish = { topic = \"y\" } } }",
	)
	short.proxy.Clear()
	if r := short.apply(); r.Code == 0 || !r.Says(`topic rule "green_alerts_telemetry" belongs to someone else`) ||
		len(short.writes()) != 0 {
		t.Errorf("exit code %d, writes %v:\n%s", r.Code, short.writes(), r.Output)
	}
	short.describe(small("green", "soil-1"))

	long.must("destroying green-alerts", long.destroy())
	if left := w.Objects(t); !slices.Equal(left, alone) {
		t.Errorf("destroying green-alerts changed what green has:\n%s\nbefore:\n%s", strings.Join(left, "\n"),
			strings.Join(alone, "\n"))
	}
	short.unchanged("green, after green-alerts was destroyed")
	long.must("making green-alerts again", long.apply())
	short.must("destroying green", short.destroy())
	long.unchanged("green-alerts, after green was destroyed")
	long.must("destroying green-alerts at last", long.destroy())
	w.RequireEmpty(t, "after all")
}
