package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/queue"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/rules"
)

// keepEvery is how often the state of the rules is written. A crash loses what open windows took up since.
const keepEvery = 30 * time.Second

// store is what decider needs of the queue.
type store interface {
	Write(r queue.Record) (uint64, error)
	Await(sequence uint64) error
}

// decider applies the rules to what children publish: it puts what is to be forwarded into the queue, and sends
// commands.
type decider struct {
	gateway *Gateway
	queue   store
	clock   func() rules.Time
	file    string // the state of the rules

	writing sync.Mutex // is held while the state is written; before mu
	empty   bool       // the file says that nothing is remembered

	mu       sync.Mutex
	engine   *rules.Engine
	outputs  []rules.Output // scratch
	owed     []queue.Record // results of rules that the queue has not taken yet
	owing    int            // their bytes
	kept     time.Duration
	unstored uint64 // results of rules that the queue did not take, and that are lost
	failed   uint64 // commands that could not be sent
}

// now is the time of a message that comes now.
func (d *decider) now() rules.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.clock()
}

// startRules makes the rules of the settings hold, with the state that they had when the gateway stopped.
func (g *Gateway) startRules() error {
	d := &decider{gateway: g, queue: g.queue, clock: steady(g.clock, g.queue.Newest()),
		file: filepath.Join(g.config.StateDirectory, "rules.json")}
	engine, err := g.newEngine(g.settings)
	if err != nil {
		return err
	}
	d.engine, g.decider = engine, d
	data, err := os.ReadFile(d.file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	now := d.clock()
	var left []rules.Output
	if err == nil {
		left, err = engine.Restore(nil, data, now)
	}
	if err != nil {
		g.log.Error("The state of the rules cannot be read: open windows are lost, and dead bands begin again.",
			"error", err)
		return nil
	}
	if _, err := d.put(left, now); err != nil {
		g.log.Error("Windows of rules that have changed could not be stored.", "error", err)
	}
	if err := d.keep(false); err != nil { // from here on, an end without Close is a crash
		g.log.Error("The state of the rules was not written.", "error", err)
	}
	return nil
}

func (g *Gateway) newEngine(s config.Settings) (*rules.Engine, error) {
	engine, err := rules.New(s.RulesOf(g.identity.Prefix, g.identity.Gateway))
	if err != nil {
		return nil, fmt.Errorf("the rules of the gateway: %w", err)
	}
	return engine, nil
}

// take decides about a message of a child. It returns when what is forwarded of it is in the queue.
func (d *decider) take(topic string, payload []byte) error {
	d.mu.Lock()
	now := d.clock()
	d.outputs = d.engine.Message(d.outputs[:0], topic, payload, now)
	last, err := d.put(d.outputs, now)
	d.mu.Unlock()
	if err != nil {
		return err
	}
	return d.queue.Await(last)
}

// maxOwed bounds the memory for what the queue does not take.
const maxOwed = 4 << 20

// put stores outputs, and sends commands; d.mu is held, so that the messages of a child stay in order. It returns the
// sequence number of the last record. What the queue does not take, the child sends again; what the rules would not say
// again then, such as that an alert is raised, is kept until the disk works.
func (d *decider) put(outputs []rules.Output, now rules.Time) (last uint64, err error) {
	unpaid := d.pay()
	for i := range outputs {
		o := &outputs[i]
		if o.Kind == rules.ToChild {
			d.command(o)
			continue
		}
		record := queue.Record{Time: now.Wall, Priority: priorities[o.Priority], Topic: o.Topic, Payload: o.Payload}
		sequence, failure := uint64(0), unpaid
		if unpaid == nil || !o.Once { // in the order in which the rules said it
			sequence, failure = d.queue.Write(record)
		}
		if failure != nil {
			err, unpaid = failure, failure
			d.owe(o, record)
		}
		last = max(last, sequence)
	}
	return last, err
}

// owe keeps what the queue did not take.
func (d *decider) owe(o *rules.Output, record queue.Record) {
	switch size := len(record.Topic) + len(record.Payload); {
	case o.Once && d.owing+size <= maxOwed:
		record.Payload = bytes.Clone(record.Payload)
		d.owed, d.owing = append(d.owed, record), d.owing+size
	case o.Once:
		d.unstored++
	}
}

// pay stores what is owed. It returns why the queue does not take it.
func (d *decider) pay() error {
	for len(d.owed) > 0 {
		record := d.owed[0]
		if _, err := d.queue.Write(record); err != nil {
			return err
		}
		d.owing -= len(record.Topic) + len(record.Payload)
		d.owed[0] = queue.Record{}
		d.owed = d.owed[1:]
	}
	d.owed = nil
	return nil
}

var priorities = map[rules.Priority]queue.Priority{
	rules.Low: queue.Low, rules.Normal: queue.Normal, rules.High: queue.High,
}

func (d *decider) command(o *rules.Output) {
	child := strings.TrimPrefix(o.Child, d.gateway.identity.Gateway+":")
	if err := d.gateway.broker.Command(child, message.Message{Payload: o.Payload}); err != nil {
		d.failed++
		d.gateway.log.Warn("The command of a rule could not be sent.", "rule", o.Rule, "child", child, "error", err)
	}
}

// tick closes windows that have ended, and keeps the state from time to time.
func (d *decider) tick() {
	d.mu.Lock()
	now := d.clock()
	d.outputs = d.engine.Tick(d.outputs[:0], now)
	if _, err := d.put(d.outputs, now); err != nil {
		d.gateway.log.Error("Results of rules could not be stored.", "error", err)
	}
	due := now.Elapsed-d.kept >= keepEvery
	d.mu.Unlock()
	if !due {
		return
	}
	if err := d.keep(false); err != nil {
		d.gateway.log.Error("The state of the rules was not written.", "error", err)
	}
}

// keep writes the state of the rules. Rules that remember nothing write it once. Children go on while the disk works.
func (d *decider) keep(clean bool) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	d.mu.Lock()
	now := d.clock()
	d.kept = now.Elapsed
	empty := d.engine.Counters().Series == 0
	if empty && d.empty && !clean {
		d.mu.Unlock()
		return nil
	}
	data, err := d.engine.Snapshot(now, clean)
	d.mu.Unlock()
	if err != nil {
		return err
	}
	if err := replaceFile(d.file, data); err != nil {
		return fmt.Errorf("writing the state of the rules: %w", err)
	}
	d.empty = empty
	return nil
}

// change makes other rules hold. Windows of rules that stay the same go on, others are forwarded as they are.
func (d *decider) change(engine *rules.Engine) error {
	if err := d.swap(engine); err != nil {
		return err
	}
	if err := d.keep(false); err != nil {
		d.gateway.log.Error("The state of the rules was not written.", "error", err)
	}
	return nil
}

func (d *decider) swap(engine *rules.Engine) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock()
	data, err := d.engine.Snapshot(now, true)
	if err != nil {
		return err
	}
	left, err := engine.Restore(nil, data, now)
	if err != nil {
		return err
	}
	d.engine = engine
	if _, err := d.put(left, now); err != nil {
		d.gateway.log.Error("Windows of rules that have changed could not be stored.", "error", err)
	}
	return nil
}

// close keeps the state for the next start; no message may follow.
func (d *decider) close() {
	if err := d.keep(true); err != nil {
		d.gateway.log.Error("The state of the rules was not written: open windows are lost.", "error", err)
	}
}

// RulesStatus says what rules did.
type RulesStatus struct {
	rules.Counters
	// Unstored are results of rules that the queue did not take, Undelivered commands that no child gets.
	Unstored    uint64 `json:"unstored"`
	Undelivered uint64 `json:"undelivered"`
}

func (d *decider) status() RulesStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	return RulesStatus{Counters: d.engine.Counters(), Unstored: d.unstored, Undelivered: d.failed}
}
