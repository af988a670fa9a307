package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/tfcli"
)

// BenchmarkTerraform goes through a pipeline's life with Terraform: apply, empty plan, one change, destroy.
func BenchmarkTerraform(b *testing.B) {
	bin := buildProvider(b)
	for _, p := range []struct{ name, more string }{{"minimal", ""}, {"full", everything}} {
		for _, devices := range []int{1, 100} {
			b.Run(fmt.Sprintf("pipeline=%s/devices=%d", p.name, devices), func(b *testing.B) {
				for range b.N {
					life(b, bin, p.more, devices)
				}
			})
		}
	}
}

// everything is what the README's example has beyond a name and devices, and Timestream.
const everything = `
  timestream    = {}
  archive       = { expire_after_days = 365 }
  alerts = {
    emails = ["ops@example.com"]
    rules = {
      dry = { when = "data.humidity < 35", severity = "warning", message = "Humidity $${data.humidity} on $${thing}" }
      hot = { when = "data.temperature > 50", severity = "critical", command = jsonencode({ action = "enter_safe_mode" }) }
    }
  }
`

// life runs each command once and reports its requests and seconds.
func life(b *testing.B, bin, more string, devices int) {
	w := newWorkspace(b, bin)
	w.write(b, more, devices, 24)
	w.command(b, "apply", "apply", "-auto-approve")
	w.command(b, "plan", "plan", "-detailed-exitcode") // exits with 2 when it is not empty
	w.write(b, more, devices, 48)
	w.command(b, "change", "apply", "-auto-approve")
	w.command(b, "destroy", "destroy", "-auto-approve")
}

type workspace struct {
	dir    string
	env    []string
	server *mototest.Server
}

func newWorkspace(b *testing.B, bin string) *workspace {
	dir := b.TempDir()
	w := &workspace{dir: dir, server: mototest.Start(b)}
	config := filepath.Join(dir, "cli.tfrc")
	if err := tfcli.Override(config, bin); err != nil {
		b.Fatal(err)
	}
	w.env = append(append(os.Environ(), w.server.Env()...), "TF_CLI_CONFIG_FILE="+config, "CHECKPOINT_DISABLE=1")
	return w
}

// write puts down a pipeline with so many devices.
func (w *workspace) write(b *testing.B, more string, devices, retention int) {
	text := fmt.Sprintf(`
terraform {
  required_providers {
    iot = { source = "iot-pipeline/iot" }
  }
}
provider "iot" {
  s3_use_path_style = true
}
resource "iot_pipeline" "greenhouse" {
  name          = "greenhouse"
  devices       = { for i in range(%d) : format("soil-%%03d", i) => { attributes = { bay = tostring(i) } } }
  stream        = { retention_hours = %d }
  force_destroy = true
%s}
`, devices, retention, more)
	if err := os.WriteFile(filepath.Join(w.dir, "main.tf"), []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
}

// command runs Terraform and reports requests and seconds under the stage's name.
func (w *workspace) command(b *testing.B, stage string, args ...string) {
	before := len(w.server.Requests(b))
	cmd := exec.CommandContext(b.Context(), cli(b), append(args, "-no-color", "-input=false")...)
	cmd.Dir, cmd.Env = w.dir, w.env
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	b.ReportMetric(time.Since(start).Seconds(), stage+"-s")
	b.ReportMetric(float64(len(w.server.Requests(b))-before), stage+"-requests")
}

func cli(b *testing.B) string {
	path, err := tfcli.Find()
	if err != nil {
		b.Fatal(err)
	}
	return path
}

// buildProvider compiles the provider as users get it, without the race detector.
func buildProvider(b *testing.B) string {
	dir := b.TempDir()
	cmd := exec.CommandContext(b.Context(), "go", "build", "-o", filepath.Join(dir, "terraform-provider-iot"), "github.com/iot-pipeline/terraform-provider-iot")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("building the provider: %v\n%s", err, out)
	}
	return dir
}
