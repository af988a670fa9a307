package pipeline

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// What is wrong with a device of a file is what is wrong with it in the map.
func TestCheckDevices(t *testing.T) {
	check := CheckDevices()
	request := csrPEM()
	for _, tc := range []struct {
		why, name string
		device    spec.Device
		says      string
	}{
		{"nothing wrong", "soil-001", spec.Device{Attributes: map[string]string{"bay": "1"}, CSRPEM: request}, ""},
		{"no name behind the colon", "gw-1:", spec.Device{}, "A colon is between"},
		{"a device behind a gateway that is disabled", "gw-1:soil-1", spec.Device{Disabled: true}, "cannot have enabled"},
		{"ours", "soil-002", spec.Device{Attributes: map[string]string{"iot-pipeline": "x"}}, "is reserved"},
		{"too many", "soil-003", spec.Device{Attributes: many(49)}, "Keep at most 48"},
		{"the request of another line", "soil-004", spec.Device{CSRPEM: request},
			`Devices "soil-001" and "soil-004" have the same csr_pem`},
		{"a key in the wrong place", "soil-005", spec.Device{CertificatePEM: pemBlock("PRIVATE KEY", []byte("secret"))},
			"consider the key disclosed"},
	} {
		errs := check(tc.name, tc.device)
		if tc.says == "" && len(errs) == 0 {
			continue
		}
		if len(errs) != 1 || tc.says == "" || !strings.Contains(errs[0].Error(), tc.says) {
			t.Errorf("%s: got %v, want %q", tc.why, errs, tc.says)
		}
	}
	if errs := CheckDevices()("soil-004", spec.Device{CSRPEM: request}); errs != nil {
		t.Errorf("another file may hold the same request: %v", errs)
	}
}

// The devices of a file are in the fleet and not in the manifest, which is what an import starts from.
func TestFleetOfAFile(t *testing.T) {
	written := Spec{Name: "greenhouse", DevicesFrom: &DevicesFromSpec{File: "fleet.csv"}}
	env := testEnv()
	env.Roster = map[string]spec.Device{"soil-001": {Disabled: true}}
	parts, err := Build(written, env)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		want, _ := p.Want(nil)
		switch p.Key {
		case KeyFleet:
			if diff := cmp.Diff(env.Roster, want.(spec.Fleet).Devices); diff != "" {
				t.Errorf("fleet (-want +got):\n%s", diff)
			}
		case KeyManifest:
			m, err := ParseManifest([]byte(want.(spec.Parameter).Value))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(written, m.Spec); diff != "" {
				t.Errorf("manifest (-want +got):\n%s", diff)
			}
		}
	}
}
