package watch

import (
	"context"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// countEvery is how often the devices are counted: every five minutes, with room for a run that starts early. Counting
// reads the whole index.
const countEvery = 5*time.Minute - 30*time.Second

// gauges are the metrics with the number of devices of each status.
var gauges = []struct{ status, metric string }{
	{contract.StatusOnline, contract.DevicesOnlineMetric},
	{contract.StatusSilent, contract.DevicesSilentMetric},
	{contract.StatusOffline, contract.DevicesOfflineMetric},
}

// count counts the devices by status, every few minutes.
func (r *run) count(ctx context.Context, l limits) error {
	last := time.UnixMilli(r.state.countedAt)
	if r.clock.Before(last.Add(countEvery)) && !r.clock.Before(last) {
		return nil
	}
	counts := make([]int, len(gauges))
	for i, g := range gauges {
		var err error
		if _, counts[i], err = r.devices.find(ctx, query{status: g.status, count: true}); err != nil {
			return err
		}
	}
	rows := 0
	for i, g := range gauges {
		r.metrics.Count(g.metric, counts[i])
		rows += counts[i]
	}
	if l.described != nil {
		r.metrics.Count(contract.DevicesNeverSeenMetric, max(0, int(*l.described)-rows))
	}
	r.state.countedAt = r.clock.UnixMilli()
	return nil
}
