package pipeline

import (
	"cmp"
	"encoding/json"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Measures of CloudWatch's dashboards [CloudWatch: Dashboard Body Structure and Syntax].
const (
	dashboardColumns  = 24
	maxAlarmsOfWidget = 100

	headingHeight = 1
	alarmHeight   = 4
	graphHeight   = 6
	// A widget with the last values of gauges is as high as the graph beside it.
	graphPeriodSeconds = 300
)

// dashboardBody is what CloudWatch keeps of a dashboard.
type dashboardBody struct {
	Start          string            `json:"start"`          // an ISO 8601 duration before now
	PeriodOverride string            `json:"periodOverride"` // auto: longer periods for a longer range
	Widgets        []dashboardWidget `json:"widgets"`
}

// dashboardWidget is a rectangle of the grid.
type dashboardWidget struct {
	Type       string `json:"type"` // of its properties: "text", "alarm" or "metric"
	X          int    `json:"x"`
	Y          int    `json:"y"`
	Width      int    `json:"width"`
	Height     int    `json:"height"`
	Properties any    `json:"properties"`
}

type textWidget struct {
	Markdown   string `json:"markdown"`
	Background string `json:"background,omitzero"`
}

type alarmWidget struct {
	Title  string   `json:"title"`
	Alarms []string `json:"alarms"` // ARNs
	SortBy string   `json:"sortBy"`
}

type metricWidget struct {
	Title     string       `json:"title"`
	Region    string       `json:"region"`
	View      string       `json:"view"`
	Stacked   bool         `json:"stacked,omitzero"`
	Sparkline bool         `json:"sparkline,omitzero"`
	Period    int          `json:"period"`
	YAxis     *yAxis       `json:"yAxis,omitzero"`
	Metrics   []graphEntry `json:"metrics"`
}

type yAxis struct {
	Left axis `json:"left"`
}

type axis struct {
	Min       int    `json:"min"`
	Label     string `json:"label,omitzero"`
	ShowUnits bool   `json:"showUnits"`
}

// graphEntry is a metric of a widget, or an expression of others. One that only an expression reads is hidden.
type graphEntry struct {
	spec.MetricQuery
	hidden bool
}

// rendering is the last element of a metric, and the only one of an expression.
type rendering struct {
	Expression string `json:"expression,omitzero"`
	ID         string `json:"id,omitzero"`
	Label      string `json:"label,omitzero"`
	Stat       string `json:"stat,omitzero"`
	Period     int32  `json:"period,omitzero"`
	Visible    *bool  `json:"visible,omitzero"`
}

// MarshalJSON writes the entry as an array: namespace, metric, names and values of dimensions, rendering.
func (e graphEntry) MarshalJSON() ([]byte, error) {
	r := rendering{Expression: e.Expression, ID: e.ID, Label: e.Label, Stat: e.Statistic, Period: e.PeriodSeconds}
	if e.hidden {
		r.Visible = new(bool)
	}
	if e.Expression != "" {
		return json.Marshal([]any{r})
	}
	list := []any{e.Namespace, e.Metric}
	for _, name := range sortedKeys(e.Dimensions) {
		list = append(list, name, e.Dimensions[name])
	}
	return json.Marshal(append(list, r))
}

// graph says what a widget with metrics shows.
type graph struct {
	title   string
	unit    string // of the axis; empty: CloudWatch's own
	view    string // empty: lines over time
	stacked bool
	metrics []graphEntry
}

func (b *builder) hasDashboard() bool { return b.hasMonitoring() && *b.config.Monitoring.Dashboard }

// dashboardPart is the pipeline's dashboard. All regions of an account share the names of dashboards.
func (b *builder) dashboardPart() assembly.Part {
	name := b.names.dashboard()
	return b.part("dashboard", spec.KindDashboard, name, b.arn.dashboard(name), nil,
		spec.Dashboard{Body: b.dashboardBody(), Tags: b.env.Tags})
}

func (b *builder) dashboardBody() string {
	l := layout{region: b.env.Region}
	l.heading("# Pipeline " + b.config.Name + "\nWhat to do about an alarm: guide *Runbooks* of the provider *iot*.")
	l.alarms(b.alarmParts())
	for _, row := range b.dashboardRows() {
		l.heading("## " + row.title)
		l.graphs(row.graphs)
	}
	return encode(dashboardBody{Start: "-PT24H", PeriodOverride: "auto", Widgets: l.widgets})
}

// layout puts widgets below each other.
type layout struct {
	region  string
	widgets []dashboardWidget
	y       int
}

func (l *layout) add(kind string, x, width, height int, properties any) {
	l.widgets = append(l.widgets, dashboardWidget{Type: kind, X: x, Y: l.y, Width: width, Height: height,
		Properties: properties})
}

func (l *layout) heading(markdown string) {
	height := headingHeight
	if l.y == 0 {
		height = 2
	}
	l.add("text", 0, dashboardColumns, height, textWidget{Markdown: markdown, Background: "transparent"})
	l.y += height
}

// alarms shows the states of all alarms, those that went off first.
func (l *layout) alarms(parts []assembly.Part) {
	for from := 0; from < len(parts); from += maxAlarmsOfWidget {
		w := alarmWidget{Title: "Alarms", SortBy: "stateUpdatedTimestamp"}
		for _, p := range parts[from:min(from+maxAlarmsOfWidget, len(parts))] {
			w.Alarms = append(w.Alarms, p.ARN)
		}
		l.add("alarm", 0, dashboardColumns, alarmHeight, w)
		l.y += alarmHeight
	}
}

// graphs puts graphs of the same width beside each other.
func (l *layout) graphs(list []graph) {
	width := dashboardColumns / len(list)
	for i, g := range list {
		w := metricWidget{Title: g.title, Region: l.region, View: cmp.Or(g.view, "timeSeries"), Stacked: g.stacked,
			Sparkline: g.view == "singleValue", Period: graphPeriodSeconds, Metrics: g.metrics}
		if g.view == "" {
			w.YAxis = &yAxis{Left: axis{Label: g.unit, ShowUnits: g.unit == ""}}
		}
		l.add("metric", i*width, width, graphHeight, w)
	}
	l.y += graphHeight
}
