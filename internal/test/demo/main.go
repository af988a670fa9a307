// Command demo shows the product without an AWS account: it stands examples/greenhouse
// up on a local AWS with Terraform, runs the pipeline on this machine, lets devices publish over MQTT
// with the certificates that the pipeline made, shows what arrived where, and removes everything.
//
// It is run by `make demo`, which builds the provider and the functions first. It knows what a person
// sees of the product and nothing of how a pipeline is made.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "\nThe demo did not finish: %v\n", err)
		os.Exit(1)
	}
}

// stage is one part of the demo, and how long it took.
type stage struct {
	title string
	took  time.Duration
}

// show is a running demo.
type show struct {
	server    *mototest.Server
	terraform *terraform
	stages    []stage
}

func run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "iot-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := &show{}
	if err := s.stage("Starting a local AWS (moto)", func() error {
		s.server, err = mototest.Run(ctx, os.Stderr)
		return err
	}); err != nil {
		return err
	}
	defer s.server.Stop()

	device, err := newOwnKeyDevice("soil-002")
	if err != nil {
		return err
	}
	if s.terraform, err = prepare(dir, s.server, device.csr); err != nil {
		return err
	}
	if err := s.stage("terraform apply: one resource, a whole pipeline",
		func() error { return s.apply(ctx) }); err != nil {
		return err
	}
	failed := s.stage("Devices publish, the pipeline works",
		func() error { return s.feed(ctx, filepath.Join(dir, "local"), device) })
	// What was made is removed whatever happened, also after an interruption.
	removed := s.stage("terraform destroy: nothing stays behind", func() error {
		return s.terraform.change(context.WithoutCancel(ctx), "-destroy")
	})
	if failed != nil {
		return failed
	}
	if removed != nil {
		return removed
	}
	if err := s.server.Refuse(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	s.summary()
	return nil
}

// apply shows the configuration, and makes it real.
func (s *show) apply(ctx context.Context) error {
	text, err := os.ReadFile("examples/greenhouse/main.tf")
	if err != nil {
		return err
	}
	if _, resource, ok := strings.Cut(string(text), "resource "); ok {
		for line := range strings.Lines("resource " + resource) {
			fmt.Print("    " + line)
		}
		fmt.Println()
	}
	return s.terraform.change(ctx)
}

// stage runs one part under its title and remembers how long it took.
func (s *show) stage(title string, do func() error) error {
	fmt.Printf("\n%s\n", bold("== "+title))
	start := time.Now()
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", title, err)
	}
	s.stages = append(s.stages, stage{title, time.Since(start)})
	return nil
}

func (s *show) summary() {
	fmt.Printf("\n%s\n", bold("== How long it took"))
	for _, st := range s.stages {
		fmt.Printf("  %6.1f s  %s\n", st.took.Seconds(), st.title)
	}
	fmt.Println("\nTo look at a pipeline while it runs: make play")
}
