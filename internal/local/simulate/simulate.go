// Package simulate plays the devices of a pipeline: they connect with the credentials that the pipeline stored, publish
// believable telemetry, and obey commands. The broker may be the local one or AWS IoT itself.
package simulate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// Options say who plays, where and how.
type Options struct {
	Devices []contract.Bundle
	// Broker is the broker's host:port; "" means each device's own AWS IoT endpoint, port 8883.
	Broker string
	// Roots are the authorities that the broker's certificate must come from; nil means the system's.
	Roots *x509.CertPool
	// Interval is the time between two messages of a device; 0 means 5 seconds. Commands can change it.
	Interval time.Duration
	// FaultRate is the share of faulty messages, from 0 to 1.
	FaultRate float64
	// Rule is the topic rule that the devices publish to by Basic Ingest; "" is none: they publish to the broker.
	Rule string
	// AnswerCommands makes the devices answer commands that have an ID. A pipeline without the device management API
	// does not allow that.
	AnswerCommands bool
	// FailEvery makes each device fail one in so many of these commands; 0 means none.
	FailEvery int
	// Encoding is how the devices write their messages.
	Encoding Encoding
	Events   runlog.Sink
	// Ready is called once, when every device has connected; it may be nil.
	Ready func()
}

// safeInterval is how seldom a device in safe mode publishes, as a multiple of its interval.
const safeInterval = 4

// minInterval bounds what a command can ask for: AWS IoT takes 100 messages per second and connection. [AWS 1.3]
const minInterval = 10 * time.Millisecond

// Run plays until the context ends, and disconnects the devices. The error is one of the first connection: a device
// that is refused. Lost connections are re-established.
func Run(ctx context.Context, o Options) error {
	if len(o.Devices) == 0 {
		return errors.New("no device to simulate has stored credentials")
	}
	if err := o.Encoding.Check(); err != nil {
		return err
	}
	if o.Encoding.Format == "protobuf" && o.Encoding.protobuf == nil {
		return errors.New("the Protobuf message is not known")
	}
	if o.Interval <= 0 {
		o.Interval = 5 * time.Second
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	devices := make([]*device, len(o.Devices))
	for i, b := range o.Devices {
		d, err := newDevice(b, o)
		if err != nil {
			return err
		}
		devices[i] = d
	}
	if err := connectAll(ctx, devices); err != nil {
		if ctx.Err() != nil {
			return nil // the end may come while devices connect
		}
		return err
	}
	if o.Ready != nil {
		o.Ready()
	}
	var playing sync.WaitGroup
	for _, d := range devices {
		playing.Go(func() { d.play(ctx) })
	}
	playing.Wait()
	return nil
}

// connectAll connects some devices at once; AWS IoT takes 500 connections per second and account. [AWS 1.3]
func connectAll(ctx context.Context, devices []*device) error {
	if err := errors.Join(connectEach(ctx, devices)...); err != nil {
		for _, d := range devices {
			d.client.Disconnect(0)
		}
		return err
	}
	return nil
}

// connectEach returns an error or nil for each device.
func connectEach(ctx context.Context, devices []*device) []error {
	const atOnce = 10
	slots := make(chan struct{}, atOnce)
	failed := make([]error, len(devices))
	var connecting sync.WaitGroup
	for i, d := range devices {
		slots <- struct{}{}
		connecting.Go(func() {
			failed[i] = d.connect(ctx)
			<-slots
		})
	}
	connecting.Wait()
	return failed
}

// A device is one simulated sensor.
type device struct {
	bundle   contract.Bundle
	options  Options
	client   paho.Client
	climate  *climate
	commands chan command
	changes  chan func(time.Duration) time.Duration // of the interval
	bursts   chan struct{}
	troubles troubles
	answered int // commands with an ID
}

func newDevice(b contract.Bundle, o Options) (*device, error) {
	certificate, err := certificateOf(b)
	if err != nil {
		return nil, err
	}
	broker := o.Broker
	if broker == "" {
		broker = b.Endpoint + ":8883"
	}
	h := fnv.New64a()
	h.Write([]byte(b.Thing))
	d := &device{bundle: b, options: o, climate: newClimate(h.Sum64(), time.Now()), commands: make(chan command, 16),
		changes: make(chan func(time.Duration) time.Duration, 16), bursts: make(chan struct{}, 1)}
	offline, _ := json.Marshal(map[string]string{"state": "offline"}) // strings
	c := paho.NewClientOptions().
		AddBroker("ssl://"+broker).
		SetClientID(b.Thing).
		SetProtocolVersion(4).
		SetCleanSession(true).
		SetTLSConfig(&tls.Config{RootCAs: o.Roots, Certificates: []tls.Certificate{certificate},
			MinVersion: tls.VersionTLS12}).
		SetKeepAlive(30*time.Second).
		SetConnectTimeout(10*time.Second).
		SetMaxReconnectInterval(10*time.Second).
		SetBinaryWill(b.Topics.Status, offline, 1, false).
		SetOrderMatters(false).
		SetCustomOpenConnectionFn(d.open).
		SetOnConnectHandler(d.online)
	d.client = paho.NewClient(c)
	return d, nil
}

func (d *device) connect(ctx context.Context) error {
	token := d.client.Connect()
	select {
	case <-token.Done():
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := token.Error(); err != nil {
		return fmt.Errorf(
			"connecting device %q: %w (is its certificate ACTIVE, and the broker the one of this pipeline?)",
			d.bundle.Thing,
			err,
		)
	}
	return nil
}

// online runs after every connection, the first and those after a loss.
func (d *device) online(c paho.Client) {
	c.Subscribe(d.bundle.Topics.Commands, 1, d.order)
	online, _ := json.Marshal(map[string]string{"state": "online"}) // strings
	c.Publish(d.bundle.Topics.Status, 1, false, online)
}

// play publishes until the context ends.
func (d *device) play(ctx context.Context) {
	interval, safe := d.options.Interval, false
	// Devices do not tick together: the first message comes anywhere within the interval.
	timer := time.NewTimer(time.Duration(d.climate.random.Float64() * float64(interval)))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			offline, _ := json.Marshal(map[string]string{"state": "offline"}) // strings
			d.client.Publish(d.bundle.Topics.Status, 1, false, offline).WaitTimeout(time.Second)
			d.client.Disconnect(250)
			return
		case order := <-d.commands:
			interval, safe = d.execute(order, interval, safe)
		case change := <-d.changes:
			interval = change(interval)
		case <-d.bursts:
			for range burstMessages {
				d.publish(time.Now())
			}
		case now := <-timer.C:
			d.publish(now)
		}
		next := interval
		if safe {
			next *= safeInterval
		}
		timer.Reset(next)
	}
}

// telemetryTopic is where the device publishes. With Basic Ingest, the rule's name stands before the topic [AWS IoT:
// Basic Ingest].
func (d *device) telemetryTopic() string {
	if d.options.Rule == "" {
		return d.bundle.Topics.Telemetry
	}
	return "$aws/rules/" + d.options.Rule + "/" + d.bundle.Topics.Telemetry
}

func (d *device) publish(now time.Time) {
	drift, cut, clock := d.troubles.next()
	d.climate.drift = drift
	payload, err := d.climate.message(d.options.Encoding, d.bundle.Thing, now.Add(clock), d.options.FaultRate)
	if err != nil {
		d.tell(runlog.Event{Kind: runlog.Failed, Action: "encode", Error: err.Error()})
		return
	}
	if cut {
		payload = payload[:len(payload)/2]
	}
	topic := d.telemetryTopic()
	token := d.client.Publish(topic, 1, false, payload)
	go func() { // the acknowledgement may take long, and the device does not wait for it
		<-token.Done()
		e := runlog.Event{
			Kind:     runlog.Acted,
			Action:   "publish",
			Topic:    topic,
			Bytes:    len(payload),
			Duration: time.Since(now),
		}
		if err := token.Error(); err != nil {
			e.Error = err.Error()
		}
		d.tell(e)
	}()
}

// change changes the interval.
func (d *device) change(f func(time.Duration) time.Duration) {
	select {
	case d.changes <- f:
	default: // sixteen others are waiting
	}
}

func (d *device) tell(e runlog.Event) {
	e.Thing = d.bundle.Thing
	d.options.Events.Send(e)
}
