package metrics

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// readingOf is a record as the generator knows it.
type readingOf struct {
	device string
	at     int64
	values map[string]float64
}

// generate makes the records of a shard's window: few devices or many, times that go back and forth and repeat, values
// of very different sizes.
func generate(r *rand.Rand, shard int) ([]lambdatest.Record, []readingOf) {
	devices, n := 1+r.IntN(30), r.IntN(150)
	records, all := make([]lambdatest.Record, n), make([]readingOf, n)
	for i := range records {
		one := readingOf{
			device: fmt.Sprintf("soil-%d-%02d", shard, r.IntN(devices)),
			at:     windowStart.Add(time.Duration(r.IntN(120)-60) * time.Second / 2).UnixMilli(),
			values: map[string]float64{},
		}
		for _, name := range []string{"temperature", "humidity", "b.c", "ü"}[:1+r.IntN(4)] {
			switch r.IntN(4) {
			case 0:
				one.values[name] = r.Float64()*2e6 - 1e6
			case 1:
				one.values[name] = r.NormFloat64() * 1e-20
			default:
				one.values[name] = float64(r.IntN(2000)-1000) / 10
			}
		}
		payload, _ := json.Marshal(map[string]any{"timestamp": one.at, "data": one.values})
		records[i] = lambdatest.Record{Thing: one.device, Payload: string(payload),
			Sequence: fmt.Sprintf("%d", 95+7*i)} // with more digits on the way
		all[i] = one
	}
	return records, all
}

// onePass computes what must come out, with numbers of any precision and without the handler's code.
func onePass(all []readingOf) map[string]result {
	out, sums := map[string]result{}, map[string]*big.Float{}
	for _, one := range all {
		for name, v := range one.values {
			k := one.device + " " + name + " " + windowStart.Format(time.RFC3339)
			if sums[k] == nil {
				sums[k] = new(big.Float).SetPrec(2000)
			}
			sums[k].Add(sums[k], big.NewFloat(v))
			next := result{Count: 1, Minimum: v, Maximum: v, FirstValue: v, LastValue: v, FirstAt: one.at, LastAt: one.at}
			out[k] = out[k].plus(next)
		}
	}
	for k, r := range out {
		r.Sum, _ = sums[k].Float64()
		out[k] = r
	}
	return out
}

// lambdaPoller plays what Lambda does with a window of a shard, and everything that it may do to it.
type lambdaPoller struct {
	t       *testing.T
	r       *rand.Rand
	h       *handler
	shard   string
	records []lambdatest.Record

	position int             // the first record that is not in the state
	state    json.RawMessage // passed on by the last invocation that counted
	ran      []windowEvent   // all invocations so far, for stale ones
}

// next is an invocation with the next few records.
func (p *lambdaPoller) next(final bool) windowEvent {
	from := p.position
	if p.state != nil && p.r.IntN(8) == 0 {
		from -= p.r.IntN(from + 1) // the state was kept, the position was not
	}
	to := p.position + p.r.IntN(len(p.records)-p.position+1)
	if final {
		to = len(p.records)
	}
	return windowEvent{records: p.records[from:to], state: p.state, shard: p.shard, final: final}
}

// run plays the window to its end; it returns when a final invocation has counted.
func (p *lambdaPoller) run() {
	for {
		final := p.position == len(p.records) || p.r.IntN(10) == 0
		e := p.next(final)
		p.ran = append(p.ran, e)
		state, err := try(p.t, p.h, e)
		if p.r.IntN(4) == 0 {
			// A stale invocation runs once more; what it returns goes nowhere.
			if _, err := try(p.t, p.h, p.ran[p.r.IntN(len(p.ran))]); err != nil && err.Error() == "" {
				p.t.Fatal(err)
			}
		}
		if err != nil || p.r.IntN(5) == 0 {
			continue // it failed, or its answer was lost
		}
		if final {
			return
		}
		p.position += max(0, len(e.records)-p.repeats(e))
		p.state = state
	}
}

// repeats is how many records of an invocation were in the state already.
func (p *lambdaPoller) repeats(e windowEvent) int {
	if len(e.records) == 0 {
		return 0
	}
	n := 0
	for _, r := range e.records {
		for _, old := range p.records[:p.position] {
			if old.Sequence == r.Sequence {
				n++
			}
		}
	}
	return n
}

// TestSameAsOnePass is the point of this function: whatever Lambda does with a window, the table has what one pass over
// its records gives, to the last bit.
func TestSameAsOnePass(t *testing.T) {
	spills := 0
	for seed := range uint64(250) {
		r := rand.New(rand.NewPCG(seed, 18))
		h, m := start(t, nil)
		h.maxState = []int{maxState, 2000, 300}[r.IntN(3)]
		if r.IntN(2) == 0 {
			m.fail = func(int) (int, error) {
				switch r.IntN(12) {
				case 0:
					return r.IntN(5), errBroken
				case 1:
					return r.IntN(30), nil
				}
				return 0, nil
			}
		}
		want := map[string]result{}
		for shard := range 1 + r.IntN(3) {
			records, all := generate(r, shard)
			for k, v := range onePass(all) {
				want[k] = v
			}
			(&lambdaPoller{t: t, r: r, h: h, shard: fmt.Sprintf("shardId-%012d", shard), records: records}).run()
		}
		if diff := cmp.Diff(want, results(t, m)); diff != "" {
			t.Fatalf("seed %d (-one pass +table):\n%s", seed, diff)
		}
		for k := range m.items {
			if k[0] == '$' {
				spills++
			}
		}
	}
	if spills < 500 {
		t.Errorf("%d pieces were spilled: the test does not test spilling", spills)
	}
}
