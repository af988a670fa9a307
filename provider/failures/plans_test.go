package failures

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/provider"
)

// plans are mistakes that a plan finds.
func plans() []failure {
	wrong := func(name, why, text string) failure {
		return failure{name: name, why: why, text: text, run: planned}
	}
	return []failure{
		wrong("plan-name", "AWS has other rules for each kind of name", `name = "Greenhouse"`),
		wrong("plan-device-name", "serial numbers hold blanks and slashes",
			`name = "greenhouse"
devices = { "soil 001" = {} }`),
		wrong("plan-device-attribute", "the registry takes no blanks",
			`name = "greenhouse"
devices = { "soil-001" = { attributes = { bay = "bay one" } } }`),
		wrong("plan-topic-prefix", "somebody writes a filter in place of a prefix", minimal+`topic_prefix = "farm/+"`),
		wrong("plan-two-keys", "a device has a request and a certificate",
			`name = "greenhouse"
devices = { "soil-001" = { csr_pem = "a", certificate_pem = "b" } }`),
		wrong("plan-two-sources", "a fleet moves from the configuration to a file",
			minimal+`devices_from = { file = "devices.csv" }`),
		wrong("plan-expression", "the condition of an alert is an expression of AWS IoT SQL",
			minimal+`alerts = { rules = { hot = { when = "data.temperature >" } } }`),
		wrong("plan-sql", "SQL is typed by hand",
			minimal+`routes = { r = { sql = "SELECT * FORM 'a'", republish = { topic = "b" } } }`),
		wrong("plan-no-action", "a route needs an action", minimal+`routes = { r = { sql = "SELECT * FROM 'a'" } }`),
		wrong("plan-influxdb", "an InfluxDB needs a place and a token", minimal+`influxdb = { bucket = "greenhouse" }`),
		wrong("plan-jwt", "an API with tokens needs their issuer", minimal+`api = { auth = "jwt" }`),
		{
			name: "device-file-absent", why: "the file is made by another step",
			text: `name = "greenhouse"
devices_from = { file = "/nowhere/devices.csv" }`, run: planned,
		},
		{
			name: "device-file-twice", why: "exports of asset systems hold a device twice",
			text: `name = "greenhouse"
devices_from = { file = %q }`, run: func(a *account, text string) diagnostics {
				file := filepath.Join(a.t.TempDir(), "devices.csv")
				if err := os.WriteFile(file, []byte("name\nsoil-001\nsoil-002\nsoil-001\n"), 0o600); err != nil {
					a.t.Fatal(err)
				}
				return planned(a, fmt.Sprintf(text, file))
			},
		},
		{
			name: "timestream-closed", why: "AWS has closed LiveAnalytics to new customers in 2025",
			text: minimal + `timestream = {}`, run: planned,
			fault: mototest.Fault{Service: "timestream-write", Operation: "DescribeEndpoints",
				Code: "AccessDeniedException", Message: "Only existing Timestream for LiveAnalytics customers can access " +
					"the service. Reach out to AWS support for more information."},
		},
		{
			name: "lossy-change", why: "somebody removes a block and forgets its data", text: minimal,
			run: func(a *account, text string) diagnostics {
				made := a.created(text + `timestream = {}`)
				_, found := a.apply(a.t.Context(), made, text)
				return found
			},
		},
	}
}

// TestDroppedKey has the configuration in files, as Terraform does, which says nothing of an unknown key.
func TestDroppedKey(t *testing.T) {
	here := must[string](t)(os.Getwd())
	t.Chdir(t.TempDir())
	text := minimal + "archive = { expire_after_dayz = 30 }\n"
	if err := os.WriteFile("main.tf", []byte("resource \"iot_pipeline\" \"greenhouse\" {\n"+text+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// Terraform has dropped the key when the provider gets the configuration.
	found := newTerraform(t, provider.New("test")()).validate(minimal + "archive = {}\n")
	t.Chdir(here) // the golden files are there
	golden(t, "dropped-key", shown(found))
}
