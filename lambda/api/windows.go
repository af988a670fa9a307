package api

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// windowPage collects windows. A window can have several items, which come one after the other.
type windowPage struct {
	limit, bytes int
	pick         []string // measures; none: all
	list         []Window
	done         string // the start of the newest window that is whole

	start string // of the window that is being collected
	open  Window
}

// add takes the next item. It reports that the page is full without it.
func (p *windowPage) add(row item) bool {
	start, _, _ := strings.Cut(content(row[contract.WindowStartKey]), "#")
	if start != p.start {
		p.end()
		if len(p.list) >= p.limit || p.bytes > answerBytes {
			return true
		}
		p.begin(start, content(row[contract.WindowEndKey]))
	}
	measures, ok := row[contract.MeasuresAttribute].(*types.AttributeValueMemberM)
	if !ok {
		return false
	}
	for name, value := range measures.Value {
		m, ok := value.(*types.AttributeValueMemberM)
		if !ok || len(p.pick) > 0 && !slices.Contains(p.pick, name) {
			continue
		}
		stats := readStatistics(m.Value)
		if known, ok := p.open.Measures[name]; ok {
			stats = known.and(stats)
		}
		p.open.Measures[name] = stats
	}
	return false
}

func (p *windowPage) begin(start, end string) {
	p.start = start
	p.open = Window{Measures: map[string]Statistics{}}
	// What cannot be read as a time is not a window's.
	p.open.Start, _ = time.Parse(time.RFC3339, start)
	p.open.End, _ = time.Parse(time.RFC3339, end)
}

// end ends the window that is being collected.
func (p *windowPage) end() {
	if p.start == "" {
		return
	}
	p.done = p.start
	if len(p.open.Measures) > 0 {
		p.list = append(p.list, p.open)
	}
	const each = 320 // bytes of the statistics in JSON
	for name := range p.open.Measures {
		p.bytes += each + len(name)
	}
	p.start, p.open = "", Window{}
}

func readStatistics(m item) Statistics {
	at := func(name string) time.Time { return time.UnixMilli(whole(m[name])).UTC() }
	return Statistics{
		Count: whole(m[contract.CountStatistic]), Sum: float(m[contract.SumStatistic]),
		Minimum: float(m[contract.MinimumStatistic]), Maximum: float(m[contract.MaximumStatistic]),
		Average:    float(m[contract.AverageStatistic]),
		FirstValue: float(m[contract.FirstValueStatistic]), FirstAt: at(contract.FirstAtStatistic),
		LastValue: float(m[contract.LastValueStatistic]), LastAt: at(contract.LastAtStatistic),
	}
}

// float returns a number, or 0 for anything else.
func float(v types.AttributeValue) float64 {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	value, err := strconv.ParseFloat(n.Value, 64)
	if err != nil {
		return 0
	}
	return value
}

// and adds up the statistics of two items of a window.
func (s Statistics) and(other Statistics) Statistics {
	if other.FirstAt.Before(s.FirstAt) {
		s.FirstValue, s.FirstAt = other.FirstValue, other.FirstAt
	}
	if !other.LastAt.Before(s.LastAt) {
		s.LastValue, s.LastAt = other.LastValue, other.LastAt
	}
	s.Count, s.Sum = s.Count+other.Count, s.Sum+other.Sum
	s.Minimum, s.Maximum = min(s.Minimum, other.Minimum), max(s.Maximum, other.Maximum)
	if s.Count > 0 {
		s.Average = s.Sum / float64(s.Count)
	}
	return s
}
