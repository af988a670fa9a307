package resilience

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/faultproxy"
)

// hold keeps every request that matches waiting, from the first one on, until release is called.
// The channel is closed when the first one waits.
func (d *desk) hold(match func(faultproxy.Request) bool) (waiting <-chan struct{}, release func()) {
	reached, open := make(chan struct{}), make(chan struct{})
	var once, opened sync.Once
	d.proxy.Inject(faultproxy.Fault{Kind: faultproxy.Hold, Release: open, Match: func(r faultproxy.Request) bool {
		if !match(r) {
			return false
		}
		once.Do(func() { close(reached) })
		return true
	}})
	release = func() { opened.Do(func() { close(open) }) }
	d.t.Cleanup(release)
	return reached, release
}

// await waits for something that a run of Terraform must bring about.
func (r *running) await(what <-chan struct{}) {
	r.t.Helper()
	select {
	case <-what:
	case <-time.After(longest):
		r.t.Fatalf("it did not come so far:\n%s", r.output.String())
	}
}

// soon is generous for a busy machine; requests that are held would keep Terraform for ever.
const soon = 30 * time.Second

// Ctrl-C stops within seconds although AWS does not answer, saves what exists, and the next run goes on from there.
func TestInterrupt(t *testing.T) {
	w := newWorld(t)
	d := w.desk()
	d.describeWhole(1)

	// Requests are held from some write on; TestInterruptWhileReading has what happens before.
	run := func(from int, command string) result {
		d.proxy.Clear()
		writes := 0
		waiting, _ := d.hold(func(r faultproxy.Request) bool {
			if r.Write {
				writes++
			}
			return writes >= from
		})
		r := d.begin(command, "-auto-approve", "-input=false", "-no-color")
		r.await(waiting)
		r.interrupt()
		at := time.Now()
		out := r.wait()
		took := time.Since(at)
		t.Logf("%s: stopped %s after Ctrl-C", command, took.Round(10*time.Millisecond))
		if took > soon || out.code == 0 {
			t.Errorf("%s: stopped after %s with exit code %d:\n%s", command, took, out.code, out.output)
		}
		d.proxy.Clear()
		return out
	}

	out := run(25, "apply")
	if !out.says("terraform untaint 'iot_pipeline.<LABEL>'") || !out.says("was interrupted") {
		t.Errorf("it does not say how to go on:\n%s", out.output)
	}
	before := d.terraform("state", "show", "-no-color", "iot_pipeline.test")
	d.must("untaint", d.terraform("untaint", "-no-color", "iot_pipeline.test"))
	d.must("going on", d.apply())
	d.settled("after an interrupted create")
	after := d.terraform("state", "show", "-no-color", "iot_pipeline.test")
	if id(before.output) == "" || id(before.output) != id(after.output) {
		t.Errorf("the pipeline was made anew: id %q, then %q", id(before.output), id(after.output))
	}

	run(10, "destroy")
	d.must("destroying again", d.destroy())
	d.empty("after an interrupted destroy")
}

// While an apply or a destroy still plans, Terraform passes no Ctrl-C on: it lets the reading end and then applies nothing. A
// second Ctrl-C ends it at once. Either way nothing has been written. A plan, and a refresh, stop with the first.
func TestInterruptWhileReading(t *testing.T) {
	w := newWorld(t)
	d := w.desk()
	d.describe(small("greenhouse", "soil-1"))
	d.must("create", d.apply())
	reading := func(command ...string) (r *running, release func()) {
		d.proxy.Clear()
		waiting, release := d.hold(func(r faultproxy.Request) bool { return r.Service != "sts" })
		r = d.begin(append(command, "-input=false", "-no-color")...)
		r.await(waiting)
		heard := r.output.says("Interrupt received")
		r.interrupt()
		r.await(heard)
		return r, release
	}
	for _, command := range [][]string{{"plan"}, {"refresh"}} {
		r, release := reading(command...)
		if out := r.wait(); out.code == 0 || !out.says("was interrupted") {
			t.Errorf("%v: exit code %d:\n%s", command, out.code, out.output)
		}
		release()
	}
	for _, command := range [][]string{{"apply", "-auto-approve"}, {"destroy", "-auto-approve"}} {
		r, release := reading(command...)
		release()
		if out := r.wait(); out.code == 0 || !out.says("execution halted") {
			t.Errorf("%v, read to the end: exit code %d:\n%s", command, out.code, out.output)
		}
		r, release = reading(command...)
		again := r.output.says("Two interrupts received")
		r.interrupt()
		r.await(again)
		at := time.Now()
		if out := r.wait(); out.code == 0 || time.Since(at) > soon {
			t.Errorf("%v, second Ctrl-C: exit code %d after %s:\n%s", command, out.code, time.Since(at), out.output)
		}
		release()
		if writes := d.writes(); len(writes) != 0 {
			t.Errorf("%v wrote: %v", command, writes)
		}
	}
	d.proxy.Clear()
	d.settled("after all interruptions")
	d.must("destroy", d.destroy())
	w.empty("after destroy")
}

// id is the pipeline's id in what `terraform state show` prints.
func id(text string) string {
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, "="); ok && strings.TrimSpace(name) == "id" && strings.HasPrefix(line, "    id") {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
