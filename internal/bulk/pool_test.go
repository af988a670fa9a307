package bulk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/time/rate"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

var clients = awsapi.New(aws.Config{}, awsapi.Options{})

func items(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("item-%04d", i)
	}
	return all
}

func TestPoolIsAsWideAsAllowed(t *testing.T) {
	p := NewPool(clients, 8, nil)
	var active, widest atomic.Int32
	full := make(chan struct{})
	err := p.Each(t.Context(), "items", items(200), func(context.Context, string) error {
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
		<-full // nobody leaves before eight are here
		return nil
	})
	if err != nil || widest.Load() != 8 {
		t.Errorf("error %v, widest %d", err, widest.Load())
	}
}

func TestPoolNarrowsAndWidens(t *testing.T) {
	p := NewPool(clients, 32, nil)
	p.slow()
	p.slow() // of the same round: one cause
	if p.width != 16 {
		t.Fatalf("width %d after the first throttling, want 16", p.width)
	}
	throttle := func(context.Context, string) error { p.slow(); return nil }
	if err := p.Each(t.Context(), "items", items(1), throttle); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		p.calm = 1
		p.slow()
	}
	if p.width != 1 {
		t.Fatalf("width %d after much throttling, want 1", p.width)
	}
	calm := func(context.Context, string) error { return nil }
	if err := p.Each(t.Context(), "items", items(600), calm); err != nil || p.width != 32 {
		t.Errorf("width %d after 600 calm items, want 32 (error %v)", p.width, err)
	}
}

func TestPoolKeepsAPanicToItsDevice(t *testing.T) {
	p := NewPool(clients, 4, nil)
	err := p.Each(t.Context(), "items", items(20), func(_ context.Context, item string) error {
		if item == "item-0007" {
			panic("out of order")
		}
		return nil
	})
	var many *DevicesError
	if !errors.As(err, &many) || many.Done != 19 ||
		!strings.Contains(err.Error(), `device "item-0007": this is a bug in the provider: out of order`) {
		t.Errorf("got %v", err)
	}
}

func TestDeadlineTooNearForTheQuotaIsReportedOnce(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	l := rate.NewLimiter(rate.Every(2*time.Hour), 3)
	err := NewPool(clients, 4, nil).Each(ctx, "items", items(500), func(ctx context.Context, _ string) error {
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
