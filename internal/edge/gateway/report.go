package gateway

import (
	"encoding/json"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/queue"
)

// Status is what a gateway publishes on its own status topic, and shows at /healthz.
type Status struct {
	Status  string `json:"status"` // "online": the gateway is a device like others
	Version string `json:"version"`
	// Settings is the version of the shadow's settings that hold.
	Settings int64       `json:"settings_version"`
	Uptime   int64       `json:"uptime_seconds"`
	Children int         `json:"children_connected"`
	Queue    QueueStatus `json:"queue"`
	Uplink   LinkStatus  `json:"uplink"`
	Rules    RulesStatus `json:"rules"`
}

// QueueStatus describes the queue. The counts are those since the queue exists.
type QueueStatus struct {
	Records  uint64 `json:"records"`
	Bytes    int64  `json:"bytes"`
	MaxBytes int64  `json:"max_bytes"`
	// OldestSeconds is the age of the oldest record.
	OldestSeconds int64             `json:"oldest_seconds"`
	Dropped       map[string]uint64 `json:"dropped"` // by priority
	Rejected      uint64            `json:"rejected"`
	Lost          uint64            `json:"lost"`
	Problem       string            `json:"problem,omitempty"`
}

// LinkStatus describes the uplink.
type LinkStatus struct {
	Connected  bool      `json:"connected"`
	Since      time.Time `json:"since"`
	Reconnects uint64    `json:"reconnects"`
	LastError  string    `json:"last_error,omitempty"`
}

// Status returns the gateway's state.
func (g *Gateway) Status() Status {
	q, u := g.queue.Stats(), g.uplink.Stats()
	g.mu.Lock()
	settings := g.settings.Version
	g.mu.Unlock()
	s := Status{
		Status: "online", Version: g.version, Settings: settings, Uptime: int64(time.Since(g.started).Seconds()),
		Children: g.broker.Stats().Connected,
		Queue: QueueStatus{Records: q.Records, Bytes: q.Bytes, MaxBytes: q.MaxBytes, Rejected: q.Rejected, Lost: q.Lost,
			Dropped: map[string]uint64{}},
		Uplink: LinkStatus{Connected: u.Connected, Since: u.Since.UTC().Truncate(time.Second), Reconnects: u.Reconnects,
			LastError: u.LastError},
		Rules: g.decider.status(),
	}
	if !q.Oldest.IsZero() {
		s.Queue.OldestSeconds = max(int64(time.Since(q.Oldest).Seconds()), 0)
	}
	for p, n := range q.Dropped {
		s.Queue.Dropped[queue.Priority(p).String()] = n
	}
	if q.Problem != nil {
		s.Queue.Problem = q.Problem.Error()
	}
	return s
}

// reportNow makes tick report.
func (g *Gateway) reportNow() {
	select {
	case g.statuses <- struct{}{}:
	default:
	}
}

// report publishes the state. Without uplink there is nobody to tell: the next connection reports again.
func (g *Gateway) report() {
	payload, err := json.Marshal(g.Status())
	if err == nil {
		err = g.uplink.Publish(contract.TopicsOf(g.identity.Prefix, g.identity.Gateway).Status, payload)
	}
	if err != nil {
		g.log.Debug("The state was not reported.", "error", err)
	}
}
