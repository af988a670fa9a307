package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/fleet/iotstub"
	"github.com/iot-pipeline/terraform-provider-iot/internal/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/tfcli"
)

// quotas are AWS's default request rates of what a device takes; the bundles go to Secrets Manager.
var quotas = iotstub.Quotas()

// latency is the time before each answer of the stub.
const latency = 30 * time.Millisecond

// life is a pipeline from apply to destroy.
type life struct {
	ctx     context.Context
	devices int
	source  string // "file" or "map"
	quotas  string // "none" or "default"
	binary  string
	dir     string
	moto    *mototest.Server

	front *iotstub.Front
	env   []string
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
		devices = `devices       = { for row in csvdecode(file("fleet.csv")) : row.name => { attributes = { bay = row["attributes.bay"], row = row["attributes.row"] } } }`
	}
	rates := ""
	if l.quotas == "none" {
		for operation := range quotas {
			rates += fmt.Sprintf("    %q = 0\n", operation)
		}
	}
	text := fmt.Sprintf(`terraform {
  required_providers {
    iot = { source = "iot-pipeline/iot" }
  }
}
provider "iot" {
  s3_use_path_style = true
  request_rates = {
%s  }
}
resource "iot_pipeline" "fleet" {
  name          = "fleet"
  %s
  credentials   = { store = "secretsmanager", path = "/fleet" }
  force_destroy = true
  timeouts      = { create = "5h", update = "5h", delete = "5h" }
}
`, rates, devices)
	rc := filepath.Join(l.dir, "cli.tfrc")
	if err := tfcli.Override(rc, filepath.Dir(l.binary)); err != nil {
		return err
	}
	l.env = append(append(os.Environ(), l.moto.Env()...), "AWS_ENDPOINT_URL="+endpoint, "TF_CLI_CONFIG_FILE="+rc, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
	return os.WriteFile(filepath.Join(l.dir, "main.tf"), []byte(text), 0o600)
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
	cli := os.Getenv("TF_ACC_TERRAFORM_PATH")
	if cli == "" {
		cli = "terraform"
	}
	cmd := exec.CommandContext(l.ctx, cli, append(arguments, "-no-color", "-input=false")...)
	cmd.Dir, cmd.Env = l.dir, l.env
	before, peak := l.front.Count(), watch(l.binary)
	begun := time.Now()
	text, err := cmd.CombinedOutput()
	r := result{elapsed: time.Since(begun), requests: l.front.Count() - before, peakMB: peak()}
	if err != nil {
		return r, fmt.Errorf("terraform %s: %w\n%s", strings.Join(arguments, " "), err, text)
	}
	if info, err := os.Stat(filepath.Join(l.dir, "terraform.tfstate")); err == nil {
		r.stateBytes = info.Size()
	}
	return r, nil
}
