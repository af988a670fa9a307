package resilience

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/iot-pipeline/terraform-provider-iot/internal/faultproxy"
	"github.com/iot-pipeline/terraform-provider-iot/internal/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/tfcli"
	"github.com/iot-pipeline/terraform-provider-iot/provider"
	"github.com/iot-pipeline/terraform-provider-iot/provider/account"
)

// processes names the directory in which each provider process leaves its ID as a file name.
const processes = "IOT_TEST_PROCESSES"

// TestMain is the tests and, when Terraform starts this program as a plugin, the provider itself.
func TestMain(m *testing.M) {
	if dir := os.Getenv(processes); dir != "" {
		if err := serve(dir); err != nil {
			log.Fatal(err)
		}
		return
	}
	os.Exit(m.Run())
}

func serve(dir string) error {
	if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(os.Getpid())), nil, 0o600); err != nil {
		return err
	}
	return providerserver.Serve(context.Background(), provider.New("test"), providerserver.ServeOpts{Address: provider.Address, ProtocolVersion: 6})
}

// findCLI gives the Terraform or OpenTofu that is there.
func findCLI(t *testing.T) string {
	t.Helper()
	path, err := tfcli.Find()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// world is an AWS account of a test's own.
type world struct {
	t       *testing.T
	server  *mototest.Server
	account account.Account
	before  []string // objects that were there first
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	server := mototest.Start(t)
	w := &world{t: t, server: server, account: account.New(t, server.Config(t))}
	w.before = w.account.Objects(t)
	return w
}

// empty asks that the account is as empty as before.
func (w *world) empty(when string) {
	w.t.Helper()
	left := w.account.Objects(w.t)
	left = slices.DeleteFunc(left, func(object string) bool { return slices.Contains(w.before, object) })
	if len(left) > 0 {
		w.t.Errorf("%s: left in the account:\n%s", when, strings.Join(left, "\n"))
	}
}

// desk is a working directory with a state of its own, and a way to AWS that can fail.
type desk struct {
	*world
	dir, pids string
	cli       string
	proxy     *faultproxy.Proxy
	env       []string     // more of it
	group     atomic.Int64 // process group of the Terraform that was started last
}

func (w *world) desk() *desk {
	w.t.Helper()
	d := &desk{world: w, dir: w.t.TempDir(), pids: w.t.TempDir(), cli: findCLI(w.t), proxy: faultproxy.Start(w.t, w.server.URL)}
	plugins, program := w.t.TempDir(), ""
	program, err := os.Executable()
	if err == nil {
		err = os.Symlink(program, filepath.Join(plugins, "terraform-provider-iot"))
	}
	if err != nil {
		w.t.Fatal(err)
	}
	source := strings.TrimPrefix(provider.Address, "registry.terraform.io/")
	d.write("cli.tfrc", fmt.Sprintf("provider_installation {\n  dev_overrides {\n    %q = %q\n  }\n  direct {}\n}\n", source, plugins))
	d.write("provider.tf", fmt.Sprintf(`
terraform {
  required_providers {
    iot = { source = %q }
  }
}
provider "iot" {
  max_retries       = 1 # every fault reaches the engine
  s3_use_path_style = true
  request_rates     = { "iot:ListTopicRules" = 0, "iot:*" = 0, "timestreamwrite:*" = 0, "ssm:PutParameter" = 0 }
}
`, source))
	return d
}

func (d *desk) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// describe writes the configuration: one pipeline, at the address iot_pipeline.test.
func (d *desk) describe(body string) {
	d.write("main.tf", "resource \"iot_pipeline\" \"test\" {\n"+body+"\n}\n")
}

// result is how a run of Terraform ended.
type result struct {
	output string // standard output and error
	code   int
	took   time.Duration
}

// says looks for a text, however Terraform has broken its lines and framed it.
func (r result) says(text string) bool {
	plain := strings.Join(strings.Fields(strings.NewReplacer("│", " ", "╷", " ", "╵", " ").Replace(r.output)), " ")
	return strings.Contains(plain, strings.Join(strings.Fields(text), " "))
}

// running is a Terraform at work.
type running struct {
	*desk
	cmd    *exec.Cmd
	output transcript
	start  time.Time
}

// transcript is what a program has printed so far.
type transcript struct {
	mu      sync.Mutex
	text    bytes.Buffer
	waiting map[string]chan struct{}
}

func (t *transcript) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.text.Write(text)
	for awaited, said := range t.waiting {
		if strings.Contains(t.text.String(), awaited) {
			close(said)
			delete(t.waiting, awaited)
		}
	}
	return n, err
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// says gives a channel that is closed when the program has printed a text that it has not printed yet.
func (t *transcript) says(text string) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting == nil {
		t.waiting = map[string]chan struct{}{}
	}
	t.waiting[text] = make(chan struct{})
	return t.waiting[text]
}

// longest is what no run takes, however busy the machine.
const longest = 5 * time.Minute

func (d *desk) begin(arguments ...string) *running {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), longest)
	d.t.Cleanup(cancel)
	r := &running{desk: d, cmd: exec.CommandContext(ctx, d.cli, arguments...), start: time.Now()}
	r.cmd.Dir = d.dir
	r.cmd.Stdout, r.cmd.Stderr = &r.output, &r.output
	r.cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+filepath.Join(d.dir, "cli.tfrc"), "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1", processes+"="+d.pids,
		// Under the race detector: a race ends the provider, or nobody would hear of it, and no process waits a second before it ends.
		"GORACE=halt_on_error=1 atexit_sleep_ms=0")
	for _, variable := range d.server.Env() {
		if strings.HasPrefix(variable, "AWS_ENDPOINT_URL=") {
			variable = "AWS_ENDPOINT_URL=" + d.proxy.URL
		}
		r.cmd.Env = append(r.cmd.Env, variable)
	}
	r.cmd.Env = append(r.cmd.Env, d.env...)
	// A group of its own, which is what Ctrl-C reaches.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r.cmd.Cancel = func() error { return syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL) }
	if err := r.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.group.Store(int64(r.cmd.Process.Pid))
	return r
}

// interrupt is Ctrl-C.
func (r *running) interrupt() {
	r.t.Helper()
	if err := syscall.Kill(-r.cmd.Process.Pid, syscall.SIGINT); err != nil {
		r.t.Fatal(err)
	}
}

func (r *running) wait() result {
	r.t.Helper()
	err := r.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.t.Fatal(err)
	}
	return result{output: r.output.String(), code: r.cmd.ProcessState.ExitCode(), took: time.Since(r.start)}
}

func (d *desk) terraform(arguments ...string) result {
	d.t.Helper()
	return d.begin(arguments...).wait()
}

func (d *desk) apply() result {
	return d.terraform("apply", "-auto-approve", "-input=false", "-no-color")
}
func (d *desk) destroy() result {
	return d.terraform("destroy", "-auto-approve", "-input=false", "-no-color")
}

// settled asks that a plan is empty.
func (d *desk) settled(when string) {
	d.t.Helper()
	if r := d.terraform("plan", "-detailed-exitcode", "-input=false", "-no-color"); r.code != 0 {
		d.t.Errorf("%s: the plan is not empty (exit code %d):\n%s", when, r.code, r.output)
	}
}

// must stops the test when Terraform did not succeed.
func (d *desk) must(when string, r result) {
	d.t.Helper()
	if r.code != 0 {
		d.t.Fatalf("%s: exit code %d:\n%s", when, r.code, r.output)
	}
}

// killProviders ends every provider process of the Terraform at work at once, as the kernel does when memory is short. An ID
// that a provider has left behind may be another program's by now; that one is in another process group.
func (d *desk) killProviders() {
	entries, err := os.ReadDir(d.pids)
	if err != nil {
		d.t.Error(err)
		return
	}
	killed := 0
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			d.t.Error(err)
			continue
		}
		if group, err := syscall.Getpgid(pid); err != nil || int64(group) != d.group.Load() {
			continue
		}
		switch err := syscall.Kill(pid, syscall.SIGKILL); {
		case err == nil:
			killed++
		case !errors.Is(err, syscall.ESRCH): // else it has ended by itself: Terraform starts one for each of its phases
			d.t.Error(err)
		}
	}
	if killed == 0 {
		d.t.Error("no provider process was there to be killed")
	}
}
