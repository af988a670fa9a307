package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// panel is a finished panel, or the error that its builder found.
type panel struct {
	dashboard.Panel
	err error
}

// Build implements cog.Builder.
func (p panel) Build() (dashboard.Panel, error) {
	if p.err != nil {
		return dashboard.Panel{}, cog.MakeBuildErrors("panel", p.err)
	}
	return p.Panel, nil
}

// Heights, in rows of Grafana's grid of 24 columns.
const (
	heightOfCount = 4
	height        = 8
)

func finished(b cog.Builder[dashboard.Panel]) panel {
	p, err := b.Build()
	return panel{p, err}
}

// series is a chart of values over time.
func series(ref common.DataSourceRef, title, description, unit string, width uint32, targets []target) panel {
	return finished(lines(ref, title, description, unit, width, targets))
}

func lines(ref common.DataSourceRef, title, description, unit string, width uint32,
	targets []target) *timeseries.PanelBuilder {
	b := timeseries.NewPanelBuilder().
		Title(title).Datasource(ref).Unit(unit).Span(width).Height(height).Targets(targets).
		FillOpacity(10).ShowPoints(common.VisibilityModeAuto).
		Legend(common.NewVizLegendOptionsBuilder().
			DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom).ShowLegend(true)).
		Tooltip(common.NewVizTooltipOptionsBuilder().
			Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
	if description != "" {
		b.Description(description)
	}
	return b
}

// bars is a chart of counts over time, one above the other.
func bars(ref common.DataSourceRef, title, description string, width uint32, targets []target) panel {
	return finished(lines(ref, title, description, "short", width, targets).
		DrawStyle(common.GraphDrawStyleBars).FillOpacity(60).
		Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal).Group("A")))
}

// count is the last value of a gauge as a number.
func count(ref common.DataSourceRef, title, description, color string, width uint32, targets []target) panel {
	return finished(stat.NewPanelBuilder().
		Title(title).Description(description).Datasource(ref).Unit("short").Span(width).Height(heightOfCount).
		Targets(targets).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdFixed).FixedColor(color)).
		GraphMode(common.BigValueGraphModeArea).TextMode(common.BigValueTextModeValue).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})))
}

// rowsOf is a table.
func rowsOf(ref common.DataSourceRef, title, description string, width uint32, t target) panel {
	return finished(table.NewPanelBuilder().
		Title(title).Description(description).Datasource(ref).Span(width).Height(height).WithTarget(t).
		Filterable(true).
		// Without a reducer, the footer is not valid.
		Footer(common.NewTableFooterOptionsBuilder().Show(false).Reducer([]string{"sum"})))
}
