package gateway_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/gateway"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/uplink"
)

// What a small gateway has.
const (
	maxBinary = 15_000_000
	maxMemory = 64 << 20
)

// TestSize: the program is small, and stays so with fifty children, a backlog on disk, and full speed in between.
func TestSize(t *testing.T) {
	program := build(t)
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("iot-edge has %d bytes", info.Size())
	if info.Size() > maxBinary {
		t.Errorf("iot-edge has %d bytes, want at most %d", info.Size(), maxBinary)
	}
	r := runLoad(t, program, 200)
	t.Logf("%+v", r)
	if r.memory > maxMemory {
		t.Errorf("iot-edge uses %d bytes of memory, want at most %d", r.memory, maxMemory)
	}
}

// BenchmarkGateway sends from fifty children, with a hundred messages on the way each, and batches upwards within AWS
// IoT's quotas for one connection. GOMAXPROCS of the program is 1.
func BenchmarkGateway(b *testing.B) {
	program := build(b)
	for b.Loop() {
		r := runLoad(b, program, 1000)
		b.ReportMetric(r.taken, "messages-taken/s")
		b.ReportMetric(r.forwarded, "messages-forwarded/s")
		b.ReportMetric(r.processor*1e6, "µs-CPU/message")
		b.ReportMetric(r.processor*5000*100, "%-of-a-core-at-5000/s")
		b.ReportMetric(float64(r.memory)/(1<<20), "MiB")
	}
}

type measured struct {
	taken, forwarded float64 // messages a second
	processor        float64 // seconds of processor time per message
	memory           int64   // the most that was resident
}

// runLoad sends count messages from each of fifty children, half of them while there is no uplink.
func runLoad(t testing.TB, program string, count int) measured {
	t.Helper()
	const children = 50
	a := newAuthority(t)
	c := startCloud(t, a)
	line := startProxy(t, c.address)
	var names []string
	for i := range children {
		names = append(names, fmt.Sprintf("s%d", i))
	}
	s := newSite(t, a, line.listener.Addr().String(), names)
	s.config.Settings.Batch = &uplink.Batch{MaxReadings: 100}
	s.config.Log.Level = "info"
	s.save(t)
	t.Setenv("GOMAXPROCS", "1")
	p := s.run(t, program)
	var connected []*child
	for _, name := range names {
		connected = append(connected, s.mustConnect(t, p.children, name))
	}
	send := func() time.Duration {
		start := time.Now()
		var running sync.WaitGroup
		for _, one := range connected {
			left := make(chan struct{}, count/2)
			for range count / 2 {
				left <- struct{}{}
			}
			close(left)
			for range 20 { // messages on the way
				running.Go(func() {
					for range left {
						if err := one.publish("telemetry", `{"timestamp":1767225600000,"data":{"temperature":21.5,`+
							`"humidity":40.25}}`); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
		}
		running.Wait()
		return time.Since(start)
	}
	line.set(true)
	before := processorTime(t, p.command.Process.Pid) // without the hashes of passwords
	took := send()
	line.set(false)
	p.await(t, "connected", func(s gateway.Status) bool { return s.Uplink.Connected })
	start := time.Now()
	p.await(t, "all forwarded", func(s gateway.Status) bool { return s.Queue.Records == 0 })
	half := float64(children * (count / 2))
	m := measured{taken: half / took.Seconds(), forwarded: half / time.Since(start).Seconds()}
	send()
	p.await(t, "all forwarded", func(s gateway.Status) bool { return s.Queue.Records == 0 })
	m.memory = resident(t, p.command.Process.Pid)
	m.processor = (processorTime(t, p.command.Process.Pid) - before).Seconds() / (2 * half)
	return m
}

// resident is the most memory that the process has had.
func resident(t testing.TB, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	kilobytes, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}

// processorTime is what the process has used, which the kernel counts in hundredths of a second.
func processorTime(t testing.TB, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(after)
	total := time.Duration(0)
	for _, field := range fields[11:13] { // in user mode and in the kernel
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		total += time.Duration(ticks) * 10 * time.Millisecond
	}
	return total
}
