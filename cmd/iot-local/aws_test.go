package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

// localAccount runs "iot-local aws" and returns clients for it; stop ends it and waits.
func localAccount(t *testing.T, args ...string) (c *awsapi.Clients, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := dispatch(ctx, append([]string{"aws", "--json"}, args...), w)
		w.CloseWithError(io.EOF)
		ended <- err
	}()
	line, err := bufio.NewReader(r).ReadBytes('\n')
	if err != nil {
		cancel()
		t.Fatalf("iot-local aws: %v", <-ended)
	}
	go io.Copy(io.Discard, r)
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	var environment map[string]string
	if err := json.Unmarshal(line, &environment); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	for name, value := range environment {
		t.Setenv(name, value)
	}
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return awsapi.New(cfg, awsapi.Options{Unlimited: true}), stop
}

// TestAWSKeepsTheAccount deploys a pipeline by hand, restarts the account, and runs the pipeline in it.
func TestAWSKeepsTheAccount(t *testing.T) {
	data := t.TempDir()
	clients, stop := localAccount(t, "--data", data)
	deploy(t, clients)
	stop()

	_, stop = localAccount(t, "--data", data)
	defer stop()
	p := start(t, "run", "gh", "--mqtt", "127.0.0.1:0", "--state", t.TempDir())
	p.await(t, ready)
	p.stop()
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
}

func TestAWSForgetsTheAccount(t *testing.T) {
	for range 2 {
		clients, stop := localAccount(t)
		deploy(t, clients) // fails if anything is there
		stop()
	}
}

func TestAWSRefusesAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"0.0.0.0:5000": "this machine only", ":5000": "this machine only", "127.0.0.1": "want 127.0.0.1 and a port",
		"127.0.0.1:x": "not a number", "127.0.0.1:65536": "not a number", "localhost:5000": "want 127.0.0.1 and a port",
	} {
		err := dispatch(t.Context(), []string{"aws", "--listen", address}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
}

func TestAWSPrintsTheEnvironmentForAShell(t *testing.T) {
	var out strings.Builder
	if err := printEnvironment(&out, []string{"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=local"}, false); err != nil {
		t.Fatal(err)
	}
	want := "export AWS_REGION=us-east-1\nexport AWS_ACCESS_KEY_ID=local\n# The local AWS is ready. Ctrl-C stops it.\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
