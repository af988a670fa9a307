package pipeline

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

func manifestOf(t *testing.T, config Spec) string {
	t.Helper()
	want, err := build(t, config)[0].Want(nil)
	if err != nil {
		t.Fatal(err)
	}
	return want.(spec.Parameter).Value
}

func TestManifestRoundTrip(t *testing.T) {
	for _, name := range pipelines {
		config := testSpec(t, name)
		text := manifestOf(t, config)
		m, err := ParseManifest([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		written := config
		written.Devices = nil
		if diff := cmp.Diff(written, m.Spec); diff != "" {
			t.Errorf("%s: the description differs (-written +read):\n%s", name, diff)
		}
		parts := build(t, config)
		if m.ID != "owner-token" || m.Region != "eu-west-1" || m.TopicPrefix != *Defaults(config).TopicPrefix ||
			len(m.Parts) != len(parts)-1 {
			t.Errorf("%s: read %+v", name, m)
		}
		for _, p := range parts[1:] {
			if want := (contract.ManifestPart{Kind: p.Kind, Name: p.Name, ARN: p.ARN}); m.Parts[p.Key] != want {
				t.Errorf("%s: part %s is %+v, not %+v", name, p.Key, m.Parts[p.Key], want)
			}
		}
	}
}

// TestManifestIsSmall: the standard tier of Parameter Store is free, the advanced one takes 8 KB. Nobody writes every
// argument at once, as the full description does.
func TestManifestIsSmall(t *testing.T) {
	for _, name := range pipelines {
		most := contract.PlainManifest
		if name == "full" {
			most = contract.MaxManifest
		}
		if n := len(manifestOf(t, testSpec(t, name))); n > most {
			t.Errorf("the manifest of %s has %d bytes, more than the %d of its parameter", name, n, most)
		}
	}
}

func TestManifestKeepsEmptyAndUnwrittenApart(t *testing.T) {
	config := Spec{
		Name:       "min",
		Alerts:     &AlertsSpec{Emails: []string{}},
		Timestream: &TimestreamSpec{},
		Tags:       map[string]string{},
	}
	m, err := ParseManifest([]byte(manifestOf(t, config)))
	if err != nil {
		t.Fatal(err)
	}
	if m.Spec.Alerts == nil || m.Spec.Alerts.Emails == nil || m.Spec.Timestream == nil || m.Spec.Tags == nil {
		t.Errorf("something written and empty was lost: %+v", m.Spec)
	}
	if m.Spec.Archive != nil || m.Spec.Alerts.Rules != nil || m.Spec.Routes != nil {
		t.Errorf("something that was not written appeared: %+v", m.Spec)
	}
}

func TestManifestTooLarge(t *testing.T) {
	config := Spec{Name: "min", Routes: map[string]RouteSpec{}}
	for i := range 400 {
		config.Routes[fmt.Sprintf("r%s", shortHash(fmt.Sprint(i)))] = RouteSpec{
			SQL: "SELECT '" + shortHash(fmt.Sprint("x", i)) + "' AS x FROM 'a'",
		}
	}
	_, err := Build(config, testEnv())
	if err == nil || !strings.Contains(err.Error(), "Parameter Store holds 8192") ||
		!strings.Contains(err.Error(), "split the pipeline") {
		t.Errorf("got %v", err)
	}
}

func TestParseManifestErrors(t *testing.T) {
	for _, tc := range []struct{ why, text, says string }{
		{"not JSON", "x", "reading manifest: invalid character"},
		{"another version", `{"version":2,"id":"i","name":"n"}`, "it has version 2, and this provider knows version 1"},
		{"without an owner", `{"version":1,"name":"n","spec":{"name":"n"}}`, "does not name its pipeline and owner"},
		{"of another pipeline", `{"version":1,"id":"i","name":"n","spec":{"name":"m"}}`,
			"does not name its pipeline and owner"},
		{"damaged", `{"version":1,"id":"i","name":"n","packed":"AAAA"}`, `reading manifest of pipeline "n"`},
	} {
		if _, err := ParseManifest([]byte(tc.text)); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: got %v", tc.why, err)
		}
	}
}
