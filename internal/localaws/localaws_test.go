package localaws_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/localaws"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

func TestMain(m *testing.M) { tftest.Main(m) }

// launch starts a server that the test stops, or its end.
func launch(t *testing.T, o localaws.Options) *localaws.Server {
	t.Helper()
	o.Log = t.Output()
	s, err := localaws.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

const pipeline = `
provider "iot" {}

resource "iot_pipeline" "kept" {
  name          = "kept"
  devices       = { "soil-001" = { attributes = { bay = "1" } } }
  timestream    = {}
  force_destroy = true
  alerts = {
    emails = ["ops@example.com"]
    rules  = { dry = { when = "data.humidity < LIMIT" } }
  }
  routes = {
    raw = {
      sql             = "SELECT * FROM 'kept/+/telemetry'"
      cloudwatch_logs = { log_group_name = "/kept" }
    }
  }
}
`

// TestTheAccountOutlivesTheServer stands a whole pipeline up, and goes on with it after a restart: what was there reads
// as before, and can be changed and removed.
func TestTheAccountOutlivesTheServer(t *testing.T) {
	data := t.TempDir()
	first := launch(t, localaws.Options{Data: data})
	project := tftest.New(t, first.Env()...)
	project.Write("main.tf", tftest.Header+strings.Replace(pipeline, "LIMIT", "35", 1))
	project.Apply()
	first.Stop()

	second := launch(t, localaws.Options{Data: data})
	project.Env = append(project.Env, second.Env()...)
	project.Unchanged()
	project.Write("main.tf", tftest.Header+strings.Replace(pipeline, "LIMIT", "40", 1))
	project.Apply()
	second.Stop()

	third := launch(t, localaws.Options{Data: data})
	project.Env = append(project.Env, third.Env()...)
	project.Unchanged()
	project.Destroy()
}

func TestWhatAnotherVersionWroteIsRefused(t *testing.T) {
	data := t.TempDir()
	launch(t, localaws.Options{Data: data}).Stop()
	file := filepath.Join(data, "account")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "format", "fOrmat", 1)
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = localaws.Start(t.Context(), localaws.Options{Data: data, Log: t.Output()})
	if err == nil || !strings.Contains(err.Error(), "another directory") {
		t.Errorf("%v, want an error that says what to do", err)
	}
}

func TestNoPython(t *testing.T) {
	t.Setenv("MOTO_PYTHON", filepath.Join(t.TempDir(), "python"))
	_, err := localaws.Start(t.Context(), localaws.Options{Log: t.Output()})
	if err == nil || !strings.Contains(err.Error(), "pip install") {
		t.Errorf("%v, want an error that says how to install moto", err)
	}
}
