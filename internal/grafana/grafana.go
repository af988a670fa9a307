package grafana

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// Dashboard returns the JSON model of a dashboard. The same setup gives the same text. The error is an *argument.Error.
func Dashboard(s Setup) (string, error) {
	if err := s.Check(); err != nil {
		return "", err
	}
	b := dashboard.NewDashboardBuilder(cmp.Or(s.Title, "Pipeline "+s.Pipeline.Name)).
		Uid(cmp.Or(s.UID, s.defaultUID())).
		Description("Pipeline "+s.Pipeline.Name+" in "+s.Pipeline.Region+". Made by terraform-provider-iot.").
		Tags([]string{"iot-pipeline", s.Pipeline.Name}).
		Editable().Timezone(common.TimeZoneBrowser).
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Time("now-6h", "now").Refresh(s.refresh())
	s.addVariables(b)
	id := uint32(0)
	next := func() *uint32 { id++; n := id; return &n }
	for _, r := range s.rows() {
		heading := dashboard.NewRowBuilder(r.title).Id(*next())
		for i := range r.panels {
			r.panels[i].Id = next()
			if r.collapsed {
				heading.WithPanel(r.panels[i])
			}
		}
		b.WithRow(heading)
		for i := 0; i < len(r.panels) && !r.collapsed; i++ {
			b.WithPanel(r.panels[i])
		}
	}
	model, err := b.Build()
	if err != nil {
		return "", fmt.Errorf("building the dashboard: %w", err)
	}
	out, err := json.Marshal(model)
	return string(out), err
}

// defaultUID does not change: a pipeline's name is unique in an account and a region.
func (s Setup) defaultUID() string {
	p := s.Pipeline
	sum := sha256.Sum256([]byte(strings.Join([]string{p.AccountID, p.Region, p.Name}, "/")))
	return "iot-" + hex.EncodeToString(sum[:8])
}

// refresh is how often Grafana asks again. Each question to Athena costs at least 10 MB of scanned data, and the
// archive is five minutes old by default.
func (s Setup) refresh() string {
	if s.Datasources.Athena != nil {
		return "5m"
	}
	return "1m"
}

// addVariables adds the device and the measures, if a store has them.
func (s Setup) addVariables(b *dashboard.DashboardBuilder) {
	stores := s.stores()
	if len(stores) == 0 {
		return
	}
	b.WithVariable(dashboard.NewQueryVariableBuilder(deviceVariable).Label("Device").
		Datasource(stores[0].source()).Query(stores[0].devices()).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Sort(dashboard.VariableSortNaturalAsc))
	all := dashboard.VariableOption{
		Text:  dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}},
		Value: dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}},
	}
	if len(s.Measures) > 0 {
		names := make([]string, len(s.Measures))
		for i, m := range s.Measures {
			names[i] = strings.ReplaceAll(m, ",", `\,`)
		}
		b.WithVariable(dashboard.NewCustomVariableBuilder(measureVariable).Label("Measures").
			Values(text(strings.Join(names, ","))).Multi(true).IncludeAll(true).Current(all))
		return
	}
	for _, st := range stores {
		if query, listed := st.measures(); listed {
			b.WithVariable(dashboard.NewQueryVariableBuilder(measureVariable).Label("Measures").
				Datasource(st.source()).Query(query).Multi(true).IncludeAll(true).Current(all).
				Refresh(dashboard.VariableRefreshOnDashboardLoad).Sort(dashboard.VariableSortNaturalAsc))
			return
		}
	}
}
