package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/queue"
)

// listen opens the loopback address of health and metrics.
func (g *Gateway) listen() error {
	if g.config.Monitor == config.Off {
		return nil
	}
	listener, err := net.Listen("tcp", g.config.Monitor)
	if err != nil {
		return fmt.Errorf("listening for health and metrics: %w", err)
	}
	g.monitor = listener
	g.log.Info("Health and metrics are served.", "address", listener.Addr().String())
	return nil
}

// serve answers requests until the context ends.
func (g *Gateway) serve(ctx context.Context) {
	if g.monitor == nil {
		return
	}
	set := g.metrics()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		set.WritePrometheus(w)
		g.ruleMetrics().WritePrometheus(w)
		metrics.WriteProcessMetrics(w)
	})
	// A gateway without uplink does its work. One that cannot write to its disk does not.
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		status := g.Status()
		w.Header().Set("Content-Type", "application/json")
		if status.Queue.Problem != "" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		json.NewEncoder(w).Encode(status)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	stopped := context.AfterFunc(ctx, func() { server.Close() })
	defer stopped()
	server.Serve(g.monitor)
}

// metrics are read when they are asked for.
func (g *Gateway) metrics() *metrics.Set {
	set := metrics.NewSet()
	gauge := func(name string, value func() float64) { set.NewGauge("iot_edge_"+name, value) }
	stats := func(name string, value func(queue.Stats) float64) {
		gauge(name, func() float64 { return value(g.queue.Stats()) })
	}
	stats("queue_records", func(s queue.Stats) float64 { return float64(s.Records) })
	stats("queue_bytes", func(s queue.Stats) float64 { return float64(s.Bytes) })
	stats("queue_max_bytes", func(s queue.Stats) float64 { return float64(s.MaxBytes) })
	stats("queue_oldest_seconds", func(s queue.Stats) float64 {
		if s.Oldest.IsZero() {
			return 0
		}
		return max(time.Since(s.Oldest).Seconds(), 0)
	})
	stats("queue_appended_total", func(s queue.Stats) float64 { return float64(s.Appended) })
	stats("queue_rejected_total", func(s queue.Stats) float64 { return float64(s.Rejected) })
	stats("queue_lost_total", func(s queue.Stats) float64 { return float64(s.Lost) })
	for p := range (queue.Stats{}).Dropped {
		stats(fmt.Sprintf("queue_dropped_total{priority=%q}", queue.Priority(p)),
			func(s queue.Stats) float64 { return float64(s.Dropped[p]) })
	}
	gauge("uplink_connected", func() float64 {
		if g.uplink.Stats().Connected {
			return 1
		}
		return 0
	})
	gauge("uplink_in_flight", func() float64 { return float64(g.uplink.Stats().InFlight) })
	gauge("uplink_reconnects_total", func() float64 { return float64(g.uplink.Stats().Reconnects) })
	gauge("uplink_messages_total", func() float64 { return float64(g.uplink.Stats().Publishes) })
	gauge("uplink_records_total", func() float64 { return float64(g.uplink.Stats().Records) })
	gauge("children_connected", func() float64 { return float64(g.broker.Stats().Connected) })
	gauge("children_messages_total", func() float64 { return float64(g.broker.Stats().Messages) })
	gauge("children_refused_total", func() float64 { return float64(g.broker.Stats().Refused) })
	gauge("children_failed_total", func() float64 { return float64(g.broker.Stats().Failed) })
	gauge("commands_sent_total", func() float64 { return float64(g.broker.Stats().Commands) })
	gauge("commands_expired_total", func() float64 { return float64(g.broker.Stats().Expired) })
	gauge("commands_undelivered_total", func() float64 { return float64(g.broker.Stats().Undelivered) })
	g.certificateMetrics(gauge)
	return set
}

func (g *Gateway) certificateMetrics(gauge func(name string, value func() float64)) {
	if g.children.status() == nil {
		return
	}
	gauge("broker_certificate_days", func() float64 { return g.children.status().daysLeft() })
	gauge("broker_certificate_changes_total", func() float64 { return float64(g.children.status().Changes) })
	gauge("broker_certificate_problem", func() float64 {
		if g.children.status().Problem != "" {
			return 1
		}
		return 0
	})
}

// ruleMetrics are made for each request: the rules change with the settings.
func (g *Gateway) ruleMetrics() *metrics.Set {
	set, s := metrics.NewSet(), g.decider.status()
	count := func(name string, value uint64) { set.NewCounter("iot_edge_" + name).Set(value) }
	count("unmatched_forwarded_total", s.UnmatchedForwarded)
	count("unmatched_dropped_total", s.UnmatchedDropped)
	count("unstamped_total", s.Unstamped)
	count("rules_unstored_total", s.Unstored)
	count("rules_undelivered_total", s.Undelivered)
	series := float64(s.Series)
	set.NewGauge("iot_edge_rules_series", func() float64 { return series })
	for name, r := range s.Rules {
		for what, value := range map[string]uint64{
			"matched": r.Matched, "forwarded": r.Forwarded, "dropped": r.Dropped, "gathered": r.Gathered,
			"windows": r.Windows, "empty": r.Empty, "late": r.Late, "implausible": r.Implausible,
			"suppressed": r.Suppressed, "limited": r.Limited, "unreadable": r.Unreadable, "overflowed": r.Overflowed,
			"raised": r.Raised, "cleared": r.Cleared, "commands": r.Commands, "interrupted": r.Interrupted,
			"failed": r.Failed,
		} {
			count(fmt.Sprintf("rule_total{rule=%q,what=%q}", name, what), value)
		}
	}
	return set
}
