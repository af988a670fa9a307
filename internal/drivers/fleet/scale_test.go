package fleet_test

import (
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/iotstub"
)

// BenchmarkFleet measures one life of a fleet on the stub without quotas and latency: creation, an empty plan, one
// device more, removal of all. One iteration is one life; the parts are reported in milliseconds. Stub and driver
// share the processor and the memory.
func BenchmarkFleet(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			spent := map[string]time.Duration{}
			requests, peak := 0, uint64(0)
			for b.Loop() {
				l := &life{b: b, spent: spent}
				stub := iotstub.New(iotstub.Options{Fault: l.measure()})
				requests += l.on(stub, stubbed(b, stub), n)
				peak = max(peak, l.peak.Load())
			}
			for _, part := range slices.Sorted(maps.Keys(spent)) {
				b.ReportMetric(float64(spent[part].Milliseconds())/float64(b.N), part+"-ms")
			}
			b.ReportMetric(float64(requests)/float64(b.N)/float64(n), "requests/device")
			b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
		})
	}
}

type life struct {
	b     *testing.B
	spent map[string]time.Duration
	peak  atomic.Uint64
}

// on lives with n devices and gives the number of requests.
func (l *life) on(stub *iotstub.Server, clients *awsapi.Clients, n int) int {
	want := greenhouse(manyDevices(n))
	ref := newRef()
	var prior map[string]spec.DeviceIdentity
	run := func(what string, do func(d *fleet.Driver) error) {
		d := fleet.New(clients, prior, fleet.Options{Wanted: slices.Collect(maps.Keys(want.Devices))})
		begun := time.Now()
		if err := do(d); err != nil {
			l.b.Fatal(what, err)
		}
		l.spent[what] += time.Since(begun)
		prior = d.Identities()
	}
	run("create", func(d *fleet.Driver) error {
		id, err := d.Create(l.b.Context(), ref, want)
		ref.ID, ref.Outputs = id.ID, id.Outputs
		return err
	})
	run("plan", func(d *fleet.Driver) error { return l.plan(d, ref, want, 0) })
	want.Devices["one-more"] = spec.Device{}
	run("add", func(d *fleet.Driver) error { return l.plan(d, ref, want, 1) })
	run("destroy", func(d *fleet.Driver) error { return d.Delete(l.b.Context(), ref) })
	if things, certificates, bundles := stub.Size(); things+certificates+bundles > 0 {
		l.b.Fatalf("left: %d things, %d certificates, %d bundles", things, certificates, bundles)
	}
	total := 0
	for _, count := range stub.Requests() {
		total += count
	}
	return total
}

// plan observes, compares, and applies when something differs.
func (l *life) plan(d *fleet.Driver, ref assembly.Ref, want spec.Fleet, changes int) error {
	have, err := d.Observe(l.b.Context(), ref)
	if err != nil {
		return err
	}
	differing := d.Diff(have.Spec, want)
	if len(differing) != changes {
		return fmt.Errorf("%d changes, want %d", len(differing), changes)
	}
	if changes > 0 {
		_, err = d.Update(l.b.Context(), ref, have, want, differing)
	}
	return err
}

// measure looks at the heap every few requests.
func (l *life) measure() func(string, *http.Request) iotstub.Fault {
	count := 0
	return func(string, *http.Request) iotstub.Fault {
		if count++; count%2000 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			l.peak.Store(max(l.peak.Load(), m.HeapAlloc))
		}
		return iotstub.Fault{}
	}
}

// quotas are so many times AWS's default request rates, and none for the bundles.
func quotas(times float64) map[string]float64 {
	rates := iotstub.Quotas()
	for operation := range rates {
		rates[operation] *= times
	}
	rates["ssm:PutParameter"] = 0
	return rates
}

// TestQuotasAreKept makes and removes a fleet on a stub that enforces what the client keeps to: hardly a request may be
// refused, and none may be lost. BenchmarkFleetWithQuotas measures the time.
func TestQuotasAreKept(t *testing.T) {
	const n = 300
	rates := quotas(20)
	server := iotstub.New(iotstub.Options{Rates: rates})
	a := &account{t: t, ctx: t.Context(), aws: stubbedWith(t, server, awsapi.Options{RequestRates: rates})}
	d, ref := a.apply(newRef(), greenhouse(manyDevices(n)), nil)
	if err := d.Delete(a.ctx, ref); err != nil {
		t.Fatal(err)
	}
	whole(t, server, nil)
	if refused := server.Refused(); refused > n/10 {
		t.Errorf("%d requests were over the quotas", refused)
	}
}

// BenchmarkFleetWithQuotas measures a life of a fleet with AWS's default quotas and answers after 30 ms, as a
// multiple of the time that the slowest operation's quota dictates; a bucket holds one second's worth, which is free.
func BenchmarkFleetWithQuotas(b *testing.B) {
	for _, n := range []int{10, 500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			rates := quotas(1)
			spent := map[string]time.Duration{}
			for b.Loop() {
				l := &life{b: b, spent: spent}
				stub := iotstub.New(iotstub.Options{Latency: 30 * time.Millisecond, Rates: rates, Fault: l.measure()})
				l.on(stub, stubbedWith(b, stub, awsapi.Options{RequestRates: rates}), n)
				b.ReportMetric(float64(stub.Refused()), "refused")
			}
			dictated := time.Duration(max(0, n-10)) * time.Second / 10
			for _, part := range slices.Sorted(maps.Keys(spent)) {
				b.ReportMetric(float64(spent[part].Milliseconds())/float64(b.N), part+"-ms")
			}
			if dictated > 0 {
				b.ReportMetric(spent["create"].Seconds()/float64(b.N)/dictated.Seconds(), "create-vs-quota")
				b.ReportMetric(spent["destroy"].Seconds()/float64(b.N)/dictated.Seconds(), "destroy-vs-quota")
			}
		})
	}
}
