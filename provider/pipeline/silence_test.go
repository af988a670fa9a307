package pipeline_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
)

// watching turns off what a test of limits need not make.
const watching = `
  archive    = { enabled = false }
  alerts     = { emails = ["ops@example.com"] }
  monitoring = { alarms = { enabled = false } }
`

// silence checks the limits that the watch function reads, and a part of the presence rule.
func (w *localAWS) silence(document, client string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		if text := w.Document(w.t, "greenhouse", "$silence"); text != document {
			return fmt.Errorf("the limits are %s, want %s", text, document)
		}
		if sql := w.RuleSQL(w.t, "greenhouse_presence"); !strings.Contains(sql, "'"+client+"'") {
			return fmt.Errorf("the presence rule does not name %s: %s", client, sql)
		}
		return nil
	}
}

// The limits of devices in a file reach the watch function with the fleet. The framework checks after each step that the
// next plan is empty.
func TestSilenceOfAFile(t *testing.T) {
	w := newLocalAWS(t)
	file := newFleetFile(t)
	config := w.config(file.block(watching))
	write := func(lines ...string) func() {
		return func() {
			t.Helper()
			text := "name,silence_minutes\n" + strings.Join(lines, "\n") + "\n"
			if err := os.WriteFile(file.path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			w.mark()
		}
	}
	w.run(
		resource.TestStep{PreConfig: write("soil-001,", "soil-002,60"), Config: config,
			Check: w.silence(`{"version":1,"minutes":10,"refresh_seconds":60,"devices":{"60":["soil-002"]},"described":2}`, "soil-001")},
		resource.TestStep{PreConfig: write("soil-001,5", "soil-002,"), Config: config,
			Check: resource.ComposeTestCheckFunc(w.wrote("dynamodb:PutItem"),
				w.silence(`{"version":1,"minutes":10,"refresh_seconds":60,"devices":{"5":["soil-001"]},"described":2}`, "soil-001"))},
		resource.TestStep{PreConfig: write("soil-001,5", "pump,20"), Config: config,
			Check: w.silence(`{"version":1,"minutes":10,"refresh_seconds":60,"devices":{"20":["pump"],"5":["soil-001"]},"described":2}`, "pump")},
	)
}

func TestSilenceOfTheMap(t *testing.T) {
	w := newLocalAWS(t)
	config := func(devices string) string {
		return w.config(pipeline("  name = \"greenhouse\"\n  devices = " + devices + watching))
	}
	w.run(
		resource.TestStep{Config: config(`{ "soil-001" = {}, "soil-002" = { silence_minutes = 60 } }`),
			Check: w.silence(`{"version":1,"minutes":10,"refresh_seconds":60,"devices":{"60":["soil-002"]},"described":2}`, "soil-001")},
		resource.TestStep{PreConfig: w.mark, Config: config(`{ "soil-001" = { silence_minutes = 5 }, "soil-002" = {} }`),
			Check: resource.ComposeTestCheckFunc(w.wrote("dynamodb:PutItem"),
				w.silence(`{"version":1,"minutes":10,"refresh_seconds":60,"devices":{"5":["soil-001"]},"described":2}`, "soil-001"))},
		resource.TestStep{Config: config(`{ "soil-001" = { silence_minutes = 5 } }`),
			Check: w.silence(`{"version":1,"minutes":10,"refresh_seconds":60,"devices":{"5":["soil-001"]},"described":1}`, "soil-001")},
	)
}
