package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
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
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// simulation holds the flags of iot-local simulate.
type simulation struct {
	simulate.Options
	where         target
	claim         registration
	names         list
	count         int
	caFile        string
	limit         time.Duration
	asJSON, quiet bool
	basicIngest   bool
}

func (s *simulation) flags(f *flag.FlagSet) {
	s.where.flags(f)
	s.claim.flags(f)
	f.Var(&s.names, "devices", "`names` of the devices to simulate (default: all with a stored key)")
	f.IntVar(&s.count, "count", 0, "maximum `number` of devices to simulate (default: no limit)")
	f.StringVar(
		&s.Broker,
		"broker",
		"127.0.0.1:8883",
		"`host:port` of the broker; \"aws\" for each device's own AWS IoT endpoint",
	)
	f.StringVar(
		&s.caFile,
		"ca",
		"",
		"`file` with the broker's certificate authority (default: the one of iot-local run)",
	)
	f.DurationVar(&s.Interval, "interval", 5*time.Second, "time between messages of one device")
	f.StringVar(&s.Encoding.Format, "format", simulate.Formats()[0],
		"`format` of the messages: "+strings.Join(simulate.Formats(), ", "))
	f.StringVar(&s.Encoding.Compression, "compression", "",
		"`compression` of the messages: "+strings.Join(telemetry.Compressions, ", ")+" (default: none)")
	f.BoolVar(&s.basicIngest, "basic-ingest", false, "publish straight to the telemetry rule, by Basic Ingest: AWS "+
		"IoT charges for no message, and no other rule gets it")
	f.Float64Var(&s.FaultRate, "faults", 0.01, "fraction of faulty messages, from 0 to 1")
	f.IntVar(&s.FailEvery, "fail-commands", 0,
		"each device fails one in `N` of the commands that the device management API sends (default: none)")
	f.BoolVar(&s.asJSON, "json", false, "print one JSON object per event")
	f.BoolVar(&s.quiet, "quiet", false, "print only errors, warnings, the ready line and the summary")
	f.DurationVar(&s.limit, "for", 0, "stop after this `duration`")
}

func simulateDevices(ctx context.Context, args []string, out io.Writer) error {
	var s simulation
	f := flag.NewFlagSet("simulate", flag.ContinueOnError)
	s.flags(f)
	pipeline, err := parse(f, args, out)
	if err != nil {
		return err
	}
	if err := s.Encoding.Check(); err != nil {
		return err
	}
	if err := s.claim.check(len(s.names) > 0 || s.count > 0); err != nil {
		return err
	}
	config, err := s.where.config(ctx)
	if err != nil {
		return err
	}
	clients := awsapi.NewLocal(config)
	manifest, err := local.ReadManifest(ctx, clients, pipeline)
	if err != nil {
		return err
	}
	if s.basicIngest {
		s.Rule = contract.RuleName(pipeline, "telemetry")
	}
	p := newPrinter(out, s.asJSON, s.quiet)
	s.Events = p.print
	failed, err := s.equip(ctx, clients, manifest) // some devices failed; the others run
	if err != nil {
		return err
	}
	s.Ready = func() {
		const ready = "%d devices of pipeline %s are connected and publish every %v"
		detail := fmt.Sprintf(ready, len(s.Devices), pipeline, s.Interval)
		p.print(runlog.Event{Time: time.Now(), Kind: runlog.Ready, Detail: detail})
	}
	playing, cancel := until(ctx, s.limit)
	defer cancel()
	err = simulate.Run(playing, s.Options)
	p.summary()
	return errors.Join(err, failed)
}

// equip finds the devices and what they need to connect. Failed joins the errors of devices that could not register.
func (s *simulation) equip(ctx context.Context, c *awsapi.Clients, m *local.Manifest) (failed, err error) {
	s.AnswerCommands = m.HasAPI()
	if !s.claim.on {
		if s.Devices, err = choose(ctx, c, m, s.names, s.count); err != nil {
			return nil, err
		}
	}
	if s.Encoding, err = s.Encoding.For(m.Telemetry); err != nil {
		return nil, err
	}
	if m.Telemetry != nil {
		if misfit := s.Encoding.Misfit(*m.Telemetry); misfit != "" {
			s.Events.Send(runlog.Event{Kind: runlog.Warned, Detail: misfit})
		}
	}
	if s.Broker == "aws" {
		s.Broker = ""
	} else if s.Roots, err = roots(s.caFile); err != nil {
		return nil, err
	}
	if s.claim.on {
		if s.Devices, failed = s.claim.register(ctx, c, m, s.Options); len(s.Devices) == 0 {
			return nil, failed
		}
	}
	return failed, nil
}

// choose reads the credentials of the devices to simulate.
func choose(
	ctx context.Context,
	c *awsapi.Clients,
	m *local.Manifest,
	names []string,
	count int,
) ([]contract.Bundle, error) {
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
				return nil, fmt.Errorf("pipeline %q has no stored credentials for device %q", m.Name, name)
			}
		}
		all = slices.DeleteFunc(all, func(b contract.Bundle) bool { return !slices.Contains(names, b.Thing) })
	}
	if len(all) == 0 {
		return nil, fmt.Errorf(
			"no device of pipeline %q has stored credentials below %s (%d use their own keys: %s)",
			m.Name,
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
	pool, err := authorities(file)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; start iot-local run first, or set --ca to the file it prints", err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the broker's certificate authority: %w", err)
	}
	return pool, nil
}

// authorities reads the certificates in a file.
func authorities(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s contains no certificate", file)
	}
	return pool, nil
}
