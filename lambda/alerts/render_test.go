package alerts

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// commandsOf are the payloads of the commands that were sent.
func (f *fixture) commandsOf() []string {
	sent := []string{}
	for _, call := range f.aws.Calls("iot:Publish") {
		sent = append(sent, string(call.Body))
	}
	return sent
}

func TestCommandsKeepTheirStructure(t *testing.T) {
	f := newFixture(t, `{"version":1,"rules":{
		"a":{"when":"1 = 1","severity":"info",
			"command":"{\"action\":\"show\",\"note\":\"${data.note}\",\"level\":${data.level}}"},
		"b":{"when":"1 = 1","severity":"info","command":"note=${data.note}"},
		"c":{"when":"1 = 1","severity":"info","command":"${data.note}"}}}`)
	f.mustSend("soil-001", `{"data":{"note":"x\",\"action\":\"open_door"}}`)
	f.mustSend("soil-001", `{"data":{"note":"${thing}","level":{"a":[1]}}}`)
	want := []string{
		`{"action":"show","note":"x\",\"action\":\"open_door","level":null}`,
		`note=x","action":"open_door`,
		`x","action":"open_door`,
		`{"action":"show","note":"${thing}","level":{"a":[1]}}`,
		`note=${thing}`,
		`${thing}`,
	}
	if diff := cmp.Diff(want, f.commandsOf()); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

func TestCommandsThatCannotBeSent(t *testing.T) {
	const rules = `{"version":1,"rules":{"a":{"when":"data.x <> ''","severity":"info",
		"command":"{\"${data.x}\":0,\"action\":\"show\"}"}}}`
	for _, c := range []struct{ why, payload, reason, detail string }{
		{"a value that replaces a key of the command", `{"data":{"x":"action"}}`,
			"command_not_rendered", `alert "a": the key "action" appears twice in one object`},
		{"more than a message holds", `{"data":{"x":"` + strings.Repeat("x", 131_055) + `"}}`,
			"command_too_large", `alert "a": the command has 131077 bytes, a message at most 131072`},
	} {
		t.Run(c.why, func(t *testing.T) {
			f := newFixture(t, rules)
			f.mustSend("soil-001", c.payload)
			f.wantTold("people are told, once: a retry would not help", "alert a soil-001 0")
			if sent := f.commandsOf(); len(sent) != 0 {
				t.Errorf("commands %.200q", sent)
			}
			letters := f.aws.Letters(t)
			if len(letters) != 1 || letters[0]["reason"] != c.reason || letters[0]["source"] != "alerts" ||
				letters[0]["thing"] != "soil-001" || letters[0]["topic"] != "greenhouse/soil-001/telemetry" {
				t.Fatalf("letters %.500v", letters)
			}
			if detail, _ := letters[0]["detail"].(string); !strings.HasPrefix(detail, c.detail) {
				t.Errorf("detail %.200q, want %q", detail, c.detail)
			}
			if letters[0]["payload_base64"] != base64.StdEncoding.EncodeToString([]byte(c.payload)) {
				t.Error("the letter does not hold the device's message")
			}
			f.aws.Misbehave(func(call lambdatest.Call) *lambdatest.Fault {
				if call.Action == "sqs:SendMessage" {
					return lambdatest.Denied
				}
				return nil
			})
			if err := f.send("soil-001", c.payload); err == nil {
				t.Error("no error although the letter was refused")
			}
		})
	}
}

// TestCommandsForDevicesBehindGateways: with gateways, an alert's command goes to the gateway of the device.
func TestCommandsForDevicesBehindGateways(t *testing.T) {
	const rules = `{"version":1,"rules":{"a":{"when":"1 = 1","severity":"info","command":"{}"}}}`
	for _, c := range []struct{ why, gateways, thing, path string }{
		{"a device behind a gateway", contract.GatewayValue, "gw-1:soil-1",
			"/topics/greenhouse/gw-1/children/gw-1:soil-1/commands"},
		{"a device", contract.GatewayValue, "soil-1", "/topics/greenhouse/soil-1/commands"},
		{"a pipeline without gateways", "", "gw-1:soil-1", "/topics/greenhouse/gw-1:soil-1/commands"},
	} {
		t.Run(c.why, func(t *testing.T) {
			f := newFixtureWith(t, rules, map[string]string{contract.EnvGateways: c.gateways})
			f.mustSend(c.thing, "{}")
			if sent := f.aws.Calls("iot:Publish"); len(sent) != 1 || sent[0].Path != c.path {
				t.Errorf("commands %+v, want one on %s", sent, c.path)
			}
		})
	}
}
