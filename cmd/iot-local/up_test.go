package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/client"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/localaws"
	"github.com/iot-pipeline/terraform-provider-iot/internal/terraform"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

// program is iot-local as users get it; up needs it, since it is the provider, too.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programDir, "iot-local")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building iot-local: %w\n%s", err, out)
	}
	return path, nil
})

var programDir string

func TestMain(m *testing.M) {
	var err error
	if programDir, err = os.MkdirTemp("", "iot-local-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(programDir)
	os.Exit(code)
}

// upRun is iot-local up in a process of its own.
type upRun struct {
	cmd    *exec.Cmd
	tmp    string // its directory for temporary files
	out    *firstMatch
	ended  chan struct{}
	err    error  // once it has ended
	detail string // of the ready line
}

// firstMatch keeps what is written and tells when a text has come.
type firstMatch struct {
	mu     sync.Mutex
	text   bytes.Buffer
	wanted string
	came   chan struct{}
}

// Write keeps a piece of the output.
func (f *firstMatch) Write(text []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := strings.Contains(f.text.String(), f.wanted)
	f.text.Write(text)
	if !before && strings.Contains(f.text.String(), f.wanted) {
		close(f.came)
	}
	return len(text), nil
}

// String is what has been written.
func (f *firstMatch) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text.String()
}

// startUp starts iot-local up and watches for a text in its output.
func startUp(t *testing.T, text string, args ...string) *upRun {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	u := &upRun{tmp: t.TempDir(), out: &firstMatch{wanted: text, came: make(chan struct{})},
		ended: make(chan struct{})}
	u.cmd = exec.Command(path, append([]string{"up", "--mqtt", "127.0.0.1:0", "--page=127.0.0.1:0", "--interval", "100ms"}, args...)...)
	// What the user has of AWS must not matter.
	u.cmd.Env = append(os.Environ(), "TMPDIR="+u.tmp, "AWS_PROFILE=production", "AWS_ENDPOINT_URL=http://192.0.2.1:1",
		"TF_CLI_ARGS=-nonsense", "TF_WORKSPACE=production")
	u.cmd.Stdout, u.cmd.Stderr = u.out, u.out
	if err := u.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		u.err = u.cmd.Wait()
		close(u.ended)
	}()
	t.Cleanup(func() { u.cmd.Process.Kill() })
	return u
}

// await waits for the text.
func (u *upRun) await(t *testing.T) {
	t.Helper()
	select {
	case <-u.out.came:
	case <-time.After(3 * time.Minute):
		t.Fatalf("it did not say %q:\n%s", u.out.wanted, u.out)
	case <-u.ended:
		t.Fatalf("it ended with %v before it said %q:\n%s", u.err, u.out.wanted, u.out)
	}
}

// interrupt sends what Ctrl-C sends.
func (u *upRun) interrupt(t *testing.T) {
	t.Helper()
	if err := u.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
}

// end waits for the end and requires that nothing is left: files, ports, processes.
func (u *upRun) end(t *testing.T) error {
	t.Helper()
	select {
	case <-u.ended:
	case <-time.After(3 * time.Minute):
		t.Fatalf("it does not end:\n%s", u.out)
	}
	left, problem := os.ReadDir(u.tmp)
	if problem != nil || len(left) > 0 {
		t.Errorf("it left %v, error %v", left, problem)
	}
	for _, address := range regexp.MustCompile(`127\.0\.0\.1:\d+`).FindAllString(u.detail, -1) {
		l, problem := net.Listen("tcp", address)
		if problem != nil {
			t.Errorf("something still listens on %s: %v", address, problem)
			continue
		}
		l.Close()
	}
	processes, problem := exec.Command("ps", "-A", "-o", "pid=,args=").Output()
	if problem != nil {
		t.Fatal(problem)
	}
	for line := range strings.Lines(string(processes)) {
		if strings.Contains(line, u.tmp) {
			t.Errorf("it left the process %s", line)
		}
	}
	return u.err
}

// ready is what the ready line says: the addresses after MQTT, HTTP and AWS_ENDPOINT_URL=.
func (u *upRun) ready(t *testing.T) (mqtt, api, aws string) {
	t.Helper()
	u.await(t)
	for line := range strings.Lines(u.out.String()) {
		var e runlog.Event
		if json.Unmarshal([]byte(line), &e) == nil && e.Kind == runlog.Ready {
			u.detail = e.Detail
		}
	}
	for _, address := range []struct {
		to    *string
		after string
	}{{&mqtt, `MQTT  `}, {&api, `HTTP  http://`}, {&aws, `AWS_ENDPOINT_URL=http://`}} {
		if found := regexp.MustCompile(address.after + `(127\.0\.0\.1:\d+)`).FindStringSubmatch(u.detail); found != nil {
			*address.to = found[1]
		}
	}
	return mqtt, api, aws
}

const isReady = `"kind":"ready"`

// configuration is a directory in a Git repository, with what leads elsewhere: a backend, a version, a state, a lock
// file, and a module outside.
func configuration(t *testing.T, more string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		".git/HEAD":            "ref: refs/heads/main\n",
		"shared/names/main.tf": "output \"pipeline\" {\n  value = \"greenhouse\"\n}\n",
		"live/gh/main.tf": `
terraform {
  required_providers {
    iot = {
      source  = "iot-pipeline/iot"
      version = "~> 7.1"
    }
  }
  backend "s3" {
    bucket = "somebody-elses"
    key    = "production.tfstate"
    region = "us-east-1"
  }
}

variable "device" {}

provider "iot" {
  region = "eu-central-1"
}

module "names" {
  source = "../../shared/names"
}

resource "iot_pipeline" "gh" {
  name      = module.names.pipeline
  devices   = { (var.device) = {} }
  processor = { batch_window_seconds = 0 }
  api       = {}
}
` + more,
		"live/gh/terraform.tfstate": `{"version":4,"terraform_version":"1.11.4","serial":9,"lineage":"l","outputs":{},"resources":[]}`,
		"live/gh/.terraform.lock.hcl": "provider \"registry.terraform.io/iot-pipeline/iot\" {\n  version = \"7.1.0\"\n" +
			"  hashes  = [\"h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"]\n}\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(root, "live", "gh")
}

// files are the files of a directory with what is in them.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(text)
	}
	return all
}

// stored waits until the API says that a message of the device has been stored.
func stored(t *testing.T, address, device string) {
	t.Helper()
	api, err := client.NewClientWithResponses("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	timeout := time.After(2 * time.Minute)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		got, err := api.GetDeviceWithResponse(t.Context(), device)
		if err != nil {
			t.Fatal(err)
		}
		if got.JSON200 != nil && got.JSON200.Latest != nil && len(*got.JSON200.Latest) > 0 {
			return
		}
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("nothing of %s has been stored: %d %s", device, got.StatusCode(), got.Body)
		}
	}
}

// TestUp is the life of a configuration that was written for a real account.
func TestUp(t *testing.T) { life(t) }

// TestUpOnOpenTofu is the same with the other command line.
func TestUpOnOpenTofu(t *testing.T) {
	path, err := tftest.OpenTofu.Path()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TF_ACC_TERRAFORM_PATH", path)
	life(t)
}

func life(t *testing.T) {
	t.Helper()
	dir := configuration(t, "")
	before := files(t, dir)
	u := startUp(t, isReady, dir, "--json", "--var", "device=soil-001", "--faults", "0")
	_, api, aws := u.ready(t)
	if api == "" || aws == "" || !strings.Contains(u.detail, "1 simulated devices") ||
		!strings.Contains(u.detail, "AWS_REGION=eu-central-1") {
		t.Fatalf("the ready line is %q", u.detail)
	}
	stored(t, api, "soil-001")
	u.showsThePage(t)
	u.operates(t)
	u.interrupt(t)
	if err := u.end(t); err != nil {
		t.Errorf("it ended with %v:\n%s", err, u.out)
	}
	if after := files(t, dir); !equal(before, after) {
		t.Errorf("the directory was changed: it has %v", after)
	}
}

// operates requires that iotctl, with the environment in the ready line, reaches the pipeline.
func (u *upRun) operates(t *testing.T) {
	t.Helper()
	iotctl := exec.Command("go", "run", "-buildvcs=false", "../iotctl", "smoke-test", "greenhouse", "--skip-archive")
	iotctl.Env = append(os.Environ(), regexp.MustCompile(`AWS_[A-Z_]+=\S+`).FindAllString(u.detail, -1)...)
	if out, err := iotctl.CombinedOutput(); err != nil {
		t.Errorf("iotctl smoke-test: %v\n%s", err, out)
	}
}

// showsThePage requires that the address in the ready line shows the page.
func (u *upRun) showsThePage(t *testing.T) {
	t.Helper()
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+/#token=`).FindString(u.detail)
	if url == "" {
		t.Fatalf("no page in %q", u.detail)
	}
	answer, err := http.Get(strings.TrimSuffix(url, "#token="))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(text), "<html") {
		t.Errorf("got %d %s, error %v", answer.StatusCode, text, err)
	}
}

func equal(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for name, text := range a {
		if b[name] != text {
			return false
		}
	}
	return true
}

// TestUpKeepsData: a second run has the devices and the data of the first.
func TestUpKeepsData(t *testing.T) {
	dir, data := configuration(t, ""), filepath.Join(t.TempDir(), "data")
	args := []string{dir, "--data", data, "--json", "--var", "device=soil-001"}
	var authority []byte
	for _, more := range [][]string{{"--faults", "0"}, {"--simulate=false"}} {
		u := startUp(t, isReady, append(args, more...)...)
		_, api, _ := u.ready(t)
		stored(t, api, "soil-001") // the second time, nobody sends anything
		u.interrupt(t)
		if err := u.end(t); err != nil {
			t.Fatalf("it ended with %v:\n%s", err, u.out)
		}
		text, err := os.ReadFile(filepath.Join(data, "local", "ca.pem"))
		if err != nil {
			t.Fatal(err)
		}
		if authority != nil && !bytes.Equal(authority, text) {
			t.Error("the second run has another certificate authority")
		}
		authority = text
	}
}

// TestUpRemovesWhatWasAppliedInVain: an apply that fails, and one that is interrupted, are destroyed.
func TestUpRemovesWhatWasAppliedInVain(t *testing.T) {
	failing := `
resource "terraform_data" "broken" {
  triggers_replace = iot_pipeline.gh.id
  provisioner "local-exec" {
    command = "echo no such luck; exit 3"
  }
}
`
	t.Run("failed", func(t *testing.T) {
		t.Parallel()
		u := startUp(t, "Destroying it", configuration(t, failing), "--var", "device=soil-001")
		var exit *exec.ExitError
		if err := u.end(t); !errors.As(err, &exit) || exit.ExitCode() != 1 {
			t.Errorf("it ended with %v", err)
		}
		for _, want := range []string{"no such luck", "Destruction complete", "terraform apply"} {
			if !strings.Contains(u.out.String(), want) {
				t.Errorf("the output lacks %q:\n%s", want, u.out)
			}
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		t.Parallel()
		u := startUp(t, "iot_pipeline.gh: Creating...", configuration(t, failing), "--var", "device=soil-001")
		u.await(t)
		u.interrupt(t)
		if err := u.end(t); err == nil {
			t.Error("it ended without an error")
		}
		if !strings.Contains(u.out.String(), "interrupted before it was ready") {
			t.Errorf("the output:\n%s", u.out)
		}
	})
}

// TestUpSaysWhatIsMissing: tools, files, arguments.
func TestUpSaysWhatIsMissing(t *testing.T) {
	nothing, fake := t.TempDir(), t.TempDir()
	script := filepath.Join(fake, "terraform")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexit 0\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	dir := configuration(t, "")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	python, err := localaws.Python(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if python, err = exec.LookPath(python); err != nil {
		t.Fatal(err)
	}
	free := []string{"--mqtt", "127.0.0.1:0", "--page=127.0.0.1:0"}
	for name, c := range map[string]struct {
		path, python string
		args         []string
		want         string
	}{
		"no Terraform": {nothing, python, append(free, dir), terraform.ErrNoCLI.Error()},
		"no moto":      {fake, "", append(free, dir), localaws.ErrNoMoto.Error()},
		"not the Python that was named": {fake, filepath.Join(nothing, "python"), append(free, dir),
			localaws.ErrNoMoto.Error()},
		"no configuration": {fake, python, append(free, nothing), terraform.ErrNoConfiguration.Error()},
		"no directory":     {fake, python, []string{filepath.Join(nothing, "x")}, "no such file or directory"},
		"a file":           {fake, python, []string{script}, "is not a directory"},
		"no argument":      {fake, python, nil, "missing directory"},
		"two arguments":    {fake, python, []string{dir, dir}, "unexpected argument"},
		"a port in use": {fake, python, append(free, dir, "--mqtt", taken.Addr().String()),
			"choose another address, such as --mqtt="},
		"another port in use": {fake, python, append(free, dir, "--page="+taken.Addr().String()),
			"choose another address, such as --page="},
		"half a variable": {fake, python, []string{dir, "--var", "x"}, "want NAME=VALUE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", c.path)
			t.Setenv("TF_ACC_TERRAFORM_PATH", "")
			t.Setenv("MOTO_PYTHON", c.python)
			t.Setenv("TMPDIR", t.TempDir())
			err := dispatch(t.Context(), append([]string{"up"}, c.args...), io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want %q", err, c.want)
			}
			if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
				t.Errorf("it left %v, error %v", left, err)
			}
		})
	}
}

// TestUpPlaysOneRegion: a broker belongs to one region.
func TestUpPlaysOneRegion(t *testing.T) {
	for _, c := range []struct {
		pipelines []terraform.Pipeline
		region    string
		want      string
	}{
		{[]terraform.Pipeline{{Name: "a", Region: "eu-west-1"}, {Name: "b", Region: "eu-west-1"}}, "eu-west-1", ""},
		{[]terraform.Pipeline{{Name: "a", Region: "eu-west-1"}, {Name: "b", Region: "us-east-1"}}, "",
			"regions eu-west-1 and us-east-1"},
		{nil, "", "no resource iot_pipeline"},
	} {
		region, err := only(c.pipelines)
		if region != c.region || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: region %q, error %v", c.pipelines, region, err)
		}
	}
}
