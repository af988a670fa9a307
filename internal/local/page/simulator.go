package page

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/simulate"
)

// simulator plays devices in this process.
type simulator struct {
	mu       sync.Mutex
	fleet    *simulate.Fleet
	keyless  []string
	interval time.Duration // between two messages; 0 means the simulation's own
	faults   float64       // the share of faulty messages
}

// Play starts all devices whose keys the pipeline has, and returns when they are connected. The page can disturb them.
func (s *Server) Play(ctx context.Context, interval time.Duration, faults float64) (
	count int, keyless []string, err error,
) {
	s.sim.mu.Lock()
	s.sim.interval, s.sim.faults = interval, faults
	s.sim.mu.Unlock()
	fleet, keyless, err := s.players(ctx)
	if err != nil {
		return 0, nil, err
	}
	names := fleet.Names()
	return len(names), keyless, fleet.Start(names...)
}

// Rest lets the simulated devices say goodbye.
func (s *Server) Rest() { s.sim.close() }

func (s *simulator) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fleet != nil {
		s.fleet.Close()
	}
}

// order is what the page wants of the simulator.
type order struct {
	Do      string   `json:"do"`      // "start", "stop", "disturb" or "interval"
	Devices []string `json:"devices"` // empty: all
	How     string   `json:"how"`     // the disturbance
	Seconds float64  `json:"seconds"` // the interval
}

// maxPlayers is how many devices one order starts; iot-local simulate plays larger fleets.
const maxPlayers = 200

// simulated lists the devices that can be simulated, and how they are.
func (s *Server) simulated(r *http.Request) (any, error) {
	fleet, keyless, err := s.players(r.Context())
	if err != nil {
		return nil, err
	}
	return map[string]any{"devices": fleet.Devices(), "keyless": keyless, "disturbances": simulate.Disturbances()}, nil
}

// players reads the credentials of the devices, once more if there are new ones.
func (s *Server) players(ctx context.Context) (*simulate.Fleet, []string, error) {
	s.sim.mu.Lock()
	defer s.sim.mu.Unlock()
	names, _, err := s.readFleet(ctx)
	if err != nil {
		return nil, nil, err
	}
	if f := s.sim.fleet; f != nil && len(names) == len(f.Names())+len(s.sim.keyless) {
		return f, s.sim.keyless, nil
	}
	run := s.options.Runtime
	manifest, err := run.Manifest(ctx)
	if err != nil {
		return nil, nil, err
	}
	bundles, keyless, err := simulate.Bundles(ctx, run.Clients(), manifest)
	if err != nil {
		return nil, nil, err
	}
	if s.sim.fleet == nil {
		s.sim.fleet = simulate.NewFleet(simulate.Options{Broker: run.MQTTAddr(), Roots: run.Authority().Pool(),
			AnswerCommands: manifest.HasAPI(), Encoding: simulate.Fitting(manifest.Telemetry), Interval: s.sim.interval,
			FaultRate: s.sim.faults, Events: s.simulatorFailed})
	}
	s.sim.fleet.Add(bundles)
	s.sim.keyless = slices.DeleteFunc(keyless, func(name string) bool { return !slices.Contains(names, name) })
	return s.sim.fleet, s.sim.keyless, nil
}

// simulatorFailed logs what goes wrong with simulated devices; the runtime sees all else.
func (s *Server) simulatorFailed(e runlog.Event) {
	if e.Error != "" {
		e.Kind = runlog.Failed
		s.options.Feed.Note(e)
	}
}

// simulate starts, stops and disturbs devices.
func (s *Server) simulate(r *http.Request) (any, error) {
	var o order
	if err := read(r, &o); err != nil {
		return nil, err
	}
	fleet, _, err := s.players(r.Context())
	if err != nil {
		return nil, err
	}
	if len(o.Devices) == 0 {
		o.Devices = fleet.Names()
	}
	switch o.Do {
	case "start":
		o.Devices = o.Devices[:min(len(o.Devices), maxPlayers)]
		err = fleet.Start(o.Devices...)
	case "stop":
		fleet.Stop(o.Devices...)
	case "interval":
		if o.Seconds < 0.01 || o.Seconds > 3600 {
			return nil, invalid("the interval is %v seconds; it must be from 0.01 to 3600", o.Seconds)
		}
		fleet.SetInterval(time.Duration(o.Seconds*float64(time.Second)), o.Devices...)
	case "disturb":
		if !slices.Contains(simulate.Disturbances(), o.How) {
			return nil, invalid("unknown disturbance %q; there are %s", o.How,
				strings.Join(simulate.Disturbances(), ", "))
		}
		fleet.Disturb(o.How, o.Devices...)
	default:
		return nil, invalid("unknown order %q", o.Do)
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"devices": fleet.Devices()}, nil
}
