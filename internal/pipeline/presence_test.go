package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
)

// The presence rule gets the events of all clients of the account. It passes those that can be about this pipeline's
// devices; the processor knows which are.
func TestPresenceRuleSelectsOwnClients(t *testing.T) {
	t.Parallel()
	registering := Spec{Devices: map[string]DeviceSpec{"pump": {}},
		Provisioning: &ProvisioningSpec{Claim: &ClaimSpec{ThingNamePrefix: ptr("node-")}}}
	for _, c := range []struct {
		why      string
		spec     Spec
		own, not []string
	}{
		{"few devices", fleetOf("soil-001", "pump"), []string{"soil-001", "pump"},
			[]string{"soil-002", "other", "claim:1", "iotconsole-1/x", ""}},
		{"devices behind a gateway", Spec{Edge: &EdgeSpec{},
			Devices: map[string]DeviceSpec{"gw-1": {Gateway: &GatewaySpec{}}, "gw-1:soil-1": {}}},
			[]string{"gw-1"}, []string{"gw-1:soil-1"}},
		{"many devices with a beginning", fleetOf(numbered("soil-%03d", 300)...), []string{"soil-000", "soil-299"},
			[]string{"barn-001", "soi"}},
		{"devices that register themselves", registering, []string{"pump", "node-77"}, []string{"soil-001"}},
		{"devices that register with any name", Spec{Provisioning: &ProvisioningSpec{JITP: &JITPSpec{}}},
			[]string{"anything"}, []string{"claim:1", "with space"}},
		{"no device is described", Spec{}, []string{"anything"}, []string{"a/b"}},
	} {
		c.spec.Name, c.spec.Monitoring = "greenhouse", &MonitoringSpec{}
		sql := newBuilder(c.spec, testEnv()).presenceSQL()
		query, err := iotsql.Compile(sql, iotsql.Options{})
		if err != nil {
			t.Fatalf("%s: %v", c.why, err)
		}
		passes := func(event, client string) bool {
			r, err := query.Eval(t.Context(), &iotsql.Message{Topic: "$aws/events/presence/" + event + "/" + client,
				Payload: []byte(`{"clientId":"x"}`)})
			if err != nil {
				t.Fatalf("%s: %v", c.why, err)
			}
			return r.Matched
		}
		for _, client := range c.own {
			if !passes("connected", client) || !passes("disconnected", client) {
				t.Errorf("%s: the rule drops %q\n%s", c.why, client, sql)
			}
			if passes("connect_failed", client) {
				t.Errorf("%s: the rule passes a connection that failed", c.why)
			}
		}
		for _, client := range c.not {
			if passes("connected", client) {
				t.Errorf("%s: the rule passes %q\n%s", c.why, client, sql)
			}
		}
	}
}

func fleetOf(names ...string) Spec {
	s := Spec{Devices: map[string]DeviceSpec{}}
	for _, name := range names {
		s.Devices[name] = DeviceSpec{}
	}
	return s
}

func numbered(form string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf(form, i)
	}
	return names
}

func TestPrefixes(t *testing.T) {
	t.Parallel()
	long := make([]string, 26)
	for i := range long {
		long[i] = string(rune('a'+i)) + strings.Repeat("x", maxThingName-1)
	}
	for _, c := range []struct{ names, want []string }{
		{nil, nil},
		{[]string{"a"}, []string{"a"}},
		{[]string{"a", "ab", "b"}, []string{"a", "ab", "b"}},
		{numbered("soil-%02d", 40), []string{"soil-0", "soil-1", "soil-2", "soil-3"}},
		{numbered("soil-%03d", 1000), []string{"soil-0", "soil-1", "soil-2", "soil-3", "soil-4", "soil-5", "soil-6",
			"soil-7", "soil-8", "soil-9"}},
		{slices.Concat(numbered("soil-%03d", 1000), numbered("pump-%d", 9)), []string{"pump-", "soil-"}},
		{append(numbered("soil-%d", 20), ""), nil},
		{long, nil}, // nothing in common
	} {
		if diff := cmp.Diff(c.want, prefixesOf(c.names, maxPresencePrefixes)); diff != "" {
			t.Errorf("%d names (-want +got):\n%s", len(c.names), diff)
		}
	}
}

// Devices publish to the pipeline's rules by Basic Ingest. To the presence rule, one could publish an event of another.
func TestDevicesCannotPublishPresence(t *testing.T) {
	t.Parallel()
	b := newBuilder(Spec{Name: "greenhouse", Monitoring: &MonitoringSpec{}}, testEnv())
	policy := b.devicePolicy()
	if !b.hasPresence() || !strings.Contains(policy, "/greenhouse_telemetry/") {
		t.Fatal("the test looks at a pipeline without the rule, or not at its policy")
	}
	if strings.Contains(policy, "greenhouse_presence") || strings.Contains(policy, "$aws/events") {
		t.Errorf("the policy lets a device publish events:\n%s", policy)
	}
}

func TestPresenceCanBeLeftOut(t *testing.T) {
	t.Parallel()
	for _, s := range []Spec{{}, {Monitoring: &MonitoringSpec{Presence: ptr(false)}}} {
		s.Name = "greenhouse"
		for _, r := range newBuilder(s, testEnv()).ownRules() {
			if r.key == "presence" {
				t.Errorf("%+v has the rule", s)
			}
		}
	}
}
