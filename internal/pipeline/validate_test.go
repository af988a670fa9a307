package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// edit gives a sound description, changed.
func edit(change func(s *Spec)) Spec {
	s := Spec{Name: "greenhouse", Region: ptr("eu-west-1")}
	change(&s)
	return s
}

// A mistake is an invalid value: where it is reported, and words of the report.
type mistake struct {
	why    string
	change func(*Spec)
	path   string
	says   []string
}

// mistakes are those of all capabilities.
func mistakes() []mistake {
	return slices.Concat(generalMistakes, devicesMistakes, childrenMistakes, provisioningMistakes, credentialsMistakes,
		streamMistakes, processorMistakes, telemetryMistakes, selectMistakes, timestreamMistakes, influxDBMistakes,
		influxDBInstanceMistakes, deviceStateMistakes, recentMistakes, metricsMistakes, apiMistakes, alertsMistakes,
		archiveMistakes,
		functionsMistakes, routeMistakes)
}

func TestValidateMistakes(t *testing.T) {
	for _, m := range mistakes() {
		t.Run(m.why, func(t *testing.T) {
			problems := Validate(edit(m.change), nil)
			if len(problems) != 1 {
				t.Fatalf("%d problems, not one: %s", len(problems), encode(problems))
			}
			p := problems[0]
			if p.Path != m.path || p.Warning {
				t.Errorf("an error at %s is expected, got %+v", m.path, p)
			}
			for _, words := range m.says {
				if !strings.Contains(p.Summary+"\n"+p.Detail, words) {
					t.Errorf("%q is not said:\n%s\n%s", words, p.Summary, p.Detail)
				}
			}
			if !strings.HasSuffix(strings.TrimRight(p.Detail, " "), ".") && !strings.HasSuffix(p.Detail, "^") &&
				!strings.HasSuffix(p.Detail, "?") {
				t.Errorf("the detail is not a sentence: %s", p.Detail)
			}
			if strings.Contains(p.Summary+p.Detail, "%!") {
				t.Errorf("the text is not formatted well: %s %s", p.Summary, p.Detail)
			}
		})
	}
}

// TestValidateUnknown: what is not known yet is never complained about, whatever is in its place.
func TestValidateUnknown(t *testing.T) {
	for _, m := range mistakes() {
		problems := Validate(edit(m.change), func(path string) bool { return strings.HasPrefix(path, m.path) })
		// A name of a map's element is always known, and so is how many there are.
		if len(problems) > 0 && !strings.HasSuffix(m.path, "]") && !strings.HasSuffix(m.path, "attributes") &&
			m.path != "tags" {
			t.Errorf("%s: %s is not known, and yet: %s", m.why, m.path, encode(problems))
		}
	}
}

func TestValidateWarnings(t *testing.T) {
	now = func() time.Time { return time.Now().Add(48 * time.Hour) }
	defer func() { now = time.Now }()
	thousand := map[string]DeviceSpec{}
	for i := range MaxDevices + 1 {
		thousand[fmt.Sprintf("d%d", i)] = DeviceSpec{}
	}
	for _, tc := range []struct {
		why, path, says string
		change          func(*Spec)
	}{
		{"more devices than a map is good for", "devices", "square of a map's size",
			func(s *Spec) { s.Devices = thousand }},
		{"an expired certificate", `devices["soil"].certificate_pem`, "has expired",
			device(DeviceSpec{CertificatePEM: ptr(certificatePEM(time.Hour))})},
		{"an expired authority", "provisioning.jitp.ca_certificate_pem", "has expired",
			jitp(JITPSpec{CACertificatePEM: authorityPEM(time.Hour)})},
		{"a threshold without use", `alerts.thresholds["max"]`, "No condition mentions",
			func(s *Spec) { s.Alerts = &AlertsSpec{Thresholds: map[string]float64{"max": 1}} }},
		{"a command that is nearly JSON", `alerts.rules["dry"].command`, "2:16: not JSON: no comma between values",
			alert(AlertRuleSpec{When: "a > 1", Command: ptr("{\n  \"level\": ${a}${b}\n}")})},
		{"a command that only begins like JSON", `alerts.rules["dry"].command`, "sent as plain text",
			alert(AlertRuleSpec{When: "a > 1", Command: ptr("[${a}")})},
		{"a command whose key the device chooses", `alerts.rules["dry"].command`, "1:2: this key depends on",
			alert(AlertRuleSpec{When: "a > 1", Command: ptr(`{"${a}": 1}`)})},
		{"a pattern that AWS may or may not take", `routes["extra"].sql`, "does not document",
			routed(func(r *RouteSpec) {
				r.SQL = "SELECT * FROM 'a/b' WHERE regexp_matches(name, '^(?!test).*')"
			})},
		{"one object for all messages", `routes["extra"].s3.key`, "overwrite",
			routed(func(r *RouteSpec) { r.S3 = &S3Route{BucketName: "b", Key: "k"} })},
	} {
		problems := Validate(edit(tc.change), nil)
		if len(problems) != 1 || !problems[0].Warning || problems[0].Path != tc.path ||
			!strings.Contains(problems[0].Summary+problems[0].Detail, tc.says) {
			t.Errorf("%s: a warning at %s is expected, got %s", tc.why, tc.path, encode(problems))
		}
	}
}

func TestValidateSound(t *testing.T) {
	for _, name := range []string{"minimal", "full"} {
		if problems := Validate(testSpec(t, name), nil); len(problems) > 0 {
			t.Errorf("%s is sound, and yet: %s", name, encode(problems))
		}
	}
	for _, command := range []string{
		`{"note": "${a}", "level": ${b}}`, `{"${thing}": [1, ${a}]}`, "open ${a}", "${a}", "${a}{", "reboot",
		`"${a}"`, "",
	} {
		problems := Validate(edit(alert(AlertRuleSpec{When: "a > 1", Command: &command})), nil)
		if len(problems) > 0 {
			t.Errorf("command %q is sound, and yet: %s", command, encode(problems))
		}
	}
	greenhouse := testSpec(t, "greenhouse")
	greenhouse.Devices["soil-002"] = DeviceSpec{CSRPEM: ptr(csrPEM())}
	if problems := Validate(greenhouse, nil); len(problems) > 0 {
		t.Errorf("greenhouse is sound, and yet: %s", encode(problems))
	}
}

// TestDevicePolicyFits: with the longest name as prefix, in every partition.
func TestDevicePolicyFits(t *testing.T) {
	name := strings.Repeat("a", MaxNameLength)
	for _, region := range []string{"ap-northeast-1", "us-gov-west-1", "cn-northwest-1"} {
		s := Spec{Name: name, Region: &region, Alerts: &AlertsSpec{Rules: rulesOf("a > 1")}}
		b := newBuilder(s, Env{AccountID: "123456789012", Region: region, Partition: partitionOf(region)})
		if size := policySize(b.devicePolicy()); size > maxDevicePolicy {
			t.Errorf("%s: the policy has %d characters", region, size)
		}
	}
}

func many(n int) map[string]string {
	m := map[string]string{}
	for i := range n {
		m[fmt.Sprintf("k%d", i)] = "v"
	}
	return m
}
