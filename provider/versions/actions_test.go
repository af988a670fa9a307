package versions

import (
	"fmt"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/awstest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

// watched is a pipeline with alerts, a route that is switched off, and a device in each of two bays.
const watched = `
resource "iot_pipeline" "greenhouse" {
  name    = "greenhouse"
  devices = { a = { attributes = { bay = "1" } }, b = { attributes = { bay = "2" } } }
  archive = { expire_after_days = 1 }
  alerts  = { rules = { hot = { when = "data.temperature > 50" } } }
  routes  = { copy = { sql = "SELECT * FROM 'x'", enabled = false, republish = { topic = "copy" } } }
}
`

// disabled are the rules that are off, as one line.
func disabled(t *testing.T, server *mototest.Server) string {
	t.Helper()
	var off []string
	for _, rule := range []string{"alerts", "copy", "status", "telemetry"} {
		if awstest.New(t, server.Config(t)).RuleIsOff(t, "greenhouse_"+rule) {
			off = append(off, rule)
		}
	}
	return strings.Join(off, " ")
}

// The examples of actions do what they show: commands reach the selected devices, a rule goes off, the plan says so,
// and all rules but one that is configured off go on.
func TestActions(t *testing.T) {
	server, env := account(t)
	p := tftest.On(t, tftest.Current, env...)
	main := providerBlock + watched
	for _, name := range []string{"iot_send_command", "iot_pause", "iot_resume",
		"iot_redrive_dead_letters", "iot_smoke_test", "iot_rotate_certificates"} {
		main += readExample(t, "actions/"+name+"/action.tf")
	}
	p.Write("main.tf", main)
	p.Apply()

	requireSays(t, p.Try("apply", "-auto-approve", "-invoke=action.iot_send_command.rest"), "sending to 1 devices: a",
		"sent to 1 of 1 devices")
	published := server.Published(t)
	if got := fmt.Sprint(published); len(published) != 1 || !strings.Contains(got, "greenhouse/a/commands") {
		t.Errorf("published %s", got)
	}

	requireSays(t, p.Try("apply", "-auto-approve", "-invoke=action.iot_pause.alerts"), "rule alerts is off")
	if got := disabled(t, server); got != "alerts copy" {
		t.Errorf("after a pause of the alerts, these rules are off: %s", got)
	}
	requireSays(t, p.Try("plan"), `Pipeline "greenhouse" is paused, and an apply resumes it`, "these rules", "alerts.")
	requireSays(t, p.Try("apply", "-auto-approve", "-invoke=action.iot_resume.greenhouse"), "rule alerts is on",
		"rule status is on already", "rule telemetry is on already")
	if got := disabled(t, server); got != "copy" {
		t.Errorf("after the resume, these rules are off: %s", got)
	}
	if result := p.Try("plan", "-detailed-exitcode"); result.Code != 0 || result.Says("is paused") {
		t.Errorf("the plan after the resume:\n%s", result.Output)
	}
	redriveDeadLetters(t, server, p)
	smokeTest(t, p)
	p.Destroy()
}

// redriveDeadLetters looks at two letters, and sends the one that the example selects.
func redriveDeadLetters(t *testing.T, server *mototest.Server, p *tftest.Project) {
	t.Helper()
	account := awstest.New(t, server.Config(t))
	for _, reason := range []string{"not_json", "other"} {
		account.SendDeadLetter(t, "greenhouse", fmt.Sprintf(`{"source":"processor","thing":"a",`+
			`"topic":"greenhouse/a/telemetry","payload_base64":"e30=","sequence_number":"1","reason":%q}`, reason))
	}
	for range 2 {
		requireSays(t, p.Try("apply", "-auto-approve", "-invoke=action.iot_redrive_dead_letters.look"),
			"2 dead letters in the queue, 2 selected: 1 not_json, 1 other", "would send 2 dead letters to the origin")
	}
	requireSays(t, p.Try("apply", "-auto-approve", "-invoke=action.iot_redrive_dead_letters.repaired"),
		"sent 1 of 1 dead letters")
	requireSays(t, p.Try("apply", "-auto-approve", "-invoke=action.iot_redrive_dead_letters.look"),
		"1 dead letters in the queue, 1 selected: 1 other")
}

// smokeTest: nobody runs the pipeline, so the message is lost behind its topic. The test with a pipeline that runs is in
// internal/local/endtoend.
func smokeTest(t *testing.T, p *tftest.Project) {
	t.Helper()
	p.Write("smoke.tf", "action \"iot_smoke_test\" \"short\" {\n  config {\n    pipeline = \"greenhouse\"\n"+
		"    wait_seconds = 1\n    skip_archive = true\n  }\n}\n")
	requireSays(t, p.Try("apply", "-auto-approve", "-invoke=action.iot_smoke_test.short"),
		"published to greenhouse/smoke-test/telemetry", "device state: not there after",
		`The smoke test of pipeline "greenhouse" failed`, "did not reach the device state",
		"removed the state of smoke-test")
}

// What an action cannot do is said before it does anything.
func TestActionsRefuse(t *testing.T) {
	server, env := account(t)
	p := tftest.On(t, tftest.Current, env...)
	p.Write("main.tf", providerBlock+watched)
	p.Apply()
	for _, c := range []struct{ action, says string }{
		{"action \"iot_send_command\" \"x\" {\n config {\n pipeline = \"greenhouse\"\n payload = \"x\"\n }\n}\n",
			"The command is for no device"},
		{"action \"iot_send_command\" \"x\" {\n config {\n pipeline = \"greenhouse\"\n payload = \"x\"\n devices = [\"a\", \"z\"]\n }\n}\n",
			`Pipeline "greenhouse" has no device "z". Nothing was sent`},
		{"action \"iot_smoke_test\" \"x\" {\n config {\n pipeline = \"greenhouse\"\n device = \"z\"\n }\n}\n",
			`Pipeline "greenhouse" has no device "z". Nothing was sent`},
		{"action \"iot_redrive_dead_letters\" \"x\" {\n config {\n pipeline = \"greenhouse\"\n topic = \"x\"\n }\n}\n",
			"A topic is named, and the letters do not go to one"},
		{"action \"iot_redrive_dead_letters\" \"x\" {\n config {\n pipeline = \"greenhouse\"\n after = \"now\"\n }\n}\n",
			"After is not a time such as 2026-01-31T08:00:00Z"},
		{"action \"iot_send_command\" \"x\" {\n config {\n pipeline = \"nobody\"\n payload = \"x\"\n all = true\n }\n}\n",
			`Pipeline "nobody" does not exist in account`},
		{"action \"iot_pause\" \"x\" {\n config {\n pipeline = \"greenhouse\"\n rules = [\"copy\"]\n }\n}\n",
			`Pipeline "greenhouse" has no rule "copy" that could be switched on or off. Its rules are: alerts, status, telemetry.`},
	} {
		p.Write("action.tf", c.action)
		name := strings.Split(c.action, `"`)[1]
		requireSays(t, p.Try("apply", "-auto-approve", "-invoke=action."+name+".x"), c.says)
	}
	if published := server.Published(t); len(published) > 0 || disabled(t, server) != "copy" {
		t.Errorf("published %v", published)
	}
	p.Destroy()
}
