// Package embedded plays CloudWatch's embedded metric format: the metrics in the lines that functions print go into
// CloudWatch, as AWS takes them from their log groups.
//
// It knows the format, but neither the functions nor what their metrics mean. [AWS CloudWatch embedded metric format]
package embedded

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// Limits of PutMetricData.
const (
	maxData   = 1000 // in a request
	maxValues = 150  // different ones of a metric
)

// closeTime limits the requests of Close.
const closeTime = 2 * time.Second

// CloudWatch is the part of its client that the player uses.
type CloudWatch interface {
	PutMetricData(context.Context, *cloudwatch.PutMetricDataInput, ...func(*cloudwatch.Options)) (
		*cloudwatch.PutMetricDataOutput, error)
}

// A Player collects metrics and puts them every interval, until it is closed.
type Player struct {
	client   CloudWatch
	events   runlog.Sink
	interval time.Duration
	stop     context.CancelFunc
	running  sync.WaitGroup

	mu     sync.Mutex
	series map[series]map[float64]float64 // value → how often
}

// series is a metric in a minute: CloudWatch keeps no finer ones.
type series struct {
	namespace, name, unit string
	dimensions            string // as JSON, so that series can be compared
	minute                int64  // epoch ms
}

// Start starts a player. An interval of 0 means a second.
func Start(client CloudWatch, interval time.Duration, events runlog.Sink) *Player {
	ctx, cancel := context.WithCancel(context.Background())
	p := &Player{client: client, events: events, interval: cmp.Or(interval, time.Second), stop: cancel,
		series: map[series]map[float64]float64{}}
	p.running.Go(func() { p.run(ctx) })
	return p
}

// Close puts what it has, and ends. A nil player does nothing.
func (p *Player) Close() {
	if p == nil {
		return
	}
	p.stop()
	p.running.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	p.put(ctx)
}

func (p *Player) run(ctx context.Context) {
	ticker := time.NewTicker(p.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			p.put(ctx)
		}
	}
}

// directive is the member _aws of a line.
type directive struct {
	Timestamp         int64
	CloudWatchMetrics []struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []struct{ Name, Unit string }
	}
}

// Read takes the metrics of a line, if it has any. It only collects them; a nil player does nothing.
func (p *Player) Read(line string) {
	if p == nil || !strings.Contains(line, `"_aws"`) {
		return
	}
	var members map[string]json.RawMessage
	var d directive
	if json.Unmarshal([]byte(line), &members) != nil || json.Unmarshal(members["_aws"], &d) != nil {
		return // CloudWatch takes it for text as well
	}
	minute := d.Timestamp / 60_000 * 60_000
	for _, set := range d.CloudWatchMetrics {
		for _, names := range set.Dimensions {
			dimensions, err := dimensionsOf(members, names)
			if err != nil {
				continue
			}
			for _, metric := range set.Metrics {
				s := series{set.Namespace, metric.Name, metric.Unit, dimensions, minute}
				p.add(s, numbers(members[metric.Name]))
			}
		}
	}
}

func (p *Player) add(s series, values []float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.series[s] == nil {
		p.series[s] = map[float64]float64{}
	}
	for _, value := range values {
		p.series[s][value]++
	}
}

// dimensionsOf reads the values of dimensions, which are texts.
func dimensionsOf(members map[string]json.RawMessage, names []string) (string, error) {
	list := make([][2]string, 0, len(names))
	for _, name := range names {
		var value string
		if err := json.Unmarshal(members[name], &value); err != nil {
			return "", err
		}
		list = append(list, [2]string{name, value})
	}
	text, err := json.Marshal(list)
	return string(text), err
}

// numbers is a number or a list of numbers.
func numbers(text json.RawMessage) []float64 {
	var one float64
	var all []float64
	if json.Unmarshal(text, &one) == nil {
		return []float64{one}
	}
	if json.Unmarshal(text, &all) != nil {
		return nil
	}
	return all
}

// put sends what has been collected. What CloudWatch does not take is lost, and logged.
func (p *Player) put(ctx context.Context) {
	p.mu.Lock()
	collected := p.series
	p.series = map[series]map[float64]float64{}
	p.mu.Unlock()
	byNamespace := map[string][]types.MetricDatum{}
	for s, values := range collected {
		byNamespace[s.namespace] = append(byNamespace[s.namespace], s.data(values)...)
	}
	var problems []error
	for namespace, data := range byNamespace {
		for some := range slices.Chunk(data, maxData) {
			_, err := p.client.PutMetricData(ctx,
				&cloudwatch.PutMetricDataInput{Namespace: aws.String(namespace), MetricData: some})
			if err != nil {
				problems = append(problems, fmt.Errorf("%d metrics of %s are lost: %w", len(some), namespace, err))
			}
		}
	}
	if err := errors.Join(problems...); err != nil {
		p.events.Send(runlog.Event{Kind: runlog.Failed, Action: "metrics", Error: err.Error()})
	}
}

// data divides the values of a series, in order, into as few as PutMetricData takes.
func (s series) data(values map[float64]float64) []types.MetricDatum {
	var dimensions []types.Dimension
	var list [][2]string
	if json.Unmarshal([]byte(s.dimensions), &list) == nil {
		for _, d := range list {
			dimensions = append(dimensions, types.Dimension{Name: &d[0], Value: &d[1]})
		}
	}
	different := make([]float64, 0, len(values))
	for value := range values {
		different = append(different, value)
	}
	slices.Sort(different)
	var all []types.MetricDatum
	for some := range slices.Chunk(different, maxValues) {
		d := types.MetricDatum{MetricName: aws.String(s.name), Dimensions: dimensions, Unit: types.StandardUnit(s.unit),
			Timestamp: aws.Time(time.UnixMilli(s.minute)), Values: some}
		for _, value := range some {
			d.Counts = append(d.Counts, values[value])
		}
		all = append(all, d)
	}
	return all
}
