package pipeline

import (
	"fmt"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/rules"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// behind describes a fleet with the block edge.
func behind(devices map[string]DeviceSpec) func(*Spec) {
	return func(s *Spec) { s.Devices, s.Edge = devices, &EdgeSpec{} }
}

var (
	gateway = DeviceSpec{Gateway: &GatewaySpec{}}

	childrenMistakes = []mistake{
		{"nothing before the colon", behind(map[string]DeviceSpec{":soil": {}}), `devices[":soil"]`,
			[]string{"A colon is between the name of a gateway"}},
		{"a child behind a child", behind(map[string]DeviceSpec{"gw-1": gateway, "gw-1:a:b": {}}), `devices["gw-1:a:b"]`,
			[]string{"A colon is between"}},
		{"a child with a long name",
			behind(map[string]DeviceSpec{"gw-1": gateway, "gw-1:" + strings.Repeat("a", 65): {}}),
			`devices["gw-1:` + strings.Repeat("a", 65) + `"]`, []string{"the second has at most 64"}},
		{"a child with a request", behind(map[string]DeviceSpec{"gw-1": gateway, "gw-1:a": {CSRPEM: ptr(csrPEM())}}),
			`devices["gw-1:a"].csr_pem`, []string{`behind the gateway "gw-1"`, "Remove csr_pem, or the colon"}},
		{"a child that is disabled", behind(map[string]DeviceSpec{"gw-1": gateway, "gw-1:a": {Enabled: ptr(false)}}),
			`devices["gw-1:a"].enabled`, []string{"remove the device from its configuration"}},
		{"a child that is a gateway", behind(map[string]DeviceSpec{"gw-1": gateway, "gw-1:a": gateway}),
			`devices["gw-1:a"].gateway`, []string{"a gateway is behind no other"}},
		{"a child without a gateway", behind(map[string]DeviceSpec{"gw-1": gateway, "gw-2:a": {}}), `devices["gw-2:a"]`,
			[]string{`No device "gw-2" is described`, "gateway = {}"}},
		{"a child of a device", behind(map[string]DeviceSpec{"gw-1": {}, "gw-1:a": {}}), `devices["gw-1:a"]`,
			[]string{`The device "gw-1" speaks for no other`, "Set gateway = {}"}},
		{"a gateway without edge", func(s *Spec) { s.Devices = map[string]DeviceSpec{"gw-1": gateway} },
			`devices["gw-1"]`, []string{"Write edge = {}"}},
		{"a gateway that is called as claims are", behind(map[string]DeviceSpec{"claim": gateway}), `devices["claim"]`,
			[]string{"client IDs of devices that register themselves"}},
		{"a child with the name of a claim", behind(map[string]DeviceSpec{"claim:a": {}}), `devices["claim:a"]`,
			[]string{"client IDs that begin with claim:"}},
		{"a gateway with 48 attributes", behind(map[string]DeviceSpec{
			"gw-1": {Gateway: &GatewaySpec{}, Attributes: many(48)}}), `devices["gw-1"].attributes`,
			[]string{"Keep at most 47"}},
		{"rules without room in a shadow", func(s *Spec) {
			s.Devices = map[string]DeviceSpec{"gw-1": gateway}
			s.Edge = &EdgeSpec{Rules: map[string]rules.Rule{"hot": {Action: "drop",
				SQL: "SELECT * FROM 'greenhouse/+/telemetry' WHERE a = '" + strings.Repeat("x", 7000) + "'"}}}
		}, "edge.rules", []string{"A shadow holds 8192", "put edge_settings_json into the gateway's own file"}},
		{"rules without room in an environment", func(s *Spec) {
			s.Devices = map[string]DeviceSpec{"gw-1": gateway}
			s.Edge = &EdgeSpec{Greengrass: &GreengrassSpec{Artifacts: map[string]string{"arm64": "a.zip"}},
				Rules: map[string]rules.Rule{}}
			for i := range 20 {
				s.Edge.Rules[fmt.Sprint("r", i)] = rules.Rule{Action: "drop",
					SQL: "SELECT * FROM 'greenhouse/+/telemetry' WHERE a = '" + strings.Repeat("x", 7000) + "'"}
			}
		}, "edge.rules", []string{"as an environment variable, which holds 131053"}},
		{"a gateway that cannot register itself", func(s *Spec) {
			s.Devices, s.Edge = map[string]DeviceSpec{"site-9:a": {}}, &EdgeSpec{}
			s.Provisioning = &ProvisioningSpec{Claim: &ClaimSpec{ThingNamePrefix: ptr("probe-")}}
		}, `devices["site-9:a"]`, []string{"no device of that name can register itself"}},
	}
)

func TestGatewaysMayRegisterThemselves(t *testing.T) {
	s := Spec{Name: "greenhouse", Edge: &EdgeSpec{}, Devices: map[string]DeviceSpec{"site-9:a": {}},
		Provisioning: &ProvisioningSpec{Claim: &ClaimSpec{ThingNamePrefix: ptr("site-")}}}
	if problems := Validate(s, nil); len(problems) > 0 {
		t.Errorf("%+v", problems)
	}
	s.Provisioning, s.Devices["site-9"] = nil, DeviceSpec{}
	unknown := func(path string) bool { return path == `devices["site-9"].gateway` }
	if problems := Validate(s, unknown); len(problems) > 0 {
		t.Errorf("a gateway that is not known yet: %+v", problems)
	}
}

func TestCheckGatewaysOfAFile(t *testing.T) {
	env := testEnv()
	env.Roster = map[string]spec.Device{"gw-1": {Gateway: true}, "gw-1:a": {}}
	s := Spec{Edge: &EdgeSpec{}, DevicesFrom: &DevicesFromSpec{File: "fleet.csv"}}
	if err := CheckGateways(s, env, nil); err != nil {
		t.Error(err)
	}
	for i := range 30 {
		env.Roster["gw-2:"+strings.Repeat("b", i+1)] = spec.Device{}
	}
	err := CheckGateways(s, env, nil)
	if err == nil || !strings.Contains(err.Error(), `No device "gw-2" is described`) ||
		!strings.HasSuffix(err.Error(), "and 10 more") {
		t.Errorf("error %v", err)
	}
}
