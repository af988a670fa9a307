package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// reading writes what the processor writes for one reading: the key of one with its own time ends with a hash, of any
// other with a sequence number.
func (f *fixture) reading(at time.Time, sequence int, measures item) {
	f.t.Helper()
	form := "#%056d"
	if sequence%4 < 2 {
		form = "#%032x"
	}
	f.put(readingsTable, item{contract.DeviceKey: text("soil-001"),
		contract.ReadingKey:        text(at.UTC().Format(timeForm) + fmt.Sprintf(form, sequence)),
		contract.SequenceAttribute: text(fmt.Sprint(sequence)),
		contract.ArrivedAttribute:  number(at.UnixMilli() + 40),
		contract.MeasuresAttribute: &types.AttributeValueMemberM{Value: measures}})
}

func TestRecentReadingsAreNewestFirst(t *testing.T) {
	f := newFixture(t, nil)
	for i := range 25 {
		measures := item{"humidity": number(int64(i))}
		if i%5 == 0 {
			measures["door.state"] = text("open")
		}
		f.reading(f.clock.Add(time.Duration(i/2)*time.Second), i, measures) // two have each time
	}
	var found []float64
	cursor := ""
	for {
		page := get[Readings](f, "/v1/devices/soil-001/readings?limit=4&measure=humidity"+cursor)
		for _, r := range page.Readings {
			found = append(found, r.Measures["humidity"].(float64))
		}
		if page.Cursor == "" {
			break
		}
		cursor = "&cursor=" + page.Cursor
	}
	want := make([]float64, 25)
	for i := range want {
		want[i] = float64(24 - i)
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// From the third second up to the fifth, without it.
	query := url.Values{"from": {f.clock.Add(3 * time.Second).Format(time.RFC3339)},
		"to": {f.clock.Add(5 * time.Second).Format(time.RFC3339)}}
	got := get[Readings](f, "/v1/devices/soil-001/readings?"+query.Encode())
	if len(got.Readings) != 4 || got.Readings[0].Measures["humidity"] != 9.0 ||
		!got.Readings[3].At.Equal(f.clock.Add(3*time.Second)) ||
		!got.Readings[3].ArrivedAt.Equal(f.clock.Add(3*time.Second+40*time.Millisecond)) {
		t.Errorf("readings %+v", got.Readings)
	}
	if got := get[Readings](f, "/v1/devices/soil-001/readings?measure=door.state"); len(got.Readings) != 5 ||
		len(got.Readings[0].Measures) != 1 || got.Readings[0].Measures["door.state"] != "open" {
		t.Errorf("with one measure: %+v", got.Readings)
	}
}

// window writes what the metrics function writes for one item of a window.
func (f *fixture) window(start time.Time, part string, measure string, values ...int64) {
	f.t.Helper()
	var sum int64
	for _, v := range values {
		sum += v
	}
	last := len(values) - 1
	f.put(metricsTable, item{contract.DeviceKey: text("soil-001"),
		contract.WindowStartKey: text(start.UTC().Format(time.RFC3339) + "#" + part),
		contract.WindowEndKey:   text(start.Add(time.Minute).UTC().Format(time.RFC3339)),
		contract.MeasuresAttribute: &types.AttributeValueMemberM{Value: item{
			measure: &types.AttributeValueMemberM{Value: item{
				contract.CountStatistic: number(int64(len(values))), contract.SumStatistic: number(sum),
				contract.MinimumStatistic: number(slices.Min(values)), contract.MaximumStatistic: number(slices.Max(values)),
				contract.AverageStatistic:    &types.AttributeValueMemberN{Value: fmt.Sprint(float64(sum) / float64(last+1))},
				contract.FirstValueStatistic: number(values[0]), contract.FirstAtStatistic: number(start.UnixMilli() + values[0]),
				contract.LastValueStatistic: number(values[last]), contract.LastAtStatistic: number(start.UnixMilli() + values[last]),
			}},
		}}})
}

// The items of a window are added up, wherever a page ends.
func TestWindowsAreWhole(t *testing.T) {
	f := newFixture(t, nil)
	for i := range 7 {
		start := f.clock.Add(time.Duration(i) * time.Minute)
		f.window(start, "aaaa", "humidity", 30, 40)
		f.window(start, "bbbb", "humidity", 20, 50, 60)
		f.window(start, "bbbb#1", "battery", 3)
	}
	for _, limit := range []int{1, 2, 3, 7, 50} {
		var found []Window
		cursor := ""
		for {
			page := get[Windows](f, fmt.Sprintf("/v1/devices/soil-001/metrics?limit=%d%s", limit, cursor))
			found = append(found, page.Windows...)
			if page.Cursor == "" {
				break
			}
			cursor = "&cursor=" + page.Cursor
		}
		if len(found) != 7 {
			t.Fatalf("with limit %d there are %d windows", limit, len(found))
		}
		for i, w := range found {
			start := f.clock.Add(time.Duration(6-i) * time.Minute)
			want := Window{Start: start, End: start.Add(time.Minute), Measures: map[string]Statistics{
				"humidity": {Count: 5, Sum: 200, Minimum: 20, Maximum: 60, Average: 40,
					FirstValue: 20, FirstAt: start.Add(20 * time.Millisecond),
					LastValue: 60, LastAt: start.Add(60 * time.Millisecond)},
				"battery": {Count: 1, Sum: 3, Minimum: 3, Maximum: 3, Average: 3, FirstValue: 3,
					FirstAt: start.Add(3 * time.Millisecond), LastValue: 3, LastAt: start.Add(3 * time.Millisecond)},
			}}
			if diff := cmp.Diff(want, w); diff != "" {
				t.Errorf("limit %d, window %d (-want +got):\n%s", limit, i, diff)
			}
		}
	}
	query := url.Values{"from": {f.clock.Add(61 * time.Second).Format(time.RFC3339)},
		"to": {f.clock.Add(3 * time.Minute).Format(time.RFC3339)}, "measure": {"battery"}}
	got := get[Windows](f, "/v1/devices/soil-001/metrics?"+query.Encode())
	if len(got.Windows) != 1 || !got.Windows[0].Start.Equal(f.clock.Add(2*time.Minute)) ||
		len(got.Windows[0].Measures) != 1 {
		t.Errorf("from 1:01 to 3:00: %+v", got.Windows)
	}
}

// An answer stays below what Lambda takes, however much a reading has.
func TestPagesAreBoundedInBytes(t *testing.T) {
	f := newFixture(t, nil)
	f.device("soil-001", contract.StatusOnline)
	const count = 30
	for i := range count {
		f.reading(f.clock.Add(time.Duration(i)*time.Second), i, item{"log": text(strings.Repeat("x", 300<<10))})
	}
	seen, pages := 0, 0
	cursor := ""
	for {
		r := f.ask(request{method: http.MethodGet, path: "/v1/devices/soil-001/readings?limit=100" + cursor})
		if len(r.body) > 6<<20 {
			t.Fatalf("an answer of %d bytes", len(r.body))
		}
		page := answered[Readings](r, http.StatusOK)
		seen, pages = seen+len(page.Readings), pages+1
		if page.Cursor == "" {
			break
		}
		cursor = "&cursor=" + page.Cursor
	}
	if seen != count || pages < 2 {
		t.Errorf("%d of %d readings on %d pages", seen, count, pages)
	}
}

func TestWhatThePipelineDoesNotKeep(t *testing.T) {
	f := newFixture(t, map[string]string{contract.EnvReadingsTable: "", contract.EnvMetricsTable: ""})
	f.device("soil-001", contract.StatusOnline)
	for _, list := range []string{"readings", "metrics"} {
		f.ask(request{method: http.MethodGet, path: "/v1/devices/soil-001/" + list}).wantProblem(notEnabled)
	}
}

func TestADeviceWithoutHistory(t *testing.T) {
	f := newFixture(t, nil)
	f.thing("soil-001", owner)
	if got := get[Readings](f, "/v1/devices/soil-001/readings"); len(got.Readings) != 0 || got.Cursor != "" {
		t.Errorf("readings %+v", got)
	}
	if got := get[Windows](f, "/v1/devices/soil-001/metrics"); len(got.Windows) != 0 || got.Cursor != "" {
		t.Errorf("windows %+v", got)
	}
	for _, list := range []string{"readings", "metrics"} {
		f.ask(request{method: http.MethodGet, path: "/v1/devices/soil-002/" + list}).wantProblem(unknownDevice)
		f.ask(request{method: http.MethodGet, path: "/v1/devices/soil-001/" + list +
			"?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z"}).wantProblem(invalid)
	}
}
