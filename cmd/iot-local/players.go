package main

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/page"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/simulate"
	"github.com/iot-pipeline/terraform-provider-iot/internal/terraform"
)

// players are the simulated devices of several pipelines.
type players struct {
	count   int
	keyless []string // devices that have their own keys
	cancel  context.CancelFunc
	playing sync.WaitGroup
}

// shown starts the devices of the pipeline that a page shows, which can then disturb them.
func (s *stack) shown(ctx context.Context, page *page.Server) (*players, error) {
	count, keyless, err := page.Play(ctx, s.interval, s.faults)
	return &players{count: count, keyless: keyless, cancel: page.Rest}, err
}

// simulated starts the devices whose keys the pipelines have, and returns when they are connected.
func (s *stack) simulated(
	ctx context.Context, config aws.Config, r *local.Runtime, pipelines []terraform.Pipeline,
) (*players, error) {
	clients := awsapi.NewLocal(config)
	playing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &players{cancel: cancel}
	ready := make(chan struct{}, len(pipelines))
	failed := make(chan error, len(pipelines))
	waiting := 0
	for _, pipeline := range pipelines {
		o, keyless, err := s.players(ctx, clients, r, pipeline.Name)
		if err != nil {
			return p, err
		}
		p.count += len(o.Devices)
		p.keyless = append(p.keyless, keyless...)
		if len(o.Devices) == 0 {
			continue
		}
		waiting++
		o.Ready = func() { ready <- struct{}{} }
		p.playing.Go(func() {
			if err := simulate.Run(playing, o); err != nil {
				failed <- fmt.Errorf("simulating the devices of pipeline %q: %w", pipeline.Name, err)
			}
		})
	}
	for range waiting {
		select {
		case <-ready:
		case err := <-failed:
			return p, err
		case <-ctx.Done():
			return p, nil
		}
	}
	return p, nil
}

// players says how the devices of one pipeline play.
func (s *stack) players(ctx context.Context, c *awsapi.Clients, r *local.Runtime, pipeline string) (
	o simulate.Options, keyless []string, err error,
) {
	m, err := local.ReadManifest(ctx, c, pipeline)
	if err != nil {
		return o, nil, err
	}
	o = simulate.Options{
		Broker: r.MQTTAddr(), Roots: r.Authority().Pool(), Interval: s.interval, FaultRate: s.faults,
		AnswerCommands: m.HasAPI(), Encoding: simulate.Fitting(m.Telemetry), Events: s.log.print,
	}
	if m.Telemetry != nil {
		if misfit := o.Encoding.Misfit(*m.Telemetry); misfit != "" {
			o.Events.Send(runlog.Event{Kind: runlog.Warned, Detail: misfit})
		}
	}
	o.Devices, keyless, err = simulate.Bundles(ctx, c, m)
	return o, keyless, err
}

// stop lets the devices say goodbye.
func (p *players) stop() {
	if p != nil {
		p.cancel()
		p.playing.Wait()
	}
}

// announce says what runs, and where.
func (s *stack) announce(
	r *local.Runtime, region string, pipelines []terraform.Pipeline, devices *players, shown *page.Server,
) {
	text := []string{"running " + names(pipelines) + " until Ctrl-C"}
	if shown != nil {
		text = append(text, "page  "+shown.URL())
	}
	if devices != nil {
		line := fmt.Sprintf("%d simulated devices publish every %v", devices.count, s.interval)
		if len(devices.keyless) > 0 {
			line += "; not simulated, since they have their own keys: " + strings.Join(devices.keyless, ", ")
		}
		text = append(text, line)
	}
	text = append(text, "MQTT  "+r.MQTTAddr()+", with the certificate authority "+r.CAPath())
	for _, url := range r.APIs() {
		text = append(text, "HTTP  "+url)
	}
	text = append(text, "AWS   "+strings.Join(environment(s.server.Env(), region, r.Endpoint()), " "))
	runlog.Sink(s.log.print).Send(runlog.Event{Kind: runlog.Ready, Detail: strings.Join(text, "\n  ")})
}

// environment leads AWS clients to the account, in the region of the pipelines. The endpoint is the runtime's, so that
// what they publish reaches the devices and the rules, and the functions that they call run.
func environment(env []string, region, endpoint string) []string {
	short := []string{}
	for _, pair := range env {
		name, _, _ := strings.Cut(pair, "=")
		switch name {
		case "AWS_REGION":
			short = append(short, "AWS_REGION="+region)
		case "AWS_ENDPOINT_URL":
			short = append(short, name+"="+endpoint)
		case "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY":
			short = append(short, pair)
		}
	}
	return short
}
