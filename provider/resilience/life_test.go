package resilience

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/faultproxy"
)

// describeWhole describes a pipeline with every kind of part; the version changes something in each.
func (d *desk) describeWhole(version int) {
	d.describe(fmt.Sprintf(`
  name          = "sweep"
  force_destroy = true
  devices = {
    changed  = { attributes = { v = "%[1]d" } }
    disabled = { enabled = %[2]t }
    in%[1]d  = {}
  }
  timestream   = { memory_retention_hours = %[3]d }
  archive      = { expire_after_days = %[4]d }
  stream       = { retention_hours = %[5]d }
  device_state = { point_in_time_recovery = %[2]t }
  processor    = { batch_size = %[6]d }
  alerts = {
    emails = ["ops%[1]d@example.com"]
    rules  = { dry = { when = "data.humidity < %[4]d" } }
  }
  routes = {
    r%[1]d = { sql = "SELECT * FROM 'sweep/+/telemetry'", republish = { topic = "copy/$${topic(2)}" } }
  }
  tags = { version = "%[1]d" }
`, version, version == 1, 6*version, 30*version, 24*version, 100*version))
}

// seed chooses what a run tries: another sample each day, unless IOT_FAULT_SEED says which.
func seed(t *testing.T) *rand.Rand {
	t.Helper()
	text := os.Getenv("IOT_FAULT_SEED")
	if text == "" {
		text = time.Now().UTC().Format("20060102")
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("IOT_FAULT_SEED: %v", err)
	}
	t.Logf("to try the same again: IOT_FAULT_SEED=%d", n)
	return rand.New(rand.NewPCG(n, uint64(len(t.Name()))))
}

// lives is how many pipelines a test leads through create, update and delete.
func lives() int {
	if os.Getenv("IOT_FAULTS") == "full" {
		return 12
	}
	return 1
}

// stage is one command of a life. Requests is how many requests it sends, about; a fault is chosen among them.
type stage struct {
	name     string
	requests int
	prepare  func(*desk)
	run      func(*desk) result
}

var stages = []stage{
	{"create", 130, func(d *desk) { d.describeWhole(1) }, (*desk).apply},
	{"update", 130, func(d *desk) { d.describeWhole(2) }, (*desk).apply},
	{"delete", 100, func(*desk) {}, (*desk).destroy},
}

// live leads a pipeline from create to delete. Each command meets the fault that inject plans, is followed by
// what the guide says about recovery, and must then be complete.
func (d *desk) live(inject func(s stage) (what string)) {
	d.t.Helper()
	for _, s := range stages {
		s.prepare(d)
		d.proxy.Clear()
		what := s.name + ", " + inject(s)
		r := s.run(d)
		n := len(d.proxy.Requests())
		d.proxy.Clear()
		d.t.Logf("%s: exit code %d after %d requests and %s", what, r.code, n, r.took.Round(100*time.Millisecond))
		if r.code != 0 {
			d.recover(what, s, r)
		}
		if s.name == "delete" {
			d.empty(what)
			continue
		}
		d.settled(what)
	}
}

// recover does what docs/guides/failures-and-recovery.md says, and what the messages say.
func (d *desk) recover(what string, s stage, r result) {
	d.t.Helper()
	if strings.Contains(r.output, "unknown value") || strings.Contains(r.output, "bug in the provider") {
		d.t.Errorf("%s:\n%s", what, r.output)
	}
	if s.name == "create" {
		switch {
		case r.says("terraform untaint"):
			d.must(what+": untaint", d.terraform("untaint", "-no-color", "iot_pipeline.test"))
		default:
			again := d.apply()
			if again.code == 0 {
				return
			}
			if !again.says("terraform import 'iot_pipeline.<LABEL>' 'sweep@us-east-1'") {
				d.t.Fatalf("%s: doing it again fails and does not say how to go on:\n%s", what, again.output)
			}
			d.must(what+": import", d.terraform("import", "-input=false", "-no-color", "iot_pipeline.test", "sweep@us-east-1"))
		}
	}
	d.must(what+": doing it again", s.run(d))
}

// The provider process is killed while a request is under way.
func TestKilledProvider(t *testing.T) {
	w := newWorld(t)
	random := seed(t)
	for range lives() {
		d := w.desk()
		d.live(func(s stage) string {
			k, kind := 1+random.IntN(s.requests), []faultproxy.Kind{faultproxy.DropBefore, faultproxy.DropAfter}[random.IntN(2)]
			d.proxy.Inject(faultproxy.Fault{Kind: kind, Match: func(r faultproxy.Request) bool {
				if r.N == k {
					d.killProviders()
				}
				return r.N >= k
			}})
			return fmt.Sprintf("provider killed at request %d, %s", k, kind)
		})
	}
}

// Any request fails in any way, with the provider's own retries off.
func TestFaults(t *testing.T) {
	w := newWorld(t)
	random := seed(t)
	kinds := []faultproxy.Kind{faultproxy.Throttle, faultproxy.Unavailable, faultproxy.Broken, faultproxy.AccessDenied, faultproxy.Expired, faultproxy.DropBefore, faultproxy.DropAfter}
	for range lives() {
		d := w.desk()
		d.live(func(s stage) string {
			k, kind := 1+random.IntN(s.requests), kinds[random.IntN(len(kinds))]
			d.proxy.Inject(faultproxy.Fault{Kind: kind, Match: faultproxy.Nth(k), Times: 1})
			return fmt.Sprintf("%s at request %d", kind, k)
		})
	}
}
