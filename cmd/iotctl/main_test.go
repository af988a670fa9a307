package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/awstest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

func TestMain(m *testing.M) { tftest.Main(m) }

const pipeline = tftest.Header + `
provider "iot" {
  s3_use_path_style = true
}

resource "iot_pipeline" "farm" {
  name    = "farm"
  tags    = { team = "plants" }
  devices = { a = { attributes = { bay = "1" } }, b = { attributes = { bay = "1" } }, c = {} }
  archive = { expire_after_days = 1 }
}
`

// ctl runs iotctl and returns what it printed.
func ctl(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := dispatch(t.Context(), args, &out); err != nil {
		t.Fatalf("iotctl %s: %v\n%s", strings.Join(args, " "), err, out.String())
	}
	return out.String()
}

// Every command, on a pipeline that Terraform has made.
func TestOperating(t *testing.T) {
	server := mototest.Start(t)
	for _, pair := range server.Env() {
		key, value, _ := strings.Cut(pair, "=")
		t.Setenv(key, value)
	}
	p := tftest.New(t)
	p.Write("main.tf", pipeline)
	p.Apply()

	for args, want := range map[string]string{
		"pipelines --tag team=plants":       "farm\n",
		"pipelines --tag team=fish":         "",
		"devices farm --attribute bay=1":    "a\tnever_seen\nb\tnever_seen\n",
		"devices farm --status online":      "",
		"send farm {} --all --dry-run":      "would send to 3 devices: a, b, c\n",
		"send farm {} --dry-run --device c": "would send to 1 devices: c\n",
	} {
		if got := ctl(t, strings.Fields(args)...); got != want {
			t.Errorf("iotctl %s printed %q, want %q", args, got, want)
		}
	}
	if got := server.Published(t); len(got) > 0 {
		t.Errorf("a dry run published %v", got)
	}
	ctl(t, "send", "farm", `{"action":"rest"}`, "--attribute", "bay=1")
	got := map[string]string{}
	for _, message := range server.Published(t) {
		got[message.Topic] = message.Payload
	}
	if fmt.Sprint(got) != fmt.Sprint(map[string]string{
		"farm/a/commands": `{"action":"rest"}`, "farm/b/commands": `{"action":"rest"}`,
	}) {
		t.Errorf("published %v", got)
	}
	rotate(t)
	account := awstest.New(t, server.Config(t))
	pauseAndResume(t, account)
	redrive(t, account)
	smokeTest(t, account)
	p.Unchanged()
	p.Destroy()
}

// rotate gives two devices new certificates and removes the earlier ones.
func rotate(t *testing.T) {
	t.Helper()
	for _, step := range []struct{ args, says string }{
		{"rotate farm issue --all --dry-run", "would issue another certificate of 3 devices: a, b, c\n"},
		{"rotate farm issue --device a --device b", "2 of 2 devices changed, 0 were so already\n"},
		{"rotate farm issue --all", "1 of 3 devices changed, 2 were so already\n"},
		{"rotate farm retire --device a", "1 of 1 devices changed, 0 were so already\n"},
		{"rotate farm retire --all", "2 of 3 devices changed, 1 were so already\n"},
		{"rotate farm retire --all", "0 of 3 devices changed, 3 were so already\n"},
	} {
		if got := ctl(t, strings.Fields(step.args)...); !strings.HasSuffix(got, step.says) {
			t.Errorf("iotctl %s printed %q, want %q at its end", step.args, got, step.says)
		}
	}
}

func pauseAndResume(t *testing.T, account awstest.Account) {
	t.Helper()
	for _, step := range []struct {
		args, says        string
		status, telemetry bool // off
	}{
		{"pause farm status", "rule status is off\n", true, false},
		{"pause farm", "rule status is off already\nrule telemetry is off\n", true, true},
		{"resume farm telemetry", "rule telemetry is on\n", true, false},
		{"resume farm", "rule status is on\nrule telemetry is on already\n", false, false},
	} {
		if got := ctl(t, strings.Fields(step.args)...); got != step.says {
			t.Errorf("iotctl %s printed %q, want %q", step.args, got, step.says)
		}
		if account.RuleIsOff(t, "farm_status") != step.status ||
			account.RuleIsOff(t, "farm_telemetry") != step.telemetry {
			t.Errorf("after iotctl %s, other rules are off", step.args)
		}
	}
}

// redrive sends a letter to a topic, and leaves the one that has another reason.
func redrive(t *testing.T, account awstest.Account) {
	t.Helper()
	for _, reason := range []string{"not_json", "other"} {
		account.SendDeadLetter(t, "farm", fmt.Sprintf(`{"source":"processor","thing":"a","topic":"farm/a/telemetry",`+
			`"payload_base64":"e30=","sequence_number":"1","reason":%q}`, reason))
	}
	for _, step := range []struct{ args, says string }{
		{"redrive farm --dry-run", "would send 2 dead letters to the origin: 1 not_json, 1 other\n"},
		{"redrive farm --to topic --reason not_json --thing a", "sent 1 of 1 dead letters\n"},
		{"redrive farm --dry-run --to stream", "would send 1 dead letters to the stream: 1 other\n"},
		{"redrive farm --reason not_json", "1 dead letters in the queue, 0 selected\n"},
	} {
		if got := ctl(t, strings.Fields(step.args)...); !strings.HasSuffix(got, step.says) {
			t.Errorf("iotctl %s printed %q, want %q at its end", step.args, got, step.says)
		}
	}
}

// smokeTest sends a message, and nobody runs the pipeline.
func smokeTest(t *testing.T, account awstest.Account) {
	t.Helper()
	account.SendDeadLetter(t, "farm", `{"source":"processor","thing":"smoke-test","topic":"farm/smoke-test/telemetry",`+
		`"payload_base64":"e30=","sequence_number":"1","arrived_at":"2999-01-01T00:00:00Z","reason":"not_now"}`)
	var out bytes.Buffer
	err := dispatch(t.Context(), []string{"smoke-test", "farm", "--wait", "1ms", "--skip-archive"}, &out)
	if err == nil || !strings.Contains(err.Error(), "the message did not reach the device state") ||
		!strings.Contains(err.Error(), `a dead letter of smoke-test from "processor" says: not_now`) ||
		!strings.Contains(out.String(), "published to farm/smoke-test/telemetry") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// Wrong use is an error that says what is right, before anything is sent.
func TestWrongUse(t *testing.T) {
	for args, want := range map[string]string{
		"restart farm":                  "the commands are pipelines, devices, send, pause, resume, redrive, rotate, migrate and smoke-test",
		"send farm":                     "want iotctl send PIPELINE PAYLOAD",
		"pause":                         "missing pipeline name: iotctl pause PIPELINE",
		"rotate farm --all":             "want iotctl rotate PIPELINE STEP, with the step issue or retire",
		"rotate farm renew --all":       "the steps are issue and retire",
		"rotate farm issue":             "the rotation is for no device",
		"send farm {}":                  "the command is for no device",
		"send farm {} --all --device a": "names devices and selects others as well",
		"send farm {} --status asleep":  "the statuses are online, offline, silent, never_seen",
		"devices farm --attribute bay":  "want KEY=VALUE",
		"pipelines farm":                `unexpected argument "farm"`,
		"pause farm --all":              "flag provided but not defined",
		"smoke-test farm x":             `unexpected argument "x"`,
		"smoke-test farm --wait 9h":     "the wait for one hop is at most 1h0m0s",
		"migrate farm":                  "want iotctl migrate PIPELINE STATE",
		"migrate farm none.tfstate":     "open none.tfstate: no such file or directory",
		"redrive farm x":                `unexpected argument "x"`,
		"redrive farm --to moon":        "the destinations are origin, stream, topic",
		"redrive farm --after today":    "after is not a time such as 2026-01-31T08:00:00Z",
	} {
		err := dispatch(t.Context(), strings.Fields(args), &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("iotctl %s: %v, want %q", args, err, want)
		}
	}
}
