package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/tfcli"
)

// terraform runs the CLI in a working directory of its own.
type terraform struct {
	cli string
	dir string
	env []string
}

// prepare copies the example into dir, gives it the device's request, and tells the CLI where the built provider is.
func prepare(dir string, server *mototest.Server, csr string) (*terraform, error) {
	cli, err := tfcli.Find()
	if err != nil {
		return nil, err
	}
	t := &terraform{cli: cli, dir: filepath.Join(dir, "greenhouse")}
	if err := os.CopyFS(t.dir, os.DirFS("examples/greenhouse")); err != nil {
		return nil, fmt.Errorf("copying the example: %w", err)
	}
	if err := os.WriteFile(filepath.Join(t.dir, "soil-002.csr"), []byte(csr), 0o600); err != nil {
		return nil, err
	}
	bin, err := filepath.Abs("bin")
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(bin, "terraform-provider-iot")); err != nil {
		return nil, errors.New("the provider is not built: run make demo, which builds it")
	}
	config := filepath.Join(dir, "cli.tfrc")
	if err := tfcli.Override(config, bin); err != nil {
		return nil, err
	}
	t.env = append(os.Environ(), server.Env()...)
	t.env = append(t.env, "TF_CLI_CONFIG_FILE="+config, "TF_IN_AUTOMATION=1", "TF_VAR_region="+mototest.Region,
		"TF_VAR_endpoint="+server.URL, "TF_VAR_force_destroy=true")
	return t, nil
}

// change plans and applies. The plan of a whole pipeline is long: its last line is shown.
func (t *terraform) change(ctx context.Context, args ...string) error {
	if err := t.run(ctx, "Plan: ", append([]string{"plan", "-out=plan.out"}, args...)...); err != nil {
		return err
	}
	return t.run(ctx, "", "apply", "plan.out")
}

// run executes a command and shows its output as it comes, or only the lines that start with the prefix, and all of it when
// the command fails. On cancellation the CLI is interrupted, so that it saves its state.
func (t *terraform) run(ctx context.Context, prefix string, args ...string) error {
	fmt.Printf("  $ %s %s\n", filepath.Base(t.cli), strings.Join(args, " "))
	args = append([]string{args[0], "-no-color", "-input=false"}, args[1:]...)
	cmd := t.command(ctx, args...)
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	shown := make(chan struct{})
	var hidden []string
	go func() {
		defer close(shown)
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), prefix) {
				fmt.Println("  " + lines.Text())
			} else {
				hidden = append(hidden, lines.Text())
			}
		}
		io.Copy(io.Discard, reader) //nolint:errcheck // a line too long for the scanner must not block the command
	}()
	err := cmd.Run()
	writer.Close()
	<-shown
	if err != nil {
		fmt.Println(strings.Join(hidden, "\n"))
	}
	return err
}

func (t *terraform) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, t.cli, args...)
	cmd.Dir, cmd.Env = t.dir, t.env
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = time.Minute
	return cmd
}

// made is what the demo reads of the resource's computed attributes.
type made struct {
	MQTTEndpoint       string `json:"mqtt_endpoint"`
	DeviceTableName    string `json:"device_table_name"`
	ArchiveBucket      string `json:"archive_bucket"`
	AlertTopicARN      string `json:"alert_topic_arn"`
	DeadLetterQueueURL string `json:"dead_letter_queue_url"`
	TimestreamTableARN string `json:"timestream_table_arn"`
	Parts              map[string]struct {
		Kind string `json:"kind"`
	} `json:"parts"`
}

// read gives the pipeline as the state has it.
func (t *terraform) read(ctx context.Context) (*made, error) {
	cmd := t.command(ctx, "show", "-json", "-no-color")
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("reading the state: %w", err)
	}
	var state struct {
		Values struct {
			RootModule struct {
				Resources []struct{ Values made }
			} `json:"root_module"`
		}
	}
	if err := json.Unmarshal(text, &state); err != nil {
		return nil, fmt.Errorf("reading the state: %w", err)
	}
	if len(state.Values.RootModule.Resources) != 1 {
		return nil, errors.New("reading the state: it does not hold exactly one resource")
	}
	return &state.Values.RootModule.Resources[0].Values, nil
}
