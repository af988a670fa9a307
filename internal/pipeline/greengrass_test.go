package pipeline

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/rules"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

func greengrassSpec(artifacts map[string]string) Spec {
	return Spec{Name: "plant", Devices: map[string]DeviceSpec{"gw-1": {Gateway: &GatewaySpec{}}, "gw-2": {Gateway: &GatewaySpec{}},
		"press": {}}, Edge: &EdgeSpec{Greengrass: &GreengrassSpec{Artifacts: artifacts}}}
}

// The recipe is what AWS's reference allows.
func TestRecipeFitsItsSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("testdata/recipe.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	c := resolve(t, build(t, testSpec(t, "full")))["greengrass/component"].(spec.Component)
	recipe, err := jsonschema.UnmarshalJSON(strings.NewReader(c.Recipe))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(recipe); err != nil {
		t.Error(err)
	}
	broken, err := jsonschema.UnmarshalJSON(strings.NewReader(strings.Replace(c.Recipe, `"Unarchive"`, `"Unarchived"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if schema.Validate(broken) == nil {
		t.Error("the schema accepts a member that recipes do not have")
	}
}

// The same content is the same version; another program is another one, and so is a program for more architectures.
func TestComponentVersion(t *testing.T) {
	version := func(artifacts map[string]string) string {
		return resolve(t, build(t, greengrassSpec(artifacts)))["greengrass/component"].(spec.Component).Version
	}
	first := version(map[string]string{"arm64": "a.zip"})
	if again := version(map[string]string{"arm64": "a.zip"}); again != first {
		t.Errorf("the same content is the versions %s and %s", first, again)
	}
	if others := []string{version(map[string]string{"arm64": "b.zip"}),
		version(map[string]string{"arm64": "a.zip", "x86_64": "a.zip"})}; slices.Contains(others, first) || others[0] == others[1] {
		t.Errorf("other content has the versions %v beside %s", others, first)
	}
	numbers := regexp.MustCompile(`^1\.(\d+)\.(\d+)$`).FindStringSubmatch(first)
	for _, n := range numbers[1:] {
		if _, err := strconv.ParseInt(n, 10, 32); err != nil {
			t.Errorf("%s: the nucleus reads numbers of 32 bits: %v", first, err)
		}
	}
}

// Settings reach the gateways without another version; the deployment has the version of the component, and its limits.
func TestDeployment(t *testing.T) {
	s := greengrassSpec(map[string]string{"arm64": "a.zip"})
	before := resolve(t, build(t, s))
	s.Edge.Rules = map[string]rules.Rule{"hot": {SQL: "SELECT * FROM 'plant/+/telemetry' WHERE t > 1"}}
	s.Edge.Greengrass.Rollout = &GreengrassRollout{AbortPercent: value(0), StartPerMinute: value(5)}
	after := resolve(t, build(t, s))
	if d := cmp.Diff(plain(before["greengrass/component"]), plain(after["greengrass/component"])); d != "" {
		t.Errorf("rules change the component: %s", d)
	}
	was, is := before["greengrass/deployment"].(spec.Deployment), after["greengrass/deployment"].(spec.Deployment)
	if want := after["greengrass/component"].(spec.Component).Version; is.Version != want {
		t.Errorf("version %s is deployed, not %s", is.Version, want)
	}
	if d := cmp.Diff(spec.Rollout{MaximumPerMinute: 50, AbortPercent: 20, AbortMinimum: 3, TimeoutMinutes: 60}, was.Rollout); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(spec.Rollout{MaximumPerMinute: 50, StartPerMinute: 5, GrowthFactor: 2, GrowthAfter: 10,
		TimeoutMinutes: 60}, is.Rollout); d != "" {
		t.Error(d)
	}
	var configuration struct {
		Settings string
		Version  json.Number `json:"settings_version"`
	}
	if err := json.Unmarshal([]byte(is.Configuration), &configuration); err != nil {
		t.Fatal(err)
	}
	out := OutputsOf(s, testEnv(), nil)
	if want := `{"version":` + configuration.Version.String() + "," + (*out.EdgeSettingsJSON)[1:]; configuration.Settings != want ||
		!is.Rollback {
		t.Errorf("the settings are %s, want %s", configuration.Settings, want)
	}
	if was.Configuration == is.Configuration || !strings.Contains(after["greengrass/component"].(spec.Component).Recipe,
		"check -client-id '{iot:thingName}#edge' -state '{work:path}' -shadow off '{configuration:/file}' "+
			"# settings {configuration:/settings_version}") {
		t.Error("other settings are not checked again")
	}
	if got := after["fleet"].(spec.Fleet).GatewaySettings; got != "" {
		t.Errorf("the shadows of gateways get %s beside the deployment", got)
	}
	if d := cmp.Diff([]string{"gw-1", "gw-2"}, after["greengrass/gateways"].(spec.GroupMembers).Things); d != "" {
		t.Errorf("members: %s", d)
	}
}

// A machine without the zips keeps what is there.
func TestArtifactsThatAreNotHere(t *testing.T) {
	env := testEnv()
	env.Artifact = func(string, string) ([]byte, func() ([]byte, error), error) {
		return nil, nil, &KeepError{errors.New("not here")}
	}
	parts, err := Build(greengrassSpec(map[string]string{"arm64": "a.zip"}), env)
	if err != nil {
		t.Fatal(err)
	}
	wants := resolve(t, parts)
	if c, d := wants["greengrass/component"].(spec.Component), wants["greengrass/deployment"].(spec.Deployment); c.Version != "" ||
		d.Version != "" || len(d.Tags) == 0 {
		t.Errorf("%+v, %+v", c, d)
	}
}

func TestGreengrassProblems(t *testing.T) {
	const path = "edge.greengrass"
	good := func(change func(*Spec)) Spec {
		s := greengrassSpec(map[string]string{"arm64": "a.zip"})
		change(&s)
		return s
	}
	for _, c := range []struct {
		spec       Spec
		path, says string
	}{
		{good(func(*Spec) {}), "", ""},
		{good(func(s *Spec) { // more than a shadow holds
			s.Edge.Rules = map[string]rules.Rule{"hot": {Action: "drop",
				SQL: "SELECT * FROM 'plant/+/telemetry' WHERE a = '" + strings.Repeat("x", 7000) + "'"}}
		}), "", ""},
		{good(func(s *Spec) { s.Devices = map[string]DeviceSpec{"press": {}} }), path, "gateway = {}"},
		{good(func(s *Spec) { s.Edge.Greengrass.Artifacts = nil }), path + ".artifacts", "zip of iot-edge"},
		{good(func(s *Spec) { s.Edge.Greengrass.Artifacts["mips"] = "m.zip" }), path + `.artifacts["mips"]`, "x86_64"},
		{good(func(s *Spec) { s.Edge.Greengrass.Rollout = &GreengrassRollout{GrowthFactor: value(3)} }), path + ".rollout",
			"start_per_minute"},
		{good(func(s *Spec) { s.Edge.Greengrass.Rollout = &GreengrassRollout{MaximumPerMinute: value(2000)} }),
			path + ".rollout.maximum_per_minute", "1000"},
	} {
		problems := Validate(c.spec, nil)
		if c.path == "" {
			if len(problems) > 0 {
				t.Errorf("a good description: %v", problems)
			}
			continue
		}
		if len(problems) != 1 || problems[0].Path != c.path || !strings.Contains(problems[0].Detail, c.says) {
			t.Errorf("%v; want %s: %s", problems, c.path, c.says)
		}
	}
	unknown := func(path string) bool { return path == "devices" || path == "edge.greengrass.artifacts" }
	if problems := Validate(good(func(s *Spec) { s.Devices, s.Edge.Greengrass.Artifacts = nil, nil }), unknown); len(problems) > 0 {
		t.Errorf("what is not known yet: %v", problems)
	}
}

// AWS IoT takes 2048 characters, also with the longest name.
func TestCorePolicyFits(t *testing.T) {
	s := greengrassSpec(map[string]string{"arm64": "a.zip"})
	s.Name = strings.Repeat("n", MaxNameLength)
	document := resolve(t, build(t, s))["policy/greengrass"].(spec.IoTPolicy).Document
	if n := policySize(document); n > maxDevicePolicy {
		t.Errorf("the policy has %d characters", n)
	}
}
