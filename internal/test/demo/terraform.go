package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

// terraform is the command line in a copy of the example.
type terraform struct {
	*tftest.Workdir
	name string // of the command
}

// prepare copies the example into dir, adds the device's certificate request, and tells the CLI where the built
// provider is.
func prepare(dir string, server *mototest.Server, csr string) (*terraform, error) {
	bin, err := filepath.Abs("bin")
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(bin, "terraform-provider-iot")); err != nil {
		return nil, errors.New("the provider is not built: run make demo, which builds it")
	}
	install, err := tftest.Install(dir, bin)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "greenhouse")
	if err := os.CopyFS(path, os.DirFS("examples/greenhouse")); err != nil {
		return nil, fmt.Errorf("copying the example: %w", err)
	}
	t := &terraform{Workdir: install.Workdir(path, server.Env()...), name: filepath.Base(install.CLI)}
	t.Env = append(t.Env, "TF_VAR_region="+mototest.Region, "TF_VAR_endpoint="+server.URL, "TF_VAR_force_destroy=true",
		"TF_VAR_metrics_window_seconds=5")
	return t, t.Write("soil-002.csr", csr)
}

// change plans and applies. The plan of a whole pipeline is long: only its last line is shown.
func (t *terraform) change(ctx context.Context, arguments ...string) error {
	if err := t.show(ctx, "Plan: ", append([]string{"plan", "-out=plan.out"}, arguments...)...); err != nil {
		return err
	}
	return t.show(ctx, "", "apply", "plan.out")
}

// show runs a command and shows the lines of its output that start with the prefix. The error holds all of it.
func (t *terraform) show(ctx context.Context, prefix string, arguments ...string) error {
	fmt.Printf("  $ %s %s\n", t.name, strings.Join(arguments, " "))
	w := *t.Workdir
	w.Stream = &lineFilter{prefix: prefix}
	return w.Run(ctx, arguments...).Err()
}

// lineFilter prints the lines that start with a prefix as they come.
type lineFilter struct {
	prefix, rest string
}

func (f *lineFilter) Write(text []byte) (int, error) {
	f.rest += string(text)
	for {
		line, rest, complete := strings.Cut(f.rest, "\n")
		if !complete {
			return len(text), nil
		}
		f.rest = rest
		if strings.HasPrefix(line, f.prefix) {
			fmt.Println("  " + line)
		}
	}
}

// made is what the demo reads of the resource's computed attributes.
type made struct {
	MQTTEndpoint       string `json:"mqtt_endpoint"`
	DeviceTableName    string `json:"device_table_name"`
	ArchiveBucket      string `json:"archive_bucket"`
	MetricsTableName   string `json:"metrics_table_name"`
	AlertTopicARN      string `json:"alert_topic_arn"`
	DeadLetterQueueURL string `json:"dead_letter_queue_url"`
	TimestreamTableARN string `json:"timestream_table_arn"`
	Parts              map[string]struct {
		Kind string `json:"kind"`
	} `json:"parts"`
}

// read returns the pipeline as it is in the state.
func (t *terraform) read(ctx context.Context) (*made, error) {
	m := &made{}
	return m, t.Resource(ctx, m)
}
