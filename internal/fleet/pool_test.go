package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/time/rate"

	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

func items(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("item-%04d", i)
	}
	return all
}

func TestPoolIsAsWideAsAllowed(t *testing.T) {
	p := newPool(8, nil)
	var active, widest atomic.Int32
	full := make(chan struct{})
	err := p.each(t.Context(), "items", items(200), func(context.Context, string) error {
		n := active.Add(1)
		defer active.Add(-1)
		for w := widest.Load(); n > w && !widest.CompareAndSwap(w, n); w = widest.Load() {
		}
		if n == 8 {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		<-full // nobody leaves before eight are in
		return nil
	})
	if err != nil || widest.Load() != 8 {
		t.Errorf("error %v, widest %d", err, widest.Load())
	}
}

func TestPoolNarrowsAndWidens(t *testing.T) {
	p := newPool(32, nil)
	p.slow()
	p.slow() // of the same round: one cause
	if p.width != 16 {
		t.Fatalf("width %d after the first throttling, want 16", p.width)
	}
	if err := p.each(t.Context(), "items", items(1), func(context.Context, string) error { p.slow(); return nil }); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		p.calm = 1
		p.slow()
	}
	if p.width != 1 {
		t.Fatalf("width %d after much throttling, want 1", p.width)
	}
	if err := p.each(t.Context(), "items", items(600), func(context.Context, string) error { return nil }); err != nil || p.width != 32 {
		t.Errorf("width %d after 600 calm items, want 32 (error %v)", p.width, err)
	}
}

func TestPoolKeepsAPanicToItsDevice(t *testing.T) {
	p := newPool(4, nil)
	err := p.each(t.Context(), "items", items(20), func(_ context.Context, item string) error {
		if item == "item-0007" {
			panic("out of order")
		}
		return nil
	})
	var many *DevicesError
	if !errors.As(err, &many) || many.Done != 19 || !strings.Contains(err.Error(), `device "item-0007": this is a bug in the provider: out of order`) {
		t.Errorf("got %v", err)
	}
}

func TestDeadlineTooNearForTheQuotaIsSaidOnce(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	l := rate.NewLimiter(rate.Every(2*time.Hour), 3)
	err := newPool(4, nil).each(ctx, "items", items(500), func(ctx context.Context, _ string) error {
		if err := l.Wait(ctx); err != nil {
			return fmt.Errorf("operation error IoT: CreateThing, %w", err)
		}
		return nil
	})
	var many *DevicesError
	if !errors.As(err, &many) || !errors.Is(err, context.DeadlineExceeded) || many.Done != 3 || len(many.Errors) != 0 {
		t.Errorf("got %v", err)
	}
}

func TestMark(t *testing.T) {
	a, b, c := strings.Repeat("a", 64), strings.Repeat("b", 64), strings.Repeat("c", 64)
	for _, m := range []mark{
		{}, {source: sourceGenerated, id: a}, {source: "csr-1f", id: a, retired: []string{b, c}},
		{source: sourceOwn + a, id: a, retired: []string{b}, pending: true},
	} {
		if diff := cmp.Diff(m, readMark(m.String()), cmp.AllowUnexported(mark{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", m, diff)
		}
	}
	for _, text := range []string{"generated", "generated:", "generated:xyz", "generated:" + a + ",", "generated:" + a[1:], ":#"} {
		if m := readMark(text); m.id != "" {
			t.Errorf("%q was taken for a mark: %v", text, m)
		}
	}
	if long := (mark{source: sourceOwn + a, id: a, retired: []string{b, c}, pending: true}).String(); len(long) > 800 {
		t.Errorf("%d characters; AWS takes 800", len(long))
	}
}

func TestSourceIgnoresWhatIsAroundThePEM(t *testing.T) {
	text := "-----BEGIN CERTIFICATE REQUEST-----\nAAEC\n-----END CERTIFICATE REQUEST-----\n"
	other := "made by openssl\r\n" + strings.ReplaceAll(text, "\n", "\r\n")
	if a, b := SourceOf(object.Device{CSRPEM: text}), SourceOf(object.Device{CSRPEM: other}); a != b || !strings.HasPrefix(a, sourceCSR) {
		t.Errorf("%q and %q", a, b)
	}
	if a, b := SourceOf(object.Device{CSRPEM: text}), SourceOf(object.Device{CSRPEM: strings.Replace(text, "AAEC", "AAED", 1)}); a == b {
		t.Errorf("another request has the same source %q", a)
	}
}

func TestBundleIsNotPrinted(t *testing.T) {
	b := Bundle{Thing: "soil-001", PrivateKey: "SECRET"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(verb, b); strings.Contains(text, "SECRET") {
			t.Errorf("%s: %s", verb, text)
		}
	}
}

func TestEstimate(t *testing.T) {
	rates := map[string]float64{"iot:UpdateCertificate": 10, "iot:CreateCertificateFromCsr": 15, "ssm:PutParameter": 3, "secretsmanager:CreateSecret": 50, "iot:DeleteCertificate": 10}
	tests := []struct {
		added, removed int
		kind           string
		want           time.Duration
		slowest        string
	}{
		{9000, 0, StoreSSM, 3000 * time.Second, "ssm:PutParameter"},
		{9000, 0, StoreSecrets, 900 * time.Second, "iot:UpdateCertificate"},
		{0, 100, StoreSSM, 10 * time.Second, "iot:DeleteCertificate"},
		{0, 0, StoreSSM, 0, ""},
	}
	for _, test := range tests {
		got, slowest := Estimate(test.added, test.removed, test.kind, func(op string) float64 { return rates[op] })
		if got != test.want || slowest != test.slowest {
			t.Errorf("%d added, %d removed, %s: %s by %q, want %s by %q", test.added, test.removed, test.kind, got, slowest, test.want, test.slowest)
		}
	}
}

func TestPacedReportsWithRateAndTimeLeft(t *testing.T) {
	clock := time.Unix(0, 0)
	var got []Progress
	tell := Paced(10*time.Second, func() time.Time { return clock }, func(p Progress) { got = append(got, p) })
	for done := 1; done <= 101; done++ {
		tell(done, 101, "devices made")
		clock = clock.Add(time.Second / 4)
	}
	tell(250, 0, "things listed")
	clock = clock.Add(11 * time.Second)
	tell(500, 0, "things listed")
	want := []Progress{
		{What: "devices made", Done: 41, Total: 101, PerSecond: 4, Left: 15 * time.Second},
		{What: "devices made", Done: 81, Total: 101, PerSecond: 4, Left: 5 * time.Second},
		{What: "devices made", Done: 101, Total: 101, PerSecond: 4},
		{What: "things listed", Done: 500, PerSecond: 250.0 / 11},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
