package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/iotstub"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

// quotas are AWS's default request rates of what a device takes; the bundles go where they go by default.
var quotas = iotstub.Quotas()

// latency is the time before each answer of the stub.
const latency = 30 * time.Millisecond

// life is a pipeline from apply to destroy.
type life struct {
	ctx     context.Context
	devices int
	source  string // "file" or "map"
	quotas  string // "none" or "default"
	install *tftest.Installation
	binary  string // of the provider
	dir     string
	moto    *mototest.Server

	front   *iotstub.Front
	workdir *tftest.Workdir
}

func (l *life) run() ([]result, error) {
	options := iotstub.Options{Latency: latency}
	if l.quotas == "default" {
		options.Rates = quotas
	}
	var err error
	if l.front, err = iotstub.NewFront(options, l.moto.URL); err != nil {
		return nil, err
	}
	server := httptest.NewServer(l.front)
	defer server.Close()
	if err := l.prepare(server.URL); err != nil {
		return nil, err
	}
	var results []result
	for _, step := range []struct {
		command        string
		devices        int // in the file
		added, removed int
		arguments      []string
	}{
		{"apply", l.devices, l.devices, 0, []string{"apply", "-auto-approve"}},
		{"plan", l.devices, 0, 0, []string{"plan", "-detailed-exitcode"}},
		{"add one", l.devices + 1, 1, 0, []string{"apply", "-auto-approve"}},
		{"destroy", l.devices + 1, 0, l.devices + 1, []string{"destroy", "-auto-approve"}},
	} {
		if err := l.writeFleet(step.devices); err != nil {
			return results, err
		}
		r, err := l.measure(step.arguments)
		if err != nil {
			return results, fmt.Errorf("%s: %w", step.command, err)
		}
		r.source, r.quotas, r.command, r.devices = l.source, l.quotas, step.command, l.devices
		if l.quotas == "default" {
			r.dictated = dictated(step.added, step.removed)
		}
		results = append(results, r)
		log.Printf("%v", r.fields())
	}
	if things, certificates, bundles := l.front.Stub.Size(); things+certificates+bundles > 0 {
		return results, fmt.Errorf("left: %d things, %d certificates, %d bundles", things, certificates, bundles)
	}
	return results, nil
}

// prepare writes the configuration.
func (l *life) prepare(endpoint string) error {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	devices := `devices_from  = { file = "fleet.csv" }`
	if l.source == "map" {
		devices = `devices = { for row in csvdecode(file("fleet.csv")) :
    row.name => { attributes = { bay = row["attributes.bay"], row = row["attributes.row"] } } }`
	}
	rates := ""
	if l.quotas == "none" {
		for operation := range quotas {
			rates += fmt.Sprintf("    %q = 0\n", operation)
		}
	}
	text := tftest.Header + fmt.Sprintf(`provider "iot" {
  s3_use_path_style = true
  request_rates = {
%s  }
}
resource "iot_pipeline" "fleet" {
  name          = "fleet"
  %s
  force_destroy = true
  timeouts      = { create = "5h", update = "5h", delete = "5h" }
}
`, rates, devices)
	l.workdir = l.install.Workdir(l.dir, append(l.moto.Env(), "AWS_ENDPOINT_URL="+endpoint)...)
	return l.workdir.Write("main.tf", text)
}

func (l *life) writeFleet(n int) error {
	file, err := os.Create(filepath.Join(l.dir, "fleet.csv"))
	if err != nil {
		return err
	}
	defer file.Close()
	text := bufio.NewWriter(file)
	fmt.Fprintln(text, "name,attributes.bay,attributes.row")
	for i := range n {
		fmt.Fprintf(text, "device-%05d,%d,%d\n", i, i%100, i)
	}
	return text.Flush()
}

// measure runs Terraform once.
func (l *life) measure(arguments []string) (result, error) {
	before, peak := l.front.Count(), watch(l.binary)
	ran := l.workdir.Run(l.ctx, arguments...)
	r := result{elapsed: ran.Took, requests: l.front.Count() - before, peakMB: peak()}
	if err := ran.Err(); err != nil {
		return r, err
	}
	if info, err := os.Stat(filepath.Join(l.dir, "terraform.tfstate")); err == nil {
		r.stateBytes = info.Size()
	}
	return r, nil
}
