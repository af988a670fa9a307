package metrics

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// random returns series with values of all sizes.
func random(r *rand.Rand, devices int) series {
	s := series{}
	for d := range devices {
		for m := range 1 + r.IntN(5) {
			stats := s.at(key{fmt.Sprintf("soil-%03d", d), fmt.Sprintf("measure.%d", m)})
			for range 1 + r.IntN(4) {
				v := float64(r.IntN(2_000_000)-1_000_000) / 1000
				if r.IntN(3) == 0 {
					v = r.NormFloat64() * math.Pow(10, float64(r.IntN(200)-100))
				}
				stats.add(sample{r.Int64N(1 << 41), v})
			}
		}
	}
	return s
}

// sameSum compares sums exactly; one number can be the sum of several sets of parts.
func sameSum(a, b exactSum) bool {
	difference := append(exactSum(nil), a...)
	for _, part := range b {
		difference.add(-part)
	}
	return len(difference) == 0
}

var exactly = cmp.Options{cmp.AllowUnexported(key{}, statistics{}, sample{}), cmp.Comparer(sameSum)}

func TestEncodingsDecode(t *testing.T) {
	for seed := range uint64(50) {
		s := random(rand.New(rand.NewPCG(seed, 1)), 40)
		for _, limit := range []int{0, 500, unlimited} {
			back := series{}
			for _, piece := range s.encode(s.sorted(), 1_767_225_600_000, limit) {
				if limit == 500 && len(piece) > 700 {
					t.Errorf("a piece of %d bytes", len(piece))
				}
				if err := back.decode(piece, 1_767_225_600_000); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(s, back, exactly); diff != "" {
				t.Fatalf("seed %d, limit %d (-encoded +decoded):\n%s", seed, limit, diff)
			}
		}
	}
}

// FuzzDecode feeds it what a state or a table could hold: it must neither fail nor take memory for what is not there,
// and what it reads must have an encoding that reads the same.
func FuzzDecode(f *testing.F) {
	for seed := range uint64(5) {
		s := random(rand.New(rand.NewPCG(seed, 2)), 3)
		f.Add(s.encode(s.sorted(), 0, unlimited)[0])
	}
	f.Add([]byte{codecVersion, 1, 1, 'v', 1, 'd', 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, in []byte) {
		s := series{}
		if s.decode(in, 0) != nil {
			return
		}
		again := series{}
		for _, piece := range s.encode(s.sorted(), 0, unlimited) {
			if err := again.decode(piece, 0); err != nil {
				t.Fatalf("%v, of what came from %x", err, in)
			}
		}
		if diff := cmp.Diff(s, again, exactly); diff != "" {
			t.Fatalf("%x (-decoded +decoded again):\n%s", in, diff)
		}
	})
}

func FuzzOpenWindow(f *testing.F) {
	f.Add("AQEBdgEBZAEBAgA=", "00ff.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2", "1", "2")
	f.Add("", "", "", "")
	f.Fuzz(func(t *testing.T, packed, spills, opened, last string) {
		var e windowEvent
		w, err := openWindow(windowOf(t, e, map[string]string{
			seriesMember: packed, spillsMember: spills, openedMember: opened, lastMember: last}))
		if err != nil {
			return
		}
		again, err := openWindow(windowOf(t, e, w.state()))
		if err != nil || !reflect.DeepEqual(w.spills, again.spills) || len(w.series) != len(again.series) {
			t.Fatalf("state %v does not open as it was: %v", w.state(), err)
		}
	})
}
