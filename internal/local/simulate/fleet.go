package simulate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// Fleet plays devices that start, stop and are disturbed one by one.
type Fleet struct {
	options Options
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	players map[string]*player // by the device's name
}

// player is a device that may play.
type player struct {
	bundle   contract.Bundle
	interval time.Duration
	device   *device            // nil: it does not play
	stop     context.CancelFunc // ends device
	ended    chan struct{}      // closed when device has left
}

// PlayerState is how a simulated device is.
type PlayerState struct {
	Name         string   `json:"name"`
	Playing      bool     `json:"playing"`
	Seconds      float64  `json:"seconds"` // between two messages
	Disturbances []string `json:"disturbances"`
}

// NewFleet returns a fleet without devices. Of the options, Devices and Ready have no meaning.
func NewFleet(o Options) *Fleet {
	if o.Interval <= 0 {
		o.Interval = 5 * time.Second
	}
	f := &Fleet{options: o, players: map[string]*player{}}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// Add adds devices that may play. One that is known keeps playing with the credentials that it has.
func (f *Fleet) Add(bundles []contract.Bundle) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range bundles {
		if p := f.players[b.Thing]; p != nil {
			p.bundle = b
			continue
		}
		f.players[b.Thing] = &player{bundle: b, interval: f.options.Interval}
	}
}

// Names are the names of the devices that may play, in order.
func (f *Fleet) Names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.players))
}

// Devices says how the devices are, by name.
func (f *Fleet) Devices() []PlayerState {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]PlayerState, 0, len(f.players))
	for name, p := range f.players {
		state := PlayerState{Name: name, Playing: p.device != nil, Seconds: p.interval.Seconds(),
			Disturbances: []string{}}
		if p.device != nil {
			state.Disturbances = p.device.troubles.names()
		}
		list = append(list, state)
	}
	slices.SortFunc(list, func(a, b PlayerState) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Start connects devices that do not play. The error joins those of devices that are refused; the others play.
func (f *Fleet) Start(names ...string) error {
	if f.ctx.Err() != nil {
		return errors.New("the simulation has ended")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var devices []*device
	var started []*player
	for _, name := range names {
		p := f.players[name]
		if p == nil {
			return fmt.Errorf("there are no stored credentials for device %q", name)
		}
		if p.device != nil {
			continue
		}
		o := f.options
		o.Interval = p.interval
		d, err := newDevice(p.bundle, o)
		if err != nil {
			return err
		}
		devices, started = append(devices, d), append(started, p)
	}
	var problems []error
	for i, err := range connectEach(f.ctx, devices) {
		if err != nil {
			problems = append(problems, err)
			devices[i].client.Disconnect(0)
			continue
		}
		p, d, ended := started[i], devices[i], make(chan struct{})
		ctx, cancel := context.WithCancel(f.ctx)
		p.device, p.stop, p.ended = d, cancel, ended
		f.running.Go(func() {
			defer close(ended)
			d.play(ctx)
		})
	}
	return errors.Join(problems...)
}

// Stop disconnects devices and returns when they have left.
func (f *Fleet) Stop(names ...string) {
	var leaving []chan struct{}
	f.mu.Lock()
	for _, name := range names {
		if p := f.players[name]; p != nil && p.device != nil {
			p.stop()
			leaving = append(leaving, p.ended)
			p.device = nil
		}
	}
	f.mu.Unlock()
	for _, ended := range leaving {
		<-ended
	}
}

// SetInterval changes the time between two messages.
func (f *Fleet) SetInterval(d time.Duration, names ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range names {
		p := f.players[name]
		if p == nil {
			continue
		}
		p.interval = max(d, minInterval)
		if p.device != nil {
			wanted := p.interval
			p.device.change(func(time.Duration) time.Duration { return wanted })
		}
	}
}

// Disturb disturbs devices that play.
func (f *Fleet) Disturb(how string, names ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range names {
		if p := f.players[name]; p != nil && p.device != nil {
			p.device.disturb(how)
		}
	}
}

// Close disconnects all devices.
func (f *Fleet) Close() {
	f.cancel()
	f.running.Wait()
}
