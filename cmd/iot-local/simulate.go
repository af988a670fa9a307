package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/simulate"
)

func simulateDevices(ctx context.Context, args []string, out io.Writer) error {
	var where target
	var names list
	var o simulate.Options
	var claim registration
	f := flag.NewFlagSet("simulate", flag.ContinueOnError)
	where.flags(f)
	claim.flags(f)
	f.Var(&names, "devices", "`names` of the devices to simulate (default: all with a stored key)")
	count := f.Int("count", 0, "maximum `number` of devices to simulate (default: no limit)")
	f.StringVar(
		&o.Broker,
		"broker",
		"127.0.0.1:8883",
		"`host:port` of the broker; \"aws\" for each device's own AWS IoT endpoint",
	)
	caFile := f.String(
		"ca",
		"",
		"`file` with the broker's certificate authority (default: the one of iot-local run)",
	)
	f.DurationVar(&o.Interval, "interval", 5*time.Second, "time between messages of one device")
	f.Float64Var(&o.FaultRate, "faults", 0.01, "fraction of faulty messages, from 0 to 1")
	asJSON := f.Bool("json", false, "print one JSON object per event")
	quiet := f.Bool("quiet", false, "print only errors, the ready line and the summary")
	limit := f.Duration("for", 0, "stop after this `duration`")
	pipeline, err := parse(f, args, out)
	if err != nil {
		return err
	}
	config, err := where.config(ctx)
	if err != nil {
		return err
	}
	if err := claim.check(len(names) > 0 || *count > 0); err != nil {
		return err
	}
	if !claim.on {
		if o.Devices, err = choose(ctx, awsapi.NewLocal(config), pipeline, names, *count); err != nil {
			return err
		}
	}
	if o.Broker == "aws" {
		o.Broker = ""
	} else if o.Roots, err = roots(*caFile); err != nil {
		return err
	}
	p := newPrinter(out, *asJSON, *quiet)
	o.Events = p.print
	var failed error // of some devices; the others run
	if claim.on {
		if o.Devices, failed = claim.register(ctx, awsapi.NewLocal(config), pipeline, o); len(o.Devices) == 0 {
			return failed
		}
	}
	o.Ready = func() {
		const ready = "%d devices of pipeline %s are connected and publish every %v"
		detail := fmt.Sprintf(ready, len(o.Devices), pipeline, o.Interval)
		p.print(runlog.Event{Time: time.Now(), Kind: runlog.Ready, Detail: detail})
	}
	playing, cancel := until(ctx, *limit)
	defer cancel()
	err = simulate.Run(playing, o)
	p.summary()
	return errors.Join(err, failed)
}

// choose reads the credentials of the devices to simulate.
func choose(
	ctx context.Context,
	c *awsapi.Clients,
	pipeline string,
	names []string,
	count int,
) ([]contract.Bundle, error) {
	m, err := local.ReadManifest(ctx, c, pipeline)
	if err != nil {
		return nil, err
	}
	all, keyless, err := simulate.Bundles(ctx, c, m)
	if err != nil {
		return nil, err
	}
	if len(names) > 0 {
		for _, name := range names {
			if slices.Contains(keyless, name) {
				return nil, fmt.Errorf("device %q uses its own key, which the pipeline does not have", name)
			}
			if !slices.ContainsFunc(all, func(b contract.Bundle) bool { return b.Thing == name }) {
				return nil, fmt.Errorf("pipeline %q has no stored credentials for device %q", pipeline, name)
			}
		}
		all = slices.DeleteFunc(all, func(b contract.Bundle) bool { return !slices.Contains(names, b.Thing) })
	}
	if len(all) == 0 {
		return nil, fmt.Errorf(
			"no device of pipeline %q has stored credentials below %s (%d use their own keys: %s)",
			pipeline,
			m.CredentialsPath,
			len(keyless),
			strings.Join(keyless, ", "),
		)
	}
	if count > 0 && count < len(all) {
		all = all[:count]
	}
	return all, nil
}

// roots reads the certificate authority of the local broker.
func roots(file string) (*x509.CertPool, error) {
	if file == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("finding the local certificate authority: %w", err)
		}
		file = filepath.Join(cache, "iot-local", "ca.pem")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf(
			"reading the broker's certificate authority: %w; start iot-local run first, or set --ca to the file it "+
				"prints",
			err,
		)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("reading the broker's certificate authority: %s contains no certificate", file)
	}
	return pool, nil
}
