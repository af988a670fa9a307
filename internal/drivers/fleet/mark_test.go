package fleet

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

func TestMark(t *testing.T) {
	a, b, c := strings.Repeat("a", 64), strings.Repeat("b", 64), strings.Repeat("c", 64)
	for _, m := range []mark{
		{}, {source: sourceGenerated, id: a}, {source: "csr-1f", id: a, retired: []string{b, c}},
		{source: sourceOwn + a, id: a, retired: []string{b}, pending: true},
		{source: sourceOwn + a, id: a, retired: []string{b}, pending: true, begun: 1764000000},
		{begun: 1764000000}, {source: sourceGenerated, id: a, previous: []string{b}},
		{source: sourceGenerated, id: a, retired: []string{b}, previous: []string{c, b}, issuing: "K3", begun: 1764000000},
		{source: "generated-7", id: a, issuing: "K3", begun: 1764000000, raised: 12},
	} {
		if diff := cmp.Diff(m, readMark(m.String()), cmp.AllowUnexported(mark{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", m, diff)
		}
	}
	for _, text := range []string{
		"generated", "generated:", "generated:xyz", "generated:" + a + ",", "generated:" + a[1:], ":#", "@", "@x", "@-1",
		"generated:" + a + "/", "generated:" + a + "/x",
	} {
		if m := readMark(text); m.id != "" || m.begun != 0 {
			t.Errorf("%q counts as a mark: %v", text, m)
		}
	}
	m := mark{source: sourceOwn + a, id: a, retired: []string{b, c}, pending: true, begun: 1764000000}
	if long := m.String(); len(long) > 800 {
		t.Errorf("%d characters; AWS takes 800", len(long))
	}
}

func TestSourceIgnoresWhatIsAroundThePEM(t *testing.T) {
	text := "-----BEGIN CERTIFICATE REQUEST-----\nAAEC\n-----END CERTIFICATE REQUEST-----\n"
	other := "made by openssl\r\n" + strings.ReplaceAll(text, "\n", "\r\n")
	if a, b := SourceOf("soil", spec.Device{CSRPEM: text}), SourceOf("soil", spec.Device{CSRPEM: other}); a != b ||
		!strings.HasPrefix(a, sourceCSR) {
		t.Errorf("%q and %q", a, b)
	}
	another := strings.Replace(text, "AAEC", "AAED", 1)
	if a, b := SourceOf("soil", spec.Device{CSRPEM: text}), SourceOf("soil", spec.Device{CSRPEM: another}); a == b {
		t.Errorf("another request has the same source %q", a)
	}
}

func TestEstimate(t *testing.T) {
	rates := map[string]float64{
		"iot:UpdateCertificate":        10,
		"iot:CreateCertificateFromCsr": 15,
		"ssm:PutParameter":             3,
		"secretsmanager:CreateSecret":  50,
		"iot:DeleteCertificate":        10,
	}
	tests := []struct {
		load    Load
		kind    string
		want    time.Duration
		slowest string
	}{
		{Load{Added: 9000}, credstore.ParameterStore, 3000 * time.Second, "ssm:PutParameter"},
		{Load{Added: 9000}, credstore.SecretsManager, 600 * time.Second, "iot:CreateCertificateFromCsr"},
		{Load{Removed: 100}, credstore.ParameterStore, 10 * time.Second, "iot:DeleteCertificate"},
		{LoadOf([]string{"gw-1", "gw-1:a", "gw-1:b"}, []string{"gw-1:c"}), credstore.ParameterStore,
			time.Second / 3, "ssm:PutParameter"},
		{Load{AddedBehind: 9000, RemovedBehind: 9000}, credstore.ParameterStore, 0, ""},
		{Load{Added: 3000, Rotated: 6000}, credstore.ParameterStore, 3000 * time.Second, "ssm:PutParameter"},
		{Load{Rotated: 150}, credstore.Bucket, 10 * time.Second, "iot:CreateCertificateFromCsr"},
		{Load{}, credstore.ParameterStore, 0, ""},
	}
	for _, test := range tests {
		got, slowest := Estimate(test.load, test.kind, func(op string) float64 { return rates[op] })
		if got != test.want || slowest != test.slowest {
			t.Errorf("%+v, %s: %s by %q, want %s by %q", test.load, test.kind, got, slowest, test.want, test.slowest)
		}
	}
}
