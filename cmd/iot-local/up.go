package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/localaws"
	"github.com/iot-pipeline/terraform-provider-iot/internal/terraform"
)

// upOptions are the flags of iot-local up.
type upOptions struct {
	source        string // directory with the configuration
	data          string
	mqtt, http    string
	page          pageFlag
	simulate      bool
	interval      time.Duration
	faults        float64
	variables     []string
	json, verbose bool
}

func (o *upOptions) flags(f *flag.FlagSet) {
	f.StringVar(&o.data, "data", "",
		"`directory` that keeps account, state and certificate authority over restarts (default: all is removed)")
	f.StringVar(&o.mqtt, "mqtt", "127.0.0.1:8883", "`address` to listen on for MQTT over TLS; port 0 is any free port")
	f.StringVar(&o.http, "http", "127.0.0.1:0",
		"`address` to serve the pipelines' HTTP APIs on, if they have any; port 0 is any free port")
	o.page = defaultPage
	o.page.flag(f)
	f.BoolVar(&o.simulate, "simulate", true,
		"play the devices whose keys the pipelines have; --simulate=false for none")
	f.DurationVar(&o.interval, "interval", 2*time.Second, "time between messages of one simulated device")
	f.Float64Var(&o.faults, "faults", 0.01, "fraction of faulty messages, from 0 to 1")
	f.Func("var", "`NAME=VALUE` of a variable of the configuration; can be repeated", func(text string) error {
		if !strings.Contains(text, "=") {
			return fmt.Errorf("want NAME=VALUE, got %q", text)
		}
		o.variables = append(o.variables, "-var="+text)
		return nil
	})
	f.Func("var-file", "`file` with values of variables; can be repeated", func(text string) error {
		path, err := filepath.Abs(text)
		o.variables = append(o.variables, "-var-file="+path)
		return err
	})
	f.BoolVar(&o.verbose, "verbose", false, "print one line per event, as iot-local run does")
	f.BoolVar(&o.json, "json", false, "print one JSON object per event")
}

func parseUp(args []string, out io.Writer) (*upOptions, error) {
	o := &upOptions{}
	f := flag.NewFlagSet("up", flag.ContinueOnError)
	o.flags(f)
	names, err := parseAll(f, args, out)
	switch {
	case err != nil:
		return nil, err
	case len(names) == 0:
		return nil, errors.New("missing directory: iot-local up DIRECTORY, the one with the Terraform configuration")
	case len(names) > 1:
		return nil, fmt.Errorf("unexpected argument %q", names[1])
	}
	o.source = names[0]
	if info, err := os.Stat(o.source); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory: name the one that holds the Terraform configuration", o.source)
	}
	return o, terraform.Check(o.source)
}

// up applies a configuration to a local AWS and runs what it makes, until the context ends.
func up(ctx context.Context, args []string, out io.Writer) error {
	o, err := parseUp(args, out)
	if err != nil {
		return err
	}
	cli, err := terraform.Find()
	if err != nil {
		return err
	}
	// The apply takes a while; it would be in vain.
	if err := errors.Join(free(o.mqtt, "mqtt"), free(string(o.page), "page")); err != nil {
		return err
	}
	s := &stack{upOptions: o, log: newPrinter(out, o.json, !o.verbose), progress: out, dir: o.data}
	if o.json {
		s.progress = io.Discard
	}
	if o.data == "" {
		if s.dir, err = os.MkdirTemp("", "iot-local-up-"); err != nil {
			return err
		}
		defer os.RemoveAll(s.dir)
	}
	s.say("Starting a local AWS")
	s.server, err = localaws.Start(ctx, localaws.Options{Data: o.data, Log: os.Stderr})
	if err != nil {
		return err
	}
	defer s.server.Stop()
	if err = s.play(ctx, cli); err != nil && ctx.Err() != nil {
		err = errors.New("interrupted before it was ready")
	}
	if o.data != "" {
		s.say("The account and Terraform's state stay in " + o.data + "; remove the directory to forget them.")
		return err
	}
	return errors.Join(err, s.clear(ctx))
}

// free reports an error if nothing could listen there. An empty address is not needed.
func free(address, flag string) error {
	if address == "" {
		return nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("%w: choose another address, such as --%s=127.0.0.1:0", err, flag)
	}
	return l.Close()
}

// stack is what up has started.
type stack struct {
	*upOptions
	log      *printer
	progress io.Writer // for people
	dir      string    // of everything that is kept while it runs, or over runs
	server   *localaws.Server
	workdir  *terraform.Workdir
	applied  bool // or half applied
}

func (s *stack) say(text string) { fmt.Fprintln(s.progress, text) }

// play applies the configuration, and runs the pipelines until the context ends.
func (s *stack) play(ctx context.Context, cli string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	// An own profile or role would be looked for in files that have keys of real accounts.
	nowhere := filepath.Join(s.dir, "no-such-file")
	s.workdir, err = terraform.New(terraform.Options{
		Source: s.source, Dir: filepath.Join(s.dir, "terraform"), CLI: cli, Variables: s.variables,
		Provider: terraform.Provider{Path: program, Version: version},
		Env:      append(s.server.Env(), "AWS_CONFIG_FILE="+nowhere, "AWS_SHARED_CREDENTIALS_FILE="+nowhere),
	})
	if err != nil {
		return err
	}
	s.say("Applying " + s.source + " with " + filepath.Base(cli))
	if err := s.workdir.Init(ctx); err != nil {
		return err
	}
	s.applied = true
	if err := s.workdir.Apply(ctx, s.progress); err != nil {
		return err
	}
	pipelines, err := s.workdir.Pipelines(ctx)
	if err != nil {
		return err
	}
	region, err := only(pipelines)
	if err != nil {
		return err
	}
	return s.run(ctx, region, pipelines)
}

// only returns the region of the pipelines.
func only(pipelines []terraform.Pipeline) (string, error) {
	if len(pipelines) == 0 {
		return "", errors.New("the configuration has no resource iot_pipeline, so that there is nothing to run")
	}
	for _, p := range pipelines {
		if p.Region != pipelines[0].Region {
			return "", fmt.Errorf("pipelines %q and %q are in the regions %s and %s, and up runs one region: "+
				"use iot-local aws, terraform apply, and iot-local run --all --region for each", pipelines[0].Name,
				p.Name, pipelines[0].Region, p.Region)
		}
	}
	return pipelines[0].Region, nil
}

// run runs the pipelines and their devices.
func (s *stack) run(ctx context.Context, region string, pipelines []terraform.Pipeline) error {
	o := local.Options{
		Config: s.server.Config(region), MQTTAddr: s.mqtt, StateDir: filepath.Join(s.dir, "local"),
		Events: func(e runlog.Event) {
			if e.Kind != runlog.Ready { // announce says more
				s.log.print(e)
			}
		},
	}
	if slices.ContainsFunc(pipelines, func(p terraform.Pipeline) bool { return p.HasAPI }) {
		o.HTTPAddr = s.http
	}
	if len(pipelines) == 1 {
		o.Pipeline = pipelines[0].Name
	} else {
		o.All, s.page = true, "" // which shows one pipeline
	}
	feed := s.page.observe(ctx, &o)
	r, err := local.Start(ctx, o)
	if err != nil {
		return err
	}
	shown, err := s.page.serve(ctx, o, r, feed)
	if err != nil {
		return err
	}
	var devices *players
	switch {
	case s.simulate && shown != nil:
		devices, err = s.shown(ctx, shown)
	case s.simulate:
		devices, err = s.simulated(ctx, o.Config, r, pipelines)
	}
	if err == nil {
		s.announce(r, region, pipelines, devices, shown)
		err = s.wait(ctx)
	}
	devices.stop()
	s.say("Stopping: messages on their way are processed")
	// The context has ended, but messages that the broker has acknowledged must still be processed.
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err = errors.Join(err, r.Stop(finish))
	if shown != nil {
		shown.Close() // last, so that it shows the end
	}
	s.log.summary()
	return err
}

// wait returns when the context ends, which is no error.
func (s *stack) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.server.Ended():
		return errors.New("the local AWS has ended by itself; what it printed stands above")
	}
}

// clear removes what was applied. A second Ctrl-C skips that: the account goes anyway.
func (s *stack) clear(ctx context.Context) error {
	select {
	case <-s.server.Ended():
		return nil // and the account with it
	default:
	}
	if !s.applied {
		return nil
	}
	again, stop := signal.NotifyContext(context.WithoutCancel(ctx), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s.say("Destroying it (Ctrl-C again: without)")
	if err := s.workdir.Destroy(again, s.progress); err != nil {
		return fmt.Errorf("destroying: %w\nThe local AWS is thrown away with all that was in it; what the "+
			"configuration made elsewhere is still there", err)
	}
	return nil
}

// names are the pipelines' names, in order.
func names(pipelines []terraform.Pipeline) string {
	sorted := slices.SortedFunc(slices.Values(pipelines),
		func(a, b terraform.Pipeline) int { return cmp.Compare(a.Name, b.Name) })
	var all []string
	for _, p := range sorted {
		all = append(all, p.Name)
	}
	return strings.Join(all, ", ")
}
