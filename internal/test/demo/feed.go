package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/simulate"
)

const (
	pipelineName      = "greenhouse"
	messagesPerDevice = 12
)

// feed runs the pipeline, lets both devices publish, and shows what became of it.
func (s *show) feed(ctx context.Context, stateDir string, own *ownKeyDevice) error {
	made, err := s.terraform.read(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("  The state names %d objects. None of it is a private key.\n\n", len(made.Parts))
	lines := newLines()
	runtime, err := local.Start(ctx, local.Options{
		Config:   s.server.AWSConfig(),
		Pipeline: pipelineName,
		MQTTAddr: "127.0.0.1:0",
		StateDir: stateDir,
		Events:   lines.print,
		// On AWS it looks once a minute.
		WatchInterval: time.Second,
	})
	if err != nil {
		return err
	}
	defer runtime.Stop(context.WithoutCancel(ctx)) //nolint:errcheck // the process ends
	text, err := os.ReadFile(runtime.CAPath())
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)

	if err := s.simulate(ctx, runtime, roots, lines); err != nil {
		return err
	}
	if err := s.script(ctx, runtime, roots, own); err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := runtime.Drain(within); err != nil {
		return err
	}
	if err := s.silence(within, made, runtime, roots, own); err != nil {
		return err
	}
	if err := runtime.Drain(within); err != nil {
		return err
	}
	lines.summary()
	return s.results(ctx, made, own)
}

// simulate lets soil-001 play a greenhouse, with the key and certificate that the pipeline stored for it.
func (s *show) simulate(ctx context.Context, runtime *local.Runtime, roots *x509.CertPool, lines *lines) error {
	set := awsapi.NewLocal(s.server.AWSConfig())
	manifest, err := local.ReadManifest(ctx, set, pipelineName)
	if err != nil {
		return err
	}
	bundles, keyless, err := simulate.Bundles(ctx, set, manifest)
	if err != nil {
		return err
	}
	fmt.Printf("  %d device plays with stored credentials; %v keep their own keys.\n", len(bundles), keyless)
	playing, stop := context.WithCancel(ctx)
	defer stop()
	lines.after(messagesPerDevice*len(bundles), stop)
	return simulate.Run(playing, simulate.Options{
		Devices:  bundles,
		Broker:   runtime.MQTTAddr(),
		Roots:    roots,
		Interval: 250 * time.Millisecond,
		Events:   lines.print,
	})
}

func (s *show) connect(ctx context.Context, runtime *local.Runtime, roots *x509.CertPool, own *ownKeyDevice) error {
	path := "/iot-pipeline/" + pipelineName + "/devices"
	return own.connect(ctx, ssm.NewFromConfig(s.server.AWSConfig()), path, runtime.MQTTAddr(), roots)
}

// script lets soil-002, whose key never left it, send what a demo should show: normal, dry, hot, and broken.
func (s *show) script(ctx context.Context, runtime *local.Runtime, roots *x509.CertPool, own *ownKeyDevice) error {
	if err := s.connect(ctx, runtime, roots, own); err != nil {
		return err
	}
	defer own.client.Disconnect(250)
	now := time.Now().UnixMilli()
	for i, payload := range []string{
		`{"deviceId":"soil-002","timestamp":%d,"data":{"temperature":21.5,"humidity":48,"battery":3.91}}`,
		`{"name":"soil-002","humidity":44,"timeStampEpoch":%d}`,
		`{"timestamp":%d,"data":{"temperature":23.0,"humidity":29}}`,
		`{"timestamp":%d,"data":{"temperature":57.5,"humidity":40}}`,
	} {
		if err := own.publish(fmt.Sprintf(payload, now+int64(i))); err != nil {
			return err
		}
	}
	fmt.Println(
		"\n  soil-002 has just reported 29 % humidity and 57.5 degrees, and now sends something that is not JSON.",
	)
	if err := own.publish("\x00\x01 not JSON"); err != nil {
		return err
	}
	select {
	case command := <-own.commands:
		fmt.Printf("  soil-002 received the command %s\n\n", command)
		own.commands <- command
		return nil
	case <-time.After(time.Minute):
		return fmt.Errorf("the command for soil-002 did not arrive within a minute")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lines prints the runtime's events, the way iot-local does, and counts them.
type lines struct {
	events  chan runlog.Event
	stopped chan struct{}
	count   map[runlog.Kind]int
	notify  chan notification
}

type notification struct {
	published int
	do        func()
}

func newLines() *lines {
	l := &lines{
		events:  make(chan runlog.Event, 1024),
		stopped: make(chan struct{}),
		count:   map[runlog.Kind]int{},
		notify:  make(chan notification, 1),
	}
	go l.loop()
	return l
}

// print takes an event; it is the runtime's sink.
func (l *lines) print(e runlog.Event) { l.events <- e }

// after calls do once n messages of devices have been received.
func (l *lines) after(n int, do func()) { l.notify <- notification{n, do} }

func (l *lines) loop() {
	defer close(l.stopped)
	var wanted *notification
	for {
		select {
		case n := <-l.notify:
			wanted = &n
		case e, ok := <-l.events:
			if !ok {
				return
			}
			l.count[e.Kind]++
			if e.Kind != runlog.Logged {
				fmt.Printf("  %s  %-9s %-9s %-32s %-24s %s\n", e.Time.Format("15:04:05.000"), e.Kind, e.Thing, e.Topic,
					e.Rule+" "+e.Action, e.Error+e.Detail)
			}
			if wanted != nil && l.count[runlog.Received] >= wanted.published {
				wanted.do()
				wanted = nil
			}
		}
	}
}

// summary says how much happened.
func (l *lines) summary() {
	fmt.Printf("\n  %d messages received, %d rule actions, %d function invocations\n", l.count[runlog.Received],
		l.count[runlog.Acted], l.count[runlog.Invoked])
}
