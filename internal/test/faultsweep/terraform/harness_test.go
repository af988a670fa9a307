package terraform

import (
	"context"
	"errors"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/awstest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/faultproxy"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
	"github.com/iot-pipeline/terraform-provider-iot/provider"
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
	return providerserver.Serve(context.Background(), provider.New("test"),
		providerserver.ServeOpts{Address: provider.Address, ProtocolVersion: 6})
}

// workdir is a working directory with its own state, and a way to AWS that can fail.
type workdir struct {
	*tftest.Project
	aws   *awstest.LocalAWS
	pids  string // directory in which provider processes leave their IDs
	proxy *faultproxy.Proxy
	group atomic.Int64 // process group of the command that was started last
}

func newAWS(t *testing.T) *awstest.LocalAWS {
	t.Helper()
	t.Parallel()
	return awstest.Start(t)
}

func newWorkdir(t *testing.T, aws *awstest.LocalAWS) *workdir {
	t.Helper()
	program, err := os.Executable()
	plugins := t.TempDir()
	if err == nil {
		err = os.Symlink(program, filepath.Join(plugins, "terraform-provider-iot"))
	}
	if err != nil {
		t.Fatal(err)
	}
	install, err := tftest.Install(t.TempDir(), plugins)
	if err != nil {
		t.Fatal(err)
	}
	d := &workdir{aws: aws, pids: t.TempDir(), proxy: faultproxy.Start(t, aws.Server.URL)}
	d.Project = install.Project(t, append(aws.Server.Env(),
		"AWS_ENDPOINT_URL="+d.proxy.URL,
		processes+"="+d.pids,
		// Under the race detector: a race ends the provider, or nobody would hear of it, and no process waits a
		// second before it ends.
		"GORACE=halt_on_error=1 atexit_sleep_ms=0",
	)...)
	d.Write("provider.tf", tftest.Header+`
provider "iot" {
  max_retries       = 1 # every fault reaches the engine
  s3_use_path_style = true
  request_rates     = { "iot:ListTopicRules" = 0, "iot:*" = 0, "timestreamwrite:*" = 0, "ssm:PutParameter" = 0 }
}
`)
	return d
}

// describe writes the configuration: one pipeline, at the address iot_pipeline.test.
func (d *workdir) describe(body string) {
	d.Write("main.tf", "resource \"iot_pipeline\" \"test\" {\n"+body+"\n}\n")
}

// longest is what nothing that a test waits for takes, however busy the machine.
const longest = 5 * time.Minute

func (d *workdir) begin(arguments ...string) *tftest.Running {
	d.T.Helper()
	r := d.Begin(arguments...)
	d.group.Store(int64(r.Group()))
	return r
}

func (d *workdir) terraform(arguments ...string) tftest.Result {
	d.T.Helper()
	return d.begin(arguments...).Wait()
}

func (d *workdir) apply() tftest.Result   { return d.terraform("apply", "-auto-approve") }
func (d *workdir) destroy() tftest.Result { return d.terraform("destroy", "-auto-approve") }

// unchanged reports an error unless a plan is empty.
func (d *workdir) unchanged(when string) {
	d.T.Helper()
	if r := d.terraform("plan", "-detailed-exitcode"); r.Code != 0 {
		d.T.Errorf("%s: the plan is not empty (exit code %d):\n%s", when, r.Code, r.Output)
	}
}

// must ends the test unless the command succeeded.
func (d *workdir) must(when string, r tftest.Result) {
	d.T.Helper()
	if err := r.Err(); err != nil {
		d.T.Fatalf("%s: %v", when, err)
	}
}

// empty reports an error unless the account is as empty as before the test.
func (d *workdir) empty(when string) {
	d.T.Helper()
	d.aws.RequireEmpty(d.T, when)
}

// killProviders ends every provider process of the Terraform at work at once, as the kernel does when memory is
// short. An ID that a provider has left behind may be another program's by now; that one is in another process group.
func (d *workdir) killProviders() {
	entries, err := os.ReadDir(d.pids)
	if err != nil {
		d.T.Error(err)
		return
	}
	killed := 0
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			d.T.Error(err)
			continue
		}
		if group, err := syscall.Getpgid(pid); err != nil || int64(group) != d.group.Load() {
			continue
		}
		switch err := syscall.Kill(pid, syscall.SIGKILL); {
		case err == nil:
			killed++
		case !errors.Is(err, syscall.ESRCH): // else it has ended by itself: Terraform starts one for each of its phases
			d.T.Error(err)
		}
	}
	if killed == 0 {
		d.T.Error("no provider process was there to be killed")
	}
}
