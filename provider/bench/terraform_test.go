package bench

import (
	"fmt"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

func TestMain(m *testing.M) { tftest.Main(m) }

// BenchmarkTerraform goes through a pipeline's life with Terraform: apply, empty plan, one change, destroy.
func BenchmarkTerraform(b *testing.B) {
	for _, p := range []struct{ name, more string }{{"minimal", ""}, {"full", everything}} {
		for _, devices := range []int{1, 100} {
			b.Run(fmt.Sprintf("pipeline=%s/devices=%d", p.name, devices), func(b *testing.B) {
				for range b.N {
					life(b, p.more, devices)
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
func life(b *testing.B, more string, devices int) {
	server := mototest.Start(b)
	w := &workspace{Project: tftest.New(b, server.Env()...), server: server}
	w.describe(more, devices, 24)
	w.command(b, "apply", "apply", "-auto-approve")
	w.command(b, "plan", "plan", "-detailed-exitcode") // exits with 2 when it is not empty
	w.describe(more, devices, 48)
	w.command(b, "change", "apply", "-auto-approve")
	w.command(b, "destroy", "destroy", "-auto-approve")
}

type workspace struct {
	*tftest.Project
	server *mototest.Server
}

// describe writes a pipeline with so many devices.
func (w *workspace) describe(more string, devices, retention int) {
	w.Write("main.tf", tftest.Header+fmt.Sprintf(`
provider "iot" {
  s3_use_path_style = true
}
resource "iot_pipeline" "greenhouse" {
  name          = "greenhouse"
  devices       = { for i in range(%d) : format("soil-%%03d", i) => { attributes = { bay = tostring(i) } } }
  stream        = { retention_hours = %d }
  force_destroy = true
%s}
`, devices, retention, more))
}

// command runs Terraform and reports requests and seconds under the stage's name.
func (w *workspace) command(b *testing.B, stage string, arguments ...string) {
	before := len(w.server.Requests(b))
	result := w.Try(arguments...)
	if err := result.Err(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(result.Took.Seconds(), stage+"-s")
	b.ReportMetric(float64(len(w.server.Requests(b))-before), stage+"-requests")
}
