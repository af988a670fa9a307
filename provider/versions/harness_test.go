package versions

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

func TestMain(m *testing.M) { tftest.Main(m) }

const providerBlock = tftest.Header + "provider \"iot\" {\n  s3_use_path_style = true\n}\n"

// greenhouse is a pipeline with something of most shapes that an argument can have.
const greenhouse = `
resource "iot_pipeline" "test" {
  name    = "greenhouse"
  tags    = { team = "plants" }
  devices = {
    a = { attributes = { bay = "1" } }
    b = { enabled = false }
  }
  archive = { expire_after_days = 1 }
  alerts = {
    rules = { hot = { when = "data.temperature > 50", severity = "critical", message = "Too hot", command = jsonencode({ action = "rest" }) } }
  }
}
`

// account starts a local AWS and returns it with the environment that leads to it.
func account(t *testing.T) (*mototest.Server, []string) {
	t.Helper()
	t.Parallel()
	server := mototest.Start(t)
	return server, server.Env()
}

// state is the file in which a project keeps its state.
func state(p *tftest.Project) string { return filepath.Join(p.Path, "terraform.tfstate") }

// move gives another project the state of this one.
func move(t *testing.T, from, to *tftest.Project) {
	t.Helper()
	text, err := os.ReadFile(state(from))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(state(to), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// identities returns the identities that a project's state holds, by address.
func identities(t *testing.T, p *tftest.Project) map[string]map[string]string {
	t.Helper()
	var shown struct {
		Values struct {
			RootModule struct {
				Resources []struct {
					Address  string
					Identity map[string]string
				}
			} `json:"root_module"`
		}
	}
	if err := json.Unmarshal([]byte(p.Run("show", "-json")), &shown); err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]string{}
	for _, r := range shown.Values.RootModule.Resources {
		all[r.Address] = r.Identity
	}
	return all
}

// requireSays ends the test unless the output has all texts.
func requireSays(t *testing.T, result tftest.Result, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !result.Says(text) {
			t.Fatalf("the output does not say %q:\n%s", text, strings.TrimSpace(result.Output))
		}
	}
}

// unzipped is what a plan file holds; another file is as it is.
func unzipped(t *testing.T, text []byte) string {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return string(text)
	}
	var all strings.Builder
	for _, file := range archive.File {
		reader, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(&all, reader); err != nil {
			t.Fatal(err)
		}
		if err := reader.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}
