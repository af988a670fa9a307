package pipeline

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// setClock sets the clock for a test.
func setClock(t *testing.T, to time.Time) {
	t.Helper()
	now = func() time.Time { return to }
	t.Cleanup(func() { now = time.Now })
}

// Plans warn from 30 days before a certificate expires, and say what to do, before and after.
func TestWarningsOfExpiry(t *testing.T) {
	end := time.Date(2031, time.March, 5, 12, 0, 0, 0, time.UTC)
	device := "The certificate of device \"soil\" "
	valid := "It is valid until 2031-03-05T12:00:00Z. After that, the device cannot connect. "
	for _, tc := range []struct {
		left            time.Duration
		summary, detail string
	}{
		{31 * 24 * time.Hour, "", ""},
		{30*24*time.Hour + time.Second, "", ""},
		{30 * 24 * time.Hour, device + "expires in 30 days", valid + renewDevice},
		{47 * time.Hour, device + "expires in a day", valid + renewDevice},
		{time.Second, device + "expires in less than a day", valid + renewDevice},
		{0, device + "has expired", "It was valid until 2031-03-05T12:00:00Z. Since then, the device cannot connect. " +
			renewDevice},
		{-400 * 24 * time.Hour, device + "has expired", "It was valid until 2031-03-05T12:00:00Z. Since then, the " +
			"device cannot connect. " + renewDevice},
	} {
		setClock(t, end.Add(-tc.left))
		s := Spec{Name: "greenhouse", Devices: map[string]DeviceSpec{"soil": {CertificatePEM: expiring(t, end)}}}
		var want []Problem
		if tc.summary != "" {
			want = []Problem{{Path: `devices["soil"].certificate_pem`, Summary: tc.summary, Detail: tc.detail, Warning: true}}
		}
		if diff := cmp.Diff(want, Validate(s, nil)); diff != "" {
			t.Errorf("%s before (-want +got):\n%s", tc.left, diff)
		}
	}
}

// One warning stands for the certificates of a file.
func TestWarningOfExpiryInAFile(t *testing.T) {
	end := time.Date(2031, time.March, 5, 12, 0, 0, 0, time.UTC)
	setClock(t, end.Add(-10*24*time.Hour))
	devices := map[string]spec.Device{"made": {}, "asked": {CSRPEM: csrPEM()},
		"long": {CertificatePEM: *expiring(t, end.AddDate(1, 0, 0))}}
	if p := ExpiringDevices(devices); p != nil {
		t.Errorf("nothing expires, and yet: %+v", p)
	}
	devices["over"] = spec.Device{CertificatePEM: *expiring(t, end.AddDate(0, -1, 0))}
	if p := ExpiringDevices(devices); p == nil || p.Summary != `The certificate of device "over" has expired` {
		t.Errorf("one has expired: %+v", p)
	}
	for n := range maxExpiring {
		devices[fmt.Sprintf("s%02d", n)] = spec.Device{CertificatePEM: *expiring(t, end)}
	}
	p := ExpiringDevices(devices)
	if p == nil || !p.Warning || p.Path != "devices_from" ||
		p.Summary != "21 certificates of devices have expired or will within 30 days" ||
		!strings.Contains(p.Detail, "- over has expired (2031-02-05T12:00:00Z)\n- s00 expires in 10 days (2031-") ||
		!strings.Contains(p.Detail, "\nand 1 more\n\nA device whose certificate has expired cannot connect.") {
		t.Errorf("%+v", p)
	}
}

func TestCertificatesExpire(t *testing.T) {
	end := time.Date(2031, time.March, 5, 13, 0, 0, 0, time.FixedZone("", 3600))
	s := Spec{
		Name: "greenhouse",
		Devices: map[string]DeviceSpec{"made": {}, "asked": {CSRPEM: ptr(csrPEM())},
			"own": {CertificatePEM: expiring(t, end)}},
		Provisioning: &ProvisioningSpec{JITP: &JITPSpec{CACertificatePEM: *expiring(t, end.AddDate(1, 0, 0))}},
	}
	want := map[string]string{"own": "2031-03-05T12:00:00Z", "provisioning.jitp": "2032-03-05T12:00:00Z"}
	if diff := cmp.Diff(want, OutputsOf(s, testEnv(), nil).CertificatesExpire); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if none := OutputsOf(Spec{Name: "greenhouse"}, testEnv(), nil).CertificatesExpire; none == nil || len(none) > 0 {
		t.Errorf("without certificates of one's own: %v", none)
	}
}
