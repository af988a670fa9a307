// Package gateway is the program of a gateway: a broker for its children, a queue on disk, an uplink to AWS IoT, and
// the configuration from the gateway's shadow.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/broker"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/queue"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/rules"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/uplink"
)

// A Gateway is a running gateway.
type Gateway struct {
	config   *config.Config
	identity *config.Identity
	log      *slog.Logger
	version  string // of the program
	started  time.Time
	clock    func() rules.Time

	queue   *queue.Queue
	broker  *broker.Broker
	uplink  *uplink.Uplink
	monitor net.Listener
	decider *decider

	mu          sync.Mutex
	settings    config.Settings
	desired     []byte           // that the settings come from, nil for those of the file
	credentials *config.Identity // those that the uplink uses

	shadowVersion int64 // that arrived last on this connection
	statuses      chan struct{}
	reloads       chan struct{}
	renewals      renewals
	reported      reportedCounts // only tick uses it
	children      childTLS
}

// Start starts a gateway. Run makes it work. The clock is that of the children's messages.
func Start(c *config.Config, version string, log *slog.Logger, clock func() rules.Time) (*Gateway, error) {
	identity, err := c.Identity()
	if err != nil {
		return nil, err
	}
	if strings.Contains(identity.Gateway, ":") {
		return nil, fmt.Errorf("the credentials are those of %q, which is a device behind a gateway: use the gateway's",
			identity.Gateway)
	}
	g := &Gateway{config: c, identity: identity, credentials: identity, log: log, version: version, started: time.Now(),
		clock: clock, statuses: make(chan struct{}, 1), reloads: make(chan struct{}, 1)}
	if err := g.open(); err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

func (g *Gateway) open() (err error) {
	dir := filepath.Join(g.config.StateDirectory, "queue")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the directory of the queue: %w", err)
	}
	if err := syncDirectory(g.config.StateDirectory); err != nil {
		return fmt.Errorf("making the directory of the queue: %w", err)
	}
	g.queue, err = queue.Open(dir, queue.Options{
		MaxBytes: int64(g.config.Queue.MaxMiB) << 20, Policy: queue.DropPolicy(g.config.Queue.Drop),
		SyncEach: g.config.Queue.Sync == config.SyncEach,
	})
	if err != nil {
		return fmt.Errorf("opening the queue in %s: %w", dir, err)
	}
	found := g.queue.Recovery()
	g.log.Info("The queue is open.", "records", found.Records, "lost", found.Lost)
	if found.StateDamaged {
		g.log.Error("The state of the queue is damaged: all of its records are sent again, and the counts begin again.")
	}
	g.restore()
	children, err := g.children.open(&g.config.Broker)
	if err != nil {
		return err
	}
	g.warnOfExpiry()
	topics := []string{g.commandFilter()}
	if g.followsShadow() {
		topics = append(topics, g.shadowTopic()+"/get/accepted", g.shadowTopic()+"/update/documents")
	}
	g.uplink = uplink.New(uplink.Options{
		Endpoint: g.identity.Endpoint, TLS: g.identity.TLS, ClientID: g.identity.ClientID, Queue: g.queue,
		Settings: uplink.Settings{Limits: g.settings.Limits, Batch: g.settings.Batch}, Log: g.log,
		Subscriptions: topics, Receive: g.receive, Connected: func() { go g.connected() },
	})
	if err := g.startRules(); err != nil {
		return err
	}
	g.broker, err = broker.Start(broker.Options{
		Listen: g.config.Broker.Listen, TLS: children, Prefix: g.identity.Prefix, Gateway: g.identity.Gateway,
		Children: g.config.Broker.Children, Take: g.take, Log: g.log,
	})
	if err != nil {
		return err
	}
	g.broker.AllowCommandResults(g.settings.CommandResults)
	return g.listen()
}

// commandFilter is where the commands of all children arrive: <prefix>/<gateway>/children/<thing>/commands.
func (g *Gateway) commandFilter() string {
	return g.identity.Prefix + "/" + g.identity.Gateway + "/children/+/commands"
}

// shadowTopic is what the topics of the shadow with the settings begin with.
func (g *Gateway) shadowTopic() string {
	return "$aws/things/" + g.identity.Gateway + "/shadow/name/" + contract.EdgeShadow
}

// take does with what a child published what the rules say.
func (g *Gateway) take(_, topic string, payload []byte) error {
	return g.decider.take(topic, payload)
}

// receive takes what arrives from AWS IoT.
func (g *Gateway) receive(m message.Message) {
	if rest, ok := strings.CutPrefix(m.Topic, g.shadowTopic()); ok {
		if g.followsShadow() { // a session that AWS IoT has kept may still have the subscription
			g.shadow(rest, m.Payload)
		}
		return
	}
	name, ok := strings.CutSuffix(strings.TrimPrefix(m.Topic, g.identity.Prefix+"/"+g.identity.Gateway+"/children/"),
		"/commands")
	child, of := strings.CutPrefix(name, g.identity.Gateway+":")
	if !ok || !of {
		g.log.Warn("A message arrived on a topic that is not expected.", "topic", m.Topic)
		return
	}
	if err := g.broker.Command(child, m); err != nil {
		g.log.Warn("A command could not be delivered.", "child", child, "error", err)
	}
}

// connected runs after each connection: it asks for the settings, and reports.
func (g *Gateway) connected() {
	g.mu.Lock()
	g.shadowVersion = 0
	g.mu.Unlock()
	if g.followsShadow() {
		if err := g.uplink.Publish(g.shadowTopic()+"/get", nil); err != nil {
			g.log.Debug("The shadow was not asked for.", "error", err)
		}
	}
	g.reportNow()
}

// Run works until the context ends. Then it stops listening, forwards what it can for the configured time, and closes.
func (g *Gateway) Run(ctx context.Context) error {
	defer g.close()
	up, stop := context.WithCancel(context.Background())
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { g.uplink.Run(up) })
	running.Go(func() { g.serve(up) })
	g.tick(ctx)
	g.log.Info("Stopping.", "records", g.queue.Stats().Records)
	g.broker.Close()
	g.decider.close()
	g.drain(time.Duration(*g.config.DrainSeconds) * time.Second)
	stop()
	running.Wait()
	return g.queue.Close()
}

// tick does what is due from time to time, until the context ends.
func (g *Gateway) tick(ctx context.Context) {
	syncs := time.NewTicker(g.config.Queue.SyncEvery())
	defer syncs.Stop()
	reports := time.NewTicker(time.Second)
	defer reports.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-syncs.C:
			if err := g.queue.Sync(); err != nil {
				g.log.Error("The queue cannot be written to the disk.", "error", err)
			}
			continue
		case <-g.reloads:
			if !g.renew() {
				g.noteCopies()
			}
			g.uplink.Retry()
			continue
		case <-g.statuses:
		case <-reports.C:
			g.decider.tick()
			g.broker.Expire()
			g.renewNow()
			g.mu.Lock()
			due := time.Duration(g.settings.StatusSeconds) * time.Second
			g.mu.Unlock()
			if time.Since(last) < due {
				continue
			}
		}
		last = time.Now()
		g.report()
	}
}

// drain waits until the queue is empty.
func (g *Gateway) drain(most time.Duration) {
	deadline := time.NewTimer(most)
	defer deadline.Stop()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for g.queue.Stats().Records > 0 && g.uplink.Stats().Connected {
		select {
		case <-deadline.C:
			return
		case <-look.C:
		}
	}
}

func (g *Gateway) close() {
	if g.broker != nil {
		g.broker.Close()
	}
	if g.monitor != nil {
		g.monitor.Close()
	}
	if g.queue != nil {
		if err := g.queue.Close(); err != nil && !errors.Is(err, queue.ErrClosed) {
			g.log.Error("The queue could not be closed.", "error", err)
		}
	}
}

// Addresses are where children connect.
func (g *Gateway) Addresses() []string { return g.broker.Addresses() }
