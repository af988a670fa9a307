package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// children is a fixture of a pipeline with gateways, of which gw-1 is registered; gw-2 is another pipeline's.
func children(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t, map[string]string{contract.EnvGateways: contract.GatewayValue})
	f.thing("gw-1", owner)
	f.thing("gw-2", "another-token")
	return f
}

// A command for a device behind a gateway goes to the gateway, and the answer to where answers of devices go.
func TestACommandForADeviceBehindAGateway(t *testing.T) {
	for _, c := range []struct {
		why, device string
		prepare     func(*fixture)
	}{
		{"described", "gw-1:valve", func(f *fixture) { f.thing("gw-1:valve", owner) }},
		{"known by what it has sent", "gw-9:valve", func(f *fixture) { f.device("gw-9:valve", contract.StatusOnline) }},
		{"only its gateway knows it", "gw-1:valve", nil},
	} {
		t.Run(c.why, func(t *testing.T) {
			f := children(t)
			if c.prepare != nil {
				c.prepare(f)
			}
			path := "/v1/devices/" + c.device + "/commands"
			sent := answered[Command](f.ask(request{method: http.MethodPost, path: path + "?expires_in=60",
				body: `{"open":true}`}), http.StatusAccepted)
			gateway, _, _ := strings.Cut(c.device, ":")
			if got := f.moto.Published(t); len(got) != 1 ||
				got[0].Topic != "greenhouse/"+gateway+"/children/"+c.device+"/commands" {
				t.Errorf("published %+v", got)
			}
			query := f.aws.Calls("iot:Publish")[0].Query
			answer := "responseTopic=greenhouse%2F" + strings.ReplaceAll(c.device, ":", "%3A") + "%2Fcommands%2F" + sent.ID +
				"%2Fresult"
			if !strings.Contains(query, answer) || !strings.Contains(query, "messageExpiry=60") {
				t.Errorf("published with %s, want %s", query, answer)
			}
			f.answers(sent, contract.CommandSucceeded, `{"status":"succeeded"}`)
			if got := get[Command](f, path+"/"+sent.ID); got.Status != contract.CommandSucceeded {
				t.Errorf("after its answer it is %+v", got)
			}
		})
	}
}

// What is not behind a gateway of the pipeline is unknown, and the answer says why.
func TestDevicesBehindNoGateway(t *testing.T) {
	f := children(t)
	for _, c := range []struct{ why, device, says string }{
		{"no such gateway", "gw-9:valve", `no gateway \"gw-9\" that it could be behind`},
		{"another pipeline's gateway", "gw-2:valve", `no gateway \"gw-2\"`},
		{"no child's name", "gw-1:", `has no device \"gw-1:\"."`},
		{"a child behind a child", "gw-1:a:b", `has no device \"gw-1:a:b\"."`},
		{"no gateway's name", ":valve", `has no device \":valve\"."`},
	} {
		for _, r := range []request{{method: http.MethodGet, path: "/v1/devices/" + c.device},
			{method: http.MethodGet, path: "/v1/devices/" + c.device + "/commands"},
			{method: http.MethodPost, path: "/v1/devices/" + c.device + "/commands", body: "{}"}} {
			got := f.ask(r)
			got.wantProblem(unknownDevice)
			if !strings.Contains(string(got.body), c.says) {
				t.Errorf("%s: %s, want %s", c.why, got.body, c.says)
			}
		}
	}
	if n := len(f.moto.Published(t)); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
}

// Without gateways, a device that has registered itself may have any name.
func TestANameWithAColonWithoutGateways(t *testing.T) {
	f := newFixture(t, nil)
	f.thing("gw-1", owner)
	f.ask(request{method: http.MethodPost, path: "/v1/devices/gw-1:valve/commands", body: "{}"}).wantProblem(unknownDevice)
	f.thing("gw-1:valve", owner)
	answered[Command](f.ask(request{method: http.MethodPost, path: "/v1/devices/gw-1:valve/commands", body: "{}"}),
		http.StatusAccepted)
	if got := f.moto.Published(t); len(got) != 1 || got[0].Topic != "greenhouse/gw-1:valve/commands" {
		t.Errorf("published %+v", got)
	}
	if got := get[DeviceDetails](f, "/v1/devices/gw-1:valve"); got.Gateway != "" {
		t.Errorf("it is behind %q", got.Gateway)
	}
}

// A device behind a gateway is one of the pipeline, whether it is described, has sent something, or neither.
func TestADeviceBehindAGateway(t *testing.T) {
	f := children(t)
	f.thing("gw-1:described", owner)
	f.device("gw-1:sends", contract.StatusOnline)
	f.device("gw-9:left", contract.StatusOffline) // its gateway was removed
	for _, c := range []struct {
		device, status string
		registered     bool
		attributes     int
	}{
		{"gw-1:described", statusNeverSeen, true, 1},
		{"gw-1:sends", contract.StatusOnline, true, 0},
		{"gw-1:quiet", statusNeverSeen, true, 0},
		{"gw-9:left", contract.StatusOffline, false, 0},
	} {
		got := get[DeviceDetails](f, "/v1/devices/"+c.device)
		gateway, _, _ := strings.Cut(c.device, ":")
		if got.Status != c.status || got.Registered != c.registered || got.Gateway != gateway ||
			len(got.Attributes) != c.attributes || len(got.Certificates) != 0 {
			t.Errorf("%s: %+v", c.device, got)
		}
	}
	if got := get[DeviceDetails](f, "/v1/devices/gw-1"); got.Gateway != "" || !got.Registered {
		t.Errorf("the gateway itself: %+v", got)
	}
	got := f.ask(request{method: http.MethodGet, path: "/v1/devices/gw-1:quiet/config"})
	got.wantProblem(unknownDevice)
	if !strings.Contains(string(got.body), `it is behind the gateway \"gw-1\" and not described`) {
		t.Errorf("its configuration: %s", got.body)
	}
	f.rules()
	answered[map[string]any](f.ask(request{method: http.MethodPut, path: "/v1/devices/gw-1:quiet/thresholds",
		body: `{"armed":true}`}), http.StatusOK)
}
