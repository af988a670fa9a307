package terraform

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/faultproxy"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

// hold keeps every request that matches waiting, from the first one on, until release is called.
// The channel is closed when the first one waits.
func (d *workdir) hold(match func(faultproxy.Request) bool) (waiting <-chan struct{}, release func()) {
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
	d.T.Cleanup(release)
	return reached, release
}

// await waits for something that a command must bring about.
func await(t *testing.T, r *tftest.Running, what <-chan struct{}) {
	t.Helper()
	select {
	case <-what:
	case <-time.After(longest):
		t.Fatalf("the command did not get that far:\n%s", r.Output())
	}
}

func interrupt(t *testing.T, r *tftest.Running) {
	t.Helper()
	if err := r.Interrupt(); err != nil {
		t.Fatal(err)
	}
}

// soon is generous for a busy machine; requests that are held would keep Terraform forever.
const soon = 30 * time.Second

// Ctrl-C stops within seconds although AWS does not answer, saves what exists, and the next run resumes from there.
func TestInterrupt(t *testing.T) {
	w := newAWS(t)
	d := newWorkdir(t, w)
	d.describeWhole(1)

	// Requests are held from some write on; TestInterruptWhileReading has what happens before.
	run := func(from int, command string) tftest.Result {
		d.proxy.Clear()
		writes := 0
		waiting, _ := d.hold(func(r faultproxy.Request) bool {
			if r.Write {
				writes++
			}
			return writes >= from
		})
		r := d.begin(command, "-auto-approve")
		await(t, r, waiting)
		interrupt(t, r)
		at := time.Now()
		out := r.Wait()
		took := time.Since(at)
		t.Logf("%s: stopped %s after Ctrl-C", command, took.Round(10*time.Millisecond))
		if took > soon || out.Code == 0 {
			t.Errorf("%s: stopped after %s with exit code %d:\n%s", command, took, out.Code, out.Output)
		}
		d.proxy.Clear()
		return out
	}

	out := run(25, "apply")
	if !out.Says("terraform untaint 'iot_pipeline.<LABEL>'") || !out.Says("was interrupted") {
		t.Errorf("it does not say how to go on:\n%s", out.Output)
	}
	before := d.terraform("state", "show", "iot_pipeline.test")
	d.must("untaint", d.terraform("untaint", "iot_pipeline.test"))
	d.must("going on", d.apply())
	d.unchanged("after an interrupted create")
	after := d.terraform("state", "show", "iot_pipeline.test")
	if id(before.Output) == "" || id(before.Output) != id(after.Output) {
		t.Errorf("the pipeline was re-created: id %q, then %q", id(before.Output), id(after.Output))
	}

	run(10, "destroy")
	d.must("destroying again", d.destroy())
	d.empty("after an interrupted destroy")
}

// While an apply or a destroy still plans, Terraform passes no Ctrl-C on: it lets the reading end and then applies
// nothing. A second Ctrl-C ends it at once. Either way nothing has been written. A plan, and a refresh, stop with the
// first.
func TestInterruptWhileReading(t *testing.T) {
	w := newAWS(t)
	d := newWorkdir(t, w)
	d.describe(small("greenhouse", "soil-1"))
	d.must("create", d.apply())
	reading := func(command ...string) (r *tftest.Running, release func()) {
		d.proxy.Clear()
		waiting, release := d.hold(func(r faultproxy.Request) bool { return r.Service != "sts" })
		r = d.begin(command...)
		await(t, r, waiting)
		heard := r.Said("Interrupt received")
		interrupt(t, r)
		await(t, r, heard)
		return r, release
	}
	for _, command := range [][]string{{"plan"}, {"refresh"}} {
		r, release := reading(command...)
		if out := r.Wait(); out.Code == 0 || !out.Says("was interrupted") {
			t.Errorf("%v: exit code %d:\n%s", command, out.Code, out.Output)
		}
		release()
	}
	for _, command := range [][]string{{"apply", "-auto-approve"}, {"destroy", "-auto-approve"}} {
		r, release := reading(command...)
		release()
		if out := r.Wait(); out.Code == 0 || !out.Says("execution halted") {
			t.Errorf("%v, read to the end: exit code %d:\n%s", command, out.Code, out.Output)
		}
		r, release = reading(command...)
		again := r.Said("Two interrupts received")
		interrupt(t, r)
		await(t, r, again)
		at := time.Now()
		if out := r.Wait(); out.Code == 0 || time.Since(at) > soon {
			t.Errorf("%v, second Ctrl-C: exit code %d after %s:\n%s", command, out.Code, time.Since(at), out.Output)
		}
		release()
		if writes := d.writes(); len(writes) != 0 {
			t.Errorf("%v wrote: %v", command, writes)
		}
	}
	d.proxy.Clear()
	d.unchanged("after all interruptions")
	d.must("destroy", d.destroy())
	w.RequireEmpty(t, "after destroy")
}

// id is the pipeline's id in what `terraform state show` prints.
func id(text string) string {
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, "="); ok && strings.TrimSpace(name) == "id" &&
			strings.HasPrefix(line, "    id") {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
