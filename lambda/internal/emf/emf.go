// Package emf counts what a function did and prints it in CloudWatch's embedded metric format.
//
// Dimensions are the pipeline, the function and, for counts by reason, the reason. A device is never a dimension,
// because AWS charges for each combination of dimensions [AWS 7.7]. The package must not know what the counts mean.
package emf

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// Namespace is the CloudWatch namespace of every metric.
const Namespace = contract.MetricsNamespace

// maxValues is how many numbers a metric can have in one line [AWS 7.7].
const maxValues = 100

// Recorder collects the metrics of one invocation. It is safe for concurrent use.
type Recorder struct {
	pipeline, function, level string

	mu       sync.Mutex
	counts   map[string]int
	byReason map[string]map[string]int
	millis   map[string][]int64
	notes    map[string]string
}

// New returns an empty recorder. level is the function's log level; Lambda's filter would drop a line below it.
func New(pipeline, function, level string) *Recorder {
	if level == "" {
		level = "INFO"
	}
	return &Recorder{
		pipeline: pipeline, function: function, level: level,
		counts: map[string]int{}, byReason: map[string]map[string]int{}, millis: map[string][]int64{},
		notes: map[string]string{},
	}
}

// Count adds n to a metric. A metric counted with 0 is printed as 0.
func (r *Recorder) Count(name string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[name] += n
}

// CountReason adds n to a metric that is printed in total and once per reason.
func (r *Recorder) CountReason(name, reason string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[name] += n
	if r.byReason[name] == nil {
		r.byReason[name] = map[string]int{}
	}
	r.byReason[name][reason] += n
}

// Millis adds durations, in milliseconds. It keeps values.
func (r *Recorder) Millis(name string, values []int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.millis[name] = append(r.millis[name], values...)
}

// Note adds a property to the line of totals. Log queries can group by it; it does not create a metric.
func (r *Recorder) Note(name, value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes[name] = value
}

// Get returns a metric's count so far.
func (r *Recorder) Get(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[name]
}

type metric struct {
	Name string
	Unit string
}

type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []metric
}

// WriteTo prints one line for the totals, and one per metric and reason.
func (r *Recorder) WriteTo(w io.Writer) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var lines strings.Builder
	now := time.Now()

	totals := r.line(now)
	for name, value := range r.notes {
		totals[name] = value
	}
	var metrics []metric
	for _, name := range slices.Sorted(maps.Keys(r.counts)) {
		metrics = append(metrics, metric{name, "Count"})
		totals[name] = r.counts[name]
	}
	for _, name := range slices.Sorted(maps.Keys(r.millis)) {
		metrics = append(metrics, metric{name, "Milliseconds"})
		totals[name] = sample(r.millis[name])
	}
	if err := r.print(&lines, now, totals, []string{"Pipeline", "Function"}, metrics); err != nil {
		return 0, err
	}
	for _, name := range slices.Sorted(maps.Keys(r.byReason)) {
		for _, reason := range slices.Sorted(maps.Keys(r.byReason[name])) {
			line := r.line(now)
			line[contract.ReasonDimension], line[name] = reason, r.byReason[name][reason]
			if err := r.print(&lines, now, line, []string{"Pipeline", "Function", contract.ReasonDimension},
				[]metric{{name, "Count"}}); err != nil {
				return 0, err
			}
		}
	}
	n, err := io.WriteString(w, lines.String())
	return int64(n), err
}

func (r *Recorder) line(now time.Time) map[string]any {
	return map[string]any{
		"level": r.level, "timestamp": now.UTC().Format("2006-01-02T15:04:05.000Z07:00"),
		"Pipeline": r.pipeline, "Function": r.function,
	}
}

func (r *Recorder) print(
	lines *strings.Builder,
	now time.Time,
	line map[string]any,
	dimensions []string,
	metrics []metric,
) error {
	if len(metrics) == 0 {
		return nil
	}
	line["_aws"] = map[string]any{
		"Timestamp":         now.UnixMilli(),
		"CloudWatchMetrics": []directive{{Namespace: Namespace, Dimensions: [][]string{dimensions}, Metrics: metrics}},
	}
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	lines.Write(text)
	lines.WriteByte('\n')
	return nil
}

// sample sorts the values and returns at most maxValues of them, evenly spread, including the smallest and the largest,
// so that CloudWatch's percentiles match those of all values.
func sample(values []int64) []int64 {
	slices.Sort(values)
	if len(values) <= maxValues {
		return values
	}
	out := make([]int64, maxValues)
	for i := range out {
		out[i] = values[i*(len(values)-1)/(maxValues-1)]
	}
	return out
}
