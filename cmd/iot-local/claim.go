package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/simulate"
)

// registration holds the flags for devices that register themselves.
type registration struct {
	on         bool
	serials    list
	parameters map[string]string
	dir        string
}

func (r *registration) flags(f *flag.FlagSet) {
	r.parameters = map[string]string{}
	f.BoolVar(&r.on, "claim", false,
		"simulate new devices that register themselves with the pipeline's claim certificate; needs --serial")
	f.Var(&r.serials, "serial", "serial `numbers` of the devices to register; can be repeated")
	f.StringVar(&r.dir, "keep", "",
		"`directory` that keeps the keys of registered devices, so that later runs reuse them (default: none)")
	f.Func(
		"parameter",
		"`NAME=VALUE` that the devices send with their serial number, such as site=hall-3; can be repeated",
		func(text string) error {
			name, value, ok := strings.Cut(text, "=")
			if !ok || name == "" {
				return fmt.Errorf("want NAME=VALUE, got %q", text)
			}
			r.parameters[name] = value
			return nil
		},
	)
}

// check rejects flags that exclude each other; chosen is true with --devices or --count.
func (r *registration) check(chosen bool) error {
	switch {
	case r.on && len(r.serials) == 0:
		return errors.New("--claim needs the serial numbers of the devices: set --serial once for each")
	case r.on && chosen:
		return errors.New("--claim simulates only the devices of --serial: remove --devices and --count")
	case !r.on && (len(r.serials) > 0 || len(r.parameters) > 0 || r.dir != ""):
		return errors.New("--serial, --parameter and --keep are for devices that register themselves: add --claim")
	}
	return nil
}

// register makes the devices register themselves at the simulation's broker.
func (r *registration) register(
	ctx context.Context,
	c *awsapi.Clients,
	m *local.Manifest,
	o simulate.Options,
) ([]contract.Bundle, error) {
	claim, err := simulate.ReadClaim(ctx, c, m)
	if err != nil {
		return nil, err
	}
	return simulate.Register(ctx, simulate.Registration{
		Claim:       claim,
		Broker:      o.Broker,
		Roots:       o.Roots,
		Serials:     r.serials,
		Parameters:  r.parameters,
		TopicPrefix: m.TopicPrefix,
		Dir:         r.dir,
		Events:      o.Events,
	})
}
