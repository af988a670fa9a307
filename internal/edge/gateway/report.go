package gateway

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/queue"
)

// Status is what a gateway publishes on its own status topic, and shows at /healthz.
type Status struct {
	Status  string `json:"status"` // "online": the gateway is a device like others
	Version string `json:"version"`
	// Settings is the version of the settings that hold, from the shadow or a deployment.
	Settings int64 `json:"settings_version"`
	Uptime   int64 `json:"uptime_seconds"`
	Children int   `json:"children_connected"`
	// Problem says where children cannot connect.
	Problem  string        `json:"children_problem,omitempty"`
	Commands Commands      `json:"commands"`
	Queue    QueueStatus   `json:"queue"`
	Uplink   LinkStatus    `json:"uplink"`
	Broker   *BrokerStatus `json:"broker,omitempty"` // nil without TLS
	Rules    RulesStatus   `json:"rules"`
}

// Commands counts commands for children since the start, of AWS IoT and of rules.
type Commands struct {
	Sent        uint64 `json:"sent"` // or waiting for a child that has a session
	Expired     uint64 `json:"expired"`
	Undelivered uint64 `json:"undelivered"` // lost for another reason
}

// BrokerStatus describes the certificate that the broker shows to children.
type BrokerStatus struct {
	Expires time.Time `json:"certificate_expires"`
	Days    int       `json:"certificate_days"` // that are left
	Changes uint64    `json:"certificate_changes"`
	// Problem is why the files on the disk are not in use.
	Problem string `json:"certificate_problem,omitempty"`
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
	// CertificateID is AWS's name of the certificate with which the uplink connects.
	CertificateID string `json:"certificate_id,omitempty"`
}

// Status returns the gateway's state.
func (g *Gateway) Status() Status {
	q, u, b := g.queue.Stats(), g.uplink.Stats(), g.broker.Stats()
	g.mu.Lock()
	settings, certificate := g.settings.Version, g.credentials.CertificateID
	g.mu.Unlock()
	s := Status{
		Status: "online", Version: g.version, Settings: settings, Uptime: int64(time.Since(g.started).Seconds()),
		Children: b.Connected, Problem: g.broker.Problem(),
		Commands: Commands{Sent: b.Commands, Expired: b.Expired, Undelivered: b.Undelivered},
		Queue: QueueStatus{Records: q.Records, Bytes: q.Bytes, MaxBytes: q.MaxBytes, Rejected: q.Rejected, Lost: q.Lost,
			Dropped: map[string]uint64{}},
		Uplink: LinkStatus{Connected: u.Connected, Since: u.Since.UTC().Truncate(time.Second), Reconnects: u.Reconnects,
			LastError: u.LastError, CertificateID: certificate},
		Broker: g.children.status(), Rules: g.decider.status(),
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
	status := g.Status()
	topics := contract.TopicsOf(g.identity.Prefix, g.identity.Gateway)
	err := g.publish(topics.Status, status)
	g.mu.Lock()
	settings := g.settings
	g.mu.Unlock()
	if err == nil && settings.StatusTelemetry {
		err = g.publish(topics.Telemetry, g.reported.reading(status, settings, g.decider.now().Wall))
	}
	if err != nil {
		g.log.Debug("The state was not reported.", "error", err)
		return
	}
	g.reported.are(status)
}

func (g *Gateway) publish(topic string, content any) error {
	payload, err := json.Marshal(content)
	if err != nil {
		return err
	}
	return g.uplink.Publish(topic, payload)
}

// reportedCounts are the counts of the last state that was reported.
type reportedCounts struct {
	known                   bool
	dropped, lost, rejected uint64
	reconnects              uint64
}

func (c *reportedCounts) are(s Status) {
	*c = reportedCounts{known: true, dropped: s.Queue.allDropped(), lost: s.Queue.Lost, rejected: s.Queue.Rejected,
		reconnects: s.Uplink.Reconnects}
}

// reading is the state as telemetry of the gateway. What is counted is counted since the last report, so that an alert
// ends; after a start, since then.
func (c *reportedCounts) reading(s Status, settings config.Settings, now time.Time) map[string]any {
	since := *c
	if !since.known {
		since.are(s)
	}
	measures := map[string]any{
		"queue_records": s.Queue.Records, "queue_bytes": s.Queue.Bytes, "queue_oldest_seconds": s.Queue.OldestSeconds,
		"queue_dropped":  s.Queue.allDropped() - min(since.dropped, s.Queue.allDropped()),
		"queue_lost":     s.Queue.Lost - min(since.lost, s.Queue.Lost),
		"queue_rejected": s.Queue.Rejected - min(since.rejected, s.Queue.Rejected),
		"queue_problem":  s.Queue.Problem != "", "children_connected": s.Children,
		"uplink_reconnects": s.Uplink.Reconnects - min(since.reconnects, s.Uplink.Reconnects),
	}
	if s.Broker != nil {
		measures["broker_certificate_days"] = s.Broker.Days
	}
	return map[string]any{cmp.Or(settings.TimeField, "timestamp"): now.UnixMilli(),
		cmp.Or(settings.DataField, "data"): measures}
}

func (q QueueStatus) allDropped() uint64 {
	sum := uint64(0)
	for _, n := range q.Dropped {
		sum += n
	}
	return sum
}
