package pipeline

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// expiring makes a certificate that is valid until then.
func expiring(t *testing.T, end time.Time) *string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return &text
}

func TestCertificateAlarmKnowsTheFirstExpiry(t *testing.T) {
	march, june := time.Unix(1_900_000_000, 0), time.Unix(1_910_000_000, 0)
	off, damaged := false, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
	devices := map[string]DeviceSpec{"a": {CertificatePEM: expiring(t, june)}, "b": {}, "c": {CertificatePEM: &damaged}}
	config := Spec{Name: "greenhouse", Monitoring: &MonitoringSpec{}, Devices: devices}
	expression := func(config Spec) string {
		return alarmsOf(t, config)["alarm/certificate_expiry"].Metrics[1].Expression
	}
	if got := expression(config); got != "(1910000000 - EPOCH(clock)) / 86400" {
		t.Errorf("one of two: %s", got)
	}
	devices["d"] = DeviceSpec{CertificatePEM: expiring(t, march), Enabled: &off}
	if got := expression(config); got != "(1910000000 - EPOCH(clock)) / 86400" {
		t.Errorf("a disabled device counts: %s", got)
	}
	config.Provisioning = &ProvisioningSpec{JITP: &JITPSpec{CACertificatePEM: *expiring(t, march)}}
	if got := expression(config); got != "(1900000000 - EPOCH(clock)) / 86400" {
		t.Errorf("the authority does not count: %s", got)
	}
	if got := expression(Spec{Name: "greenhouse", Monitoring: &MonitoringSpec{}}); got !=
		"(2524607999 - EPOCH(clock)) / 86400" {
		t.Errorf("without certificates of one's own: %s", got)
	}
	b := newBuilder(Spec{Name: "greenhouse", DevicesFrom: &DevicesFromSpec{}}, testEnv())
	b.env.Roster = map[string]spec.Device{"a": {CertificatePEM: *expiring(t, june)}}
	if got := b.firstExpiry(); !got.Equal(june) {
		t.Errorf("of a device file: %s", got)
	}
}
