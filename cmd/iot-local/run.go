package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/delivery"
)

// stopTime is how long run keeps processing already published messages after it was told to stop.
const stopTime = 30 * time.Second

// target says where the pipeline is deployed.
type target struct{ endpoint, region, profile string }

func (t *target) flags(f *flag.FlagSet) {
	f.StringVar(&t.endpoint, "endpoint", "",
		"base `URL` of an AWS-compatible endpoint (default: $AWS_ENDPOINT_URL, otherwise AWS)")
	f.StringVar(&t.region, "region", "", "AWS `region` (default: from the AWS environment)")
	f.StringVar(&t.profile, "profile", "", "`name` of a profile in the AWS configuration files")
}

func (t *target) config(ctx context.Context) (aws.Config, error) {
	var options []func(*config.LoadOptions) error
	if t.region != "" {
		options = append(options, config.WithRegion(t.region))
	}
	if t.profile != "" {
		options = append(options, config.WithSharedConfigProfile(t.profile))
	}
	if t.endpoint != "" {
		options = append(options, config.WithBaseEndpoint(t.endpoint))
	}
	c, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return c, fmt.Errorf("reading the AWS configuration: %w", err)
	}
	if c.Region == "" {
		return c, fmt.Errorf("no AWS region: set AWS_REGION or --region")
	}
	return c, nil
}

// until limits the context to the duration of --for, if it is set.
func until(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}

// one returns the name of the pipeline to run; "" for all.
func one(names []string, all bool) (string, error) {
	switch {
	case all && len(names) > 0:
		return "", fmt.Errorf("--all runs every pipeline: leave out %q, or leave out --all", names[0])
	case all:
		return "", nil
	case len(names) == 0:
		return "", errors.New("missing pipeline name: iot-local run PIPELINE, or iot-local run --all")
	case len(names) > 1:
		return "", fmt.Errorf("unexpected argument %q: name one pipeline, or run --all", names[1])
	}
	return names[0], nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var where target
	var hosts list
	var show pageFlag
	o := local.Options{Bootstraps: map[string]string{}}
	f := flag.NewFlagSet("run", flag.ContinueOnError)
	where.flags(f)
	f.StringVar(&o.MQTTAddr, "mqtt", "127.0.0.1:8883", "`address` to listen on for MQTT over TLS")
	f.StringVar(&o.HTTPAddr, "http", "",
		"`address` to serve the pipeline's HTTP API on, such as 127.0.0.1:8080 (default: it is not served)")
	issuers := f.String("issuer-ca", "",
		"`file` with the certificate authority of the server whose tokens the HTTP API takes (default: the system's)")
	f.Var(&hosts, "host",
		"additional host `names` and addresses of this machine, for the broker's certificate and for HTTP")
	f.StringVar(&o.StateDir, "state", "",
		"`directory` of the local certificate authority (default: iot-local in the user's cache directory)")
	f.Var(pairs(o.Bootstraps), "function",
		"`NAME=PATH` of a bootstrap executable for a function, such as processor=./bootstrap; can be repeated")
	f.IntVar(&o.Concurrency, "concurrency", 4, "`number` of processes per function")
	f.DurationVar(&o.Refresh, "refresh", 2*time.Second, "how often to check for changed rules and functions")
	f.DurationVar(&o.ArchiveInterval, "archive-interval", delivery.DefaultInterval,
		"how long records are collected for an object of the batched archive; AWS takes archive.buffer_seconds")
	f.DurationVar(&o.WatchInterval, "watch-interval", 0,
		"how often schedules call their functions, such as 5s (default: as often as on AWS)")
	show.flag(f)
	asJSON := f.Bool("json", false, "print one JSON object per event")
	quiet := f.Bool("quiet", false, "print only errors, the ready line and the summary")
	limit := f.Duration("for", 0, "stop after this `duration`")
	f.BoolVar(&o.All, "all", false, "run all pipelines of the account in the region, with one broker")
	names, err := parseAll(f, args, out)
	if err != nil {
		return err
	}
	if o.Pipeline, err = one(names, o.All); err != nil {
		return err
	}
	if o.All && show != "" {
		return errors.New("--page shows one pipeline: name it, or leave out --all")
	}
	if o.Config, err = where.config(ctx); err != nil {
		return err
	}
	if *issuers != "" {
		if o.Issuers, err = authorities(*issuers); err != nil {
			return fmt.Errorf("reading the certificate authority of the tokens' issuer: %w", err)
		}
	}
	p := newPrinter(out, *asJSON, *quiet)
	o.Hosts, o.Events = hosts, p.print
	return playUntil(ctx, o, show, p, *limit)
}

// playUntil runs until the context ends or the time is over, and finishes what the broker has acknowledged.
func playUntil(ctx context.Context, o local.Options, show pageFlag, p *printer, limit time.Duration) error {
	feed := show.observe(ctx, &o)
	r, err := local.Start(ctx, o)
	if err != nil {
		return err
	}
	shown, err := show.serve(ctx, o, r, feed)
	if err != nil {
		return err
	}
	running, cancel := until(ctx, limit)
	defer cancel()
	<-running.Done()
	// The context has ended, but messages that the broker has acknowledged must still be processed.
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err = r.Stop(finish)
	if shown != nil {
		shown.Close() // last, so that it shows the end
	}
	p.summary()
	return err
}
