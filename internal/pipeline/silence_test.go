package pipeline

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

func TestSilenceDocument(t *testing.T) {
	t.Parallel()
	devices := map[string]DeviceSpec{"a": {}, "b": {SilenceMinutes: ptr(int64(60))}, "d": {SilenceMinutes: ptr(int64(60))},
		"c": {SilenceMinutes: ptr(int64(5))}, "e": {SilenceMinutes: ptr(int64(10))}}
	env := testEnv()
	env.Roster = map[string]spec.Device{"x": {}, "y": {SilenceMinutes: 30}}
	for _, c := range []struct {
		why  string
		spec Spec
		want string
	}{
		{"no devices", Spec{}, `{"version":1,"minutes":10,"refresh_seconds":60,"described":0}`},
		{"devices of the map", Spec{Devices: devices},
			`{"version":1,"minutes":10,"refresh_seconds":60,"devices":{"5":["c"],"60":["b","d"]},"described":5}`},
		{"devices of a file", Spec{DevicesFrom: &DevicesFromSpec{File: "fleet.csv"}},
			`{"version":1,"minutes":10,"refresh_seconds":60,"devices":{"30":["y"]},"described":2}`},
		{"children of gateways", Spec{Devices: devices, Edge: &EdgeSpec{}},
			`{"version":1,"minutes":10,"refresh_seconds":60,"devices":{"5":["c"],"60":["b","d"]}}`},
		{"others register themselves", Spec{Devices: devices, Provisioning: &ProvisioningSpec{JITP: &JITPSpec{}}},
			`{"version":1,"minutes":10,"refresh_seconds":60,"devices":{"5":["c"],"60":["b","d"]}}`},
	} {
		c.spec.Name, c.spec.Monitoring = "greenhouse", &MonitoringSpec{}
		if diff := cmp.Diff(c.want, newBuilder(c.spec, env).silenceDocument()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
		if err := CheckSilence(c.spec, env); err != nil {
			t.Errorf("%s: %v", c.why, err)
		}
	}
}

func TestTooManyLimitsForAnItem(t *testing.T) {
	t.Parallel()
	env := testEnv()
	env.Roster = map[string]spec.Device{}
	for _, name := range numbered("a-device-with-quite-a-long-name-%010d", 9000) {
		env.Roster[name] = spec.Device{SilenceMinutes: 30}
	}
	s := Spec{Name: "greenhouse", DevicesFrom: &DevicesFromSpec{File: "fleet.csv"}, Monitoring: &MonitoringSpec{}}
	err := CheckSilence(s, env)
	if err == nil || !strings.Contains(err.Error(), "set monitoring.silence_minutes to what most devices have") {
		t.Errorf("9000 devices with a limit of their own: %v", err)
	}
	s.Monitoring.SilenceMinutes = ptr(int64(30))
	if err := CheckSilence(s, env); err != nil {
		t.Errorf("with the limit that all have: %v", err)
	}
}

func TestOwnSilenceNeedsMonitoring(t *testing.T) {
	t.Parallel()
	for minutes, want := range map[int64]string{30: "", 0: "not between 1 and 10080", 10_081: "not between 1 and 10080"} {
		s := Spec{Name: "greenhouse", Devices: map[string]DeviceSpec{"a": {SilenceMinutes: &minutes}}}
		for _, m := range []*MonitoringSpec{nil, {}} {
			s.Monitoring = m
			expected := want
			if m == nil {
				expected = "needs the block monitoring"
			}
			var text strings.Builder
			for _, p := range Validate(s, nil) {
				if !p.Warning {
					text.WriteString(p.Path + ": " + p.Summary + " " + p.Detail + "\n")
				}
			}
			if (expected == "") != (text.Len() == 0) || !strings.Contains(text.String(), expected) {
				t.Errorf("%d minutes with %+v: %q, want %q", minutes, m, text.String(), expected)
			}
		}
	}
}
