package gateway_test

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/gateway"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/rules"
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

// TestManyChildren: a thousand children over TLS, each with a window of ten measures, do not use up the memory, and all
// of them connect again at once.
func TestManyChildren(t *testing.T) {
	const many = 1000
	a := newAuthority(t)
	var names []string
	for i := range many {
		names = append(names, fmt.Sprintf("s%d", i))
	}
	s := newSite(t, a, "127.0.0.1:1", names)
	quick := quickHash(t, s.password) // the test is not about hashes
	for _, name := range names {
		s.config.Broker.Children[name] = config.Child{Password: quick}
	}
	s.config.Log.Level = "info"
	s.config.Settings.Rules = map[string]rules.Rule{"all": {SQL: allTelemetry,
		Window: &rules.Window{Seconds: 3600, Aggregates: rules.Aggregates}}}
	s.save(t)
	t.Setenv("GOMAXPROCS", "1")
	p := s.run(t, build(t))
	for round := range 2 {
		var all sync.WaitGroup
		var connected []*child
		var mu sync.Mutex
		for worker := range 20 {
			all.Go(func() {
				for i := worker; i < many; i += 20 {
					c, err := s.connect(p.children, names[i], nil)
					if err == nil {
						err = c.publish("telemetry", reading(`{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":10}`))
					}
					if err != nil {
						t.Errorf("%s: %v", names[i], err)
						return
					}
					mu.Lock()
					connected = append(connected, c)
					mu.Unlock()
				}
			})
		}
		all.Wait()
		p.await(t, "all connected", func(s gateway.Status) bool { return s.Children == many })
		if got := p.status(t).Rules; got.Series != 11*many || got.Rules["all"].Gathered != uint64((round+1)*many) {
			t.Errorf("rules: %+v", got)
		}
		memory := resident(t, p.command.Process.Pid)
		t.Logf("%d MiB", memory>>20)
		if memory > maxMemory {
			t.Errorf("iot-edge uses %d bytes of memory, want at most %d", memory, maxMemory)
		}
		for _, c := range connected {
			_ = c.client.Disconnect(&paho.Disconnect{})
		}
		p.await(t, "all gone", func(s gateway.Status) bool { return s.Children == 0 })
	}
}

// quickHash is a hash of a password that takes no time.
func quickHash(t testing.TB, password string) string {
	t.Helper()
	salt := []byte("salt")
	key, err := pbkdf2.Key(sha256.New, password, salt, 1, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawStdEncoding.EncodeToString
	return "pbkdf2-sha256$1$" + encode(salt) + "$" + encode(key)
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
