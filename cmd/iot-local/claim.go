package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/clients"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/simulate"
)

// registration is what the flags say of devices that register themselves.
type registration struct {
	on         bool
	serials    list
	parameters map[string]string
	dir        string
}

func (r *registration) flags(f *flag.FlagSet) {
	r.parameters = map[string]string{}
	f.BoolVar(&r.on, "claim", false, "play new devices, which register themselves with the pipeline's claim certificate; with --serial")
	f.Var(&r.serials, "serial", "serial `numbers` of the devices that register themselves; can be repeated")
	f.StringVar(&r.dir, "keep", "", "`directory` in which registered devices keep their keys, to be the same devices the next time (default: none)")
	f.Func("parameter", "`NAME=VALUE` that the devices say of themselves beside the serial number, such as site=hall-3; can be repeated", func(text string) error {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return fmt.Errorf("want NAME=VALUE, got %q", text)
		}
		r.parameters[name] = value
		return nil
	})
}

// check finds flags that do not belong together; chosen says that devices of the pipeline were named or counted.
func (r *registration) check(chosen bool) error {
	switch {
	case r.on && len(r.serials) == 0:
		return errors.New("--claim needs the serial numbers of the devices: give --serial, once for each")
	case r.on && chosen:
		return errors.New("--claim plays the devices of --serial only: leave --devices and --count out")
	case !r.on && (len(r.serials) > 0 || len(r.parameters) > 0 || r.dir != ""):
		return errors.New("--serial, --parameter and --keep are for devices that register themselves: add --claim")
	}
	return nil
}

// register lets the devices register themselves at the broker of the simulation.
func (r *registration) register(ctx context.Context, c *clients.Set, pipeline string, o simulate.Options) ([]simulate.Bundle, error) {
	m, err := local.ReadManifest(ctx, c, pipeline)
	if err != nil {
		return nil, err
	}
	claim, err := simulate.ReadClaim(ctx, c, m)
	if err != nil {
		return nil, err
	}
	return simulate.Register(ctx, simulate.Registration{Claim: claim, Broker: o.Broker, Roots: o.Roots, Serials: r.serials, Parameters: r.parameters,
		TopicPrefix: m.TopicPrefix, Dir: r.dir, Events: o.Events})
}
