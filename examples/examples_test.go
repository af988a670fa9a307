// Package examples_test applies every example with the real command line and the provider as built here.
package examples_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/awstest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/edgezip"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

func TestMain(m *testing.M) { tftest.Main(m) }

// importing are the configurations of a resource's folder that import what exists.
const importing = "import-*.tf"

// project is a copy of examples' files with a local AWS.
type project struct {
	*tftest.Project
	aws *awstest.LocalAWS
}

func newProject(t *testing.T, region string, sources ...string) *project {
	t.Helper()
	t.Parallel()
	local := awstest.StartIn(t, region)
	p := &project{Project: tftest.New(t, local.Server.Env()...), aws: local}
	for _, source := range sources {
		if err := os.CopyFS(p.Path, os.DirFS(source)); err != nil {
			t.Fatal(err)
		}
	}
	edgezip.Write(t, filepath.Join(p.Path, "iot-edge_linux_arm64.zip"), "arm64", "")
	imports, err := filepath.Glob(filepath.Join(p.Path, importing))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range imports {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// The import blocks of the reference import a pipeline that exists, and nothing is left to change.
func TestImportBlocks(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("resources/iot_pipeline", importing))
	if err != nil || len(files) != 2 {
		t.Fatalf("found %v: %v", files, err)
	}
	local := awstest.StartIn(t, "eu-central-1")
	p := tftest.On(t, tftest.Current, local.Server.Env()...)
	for _, file := range []string{"provider/provider.tf", "resources/iot_pipeline/resource.tf"} {
		p.Write(filepath.Base(file), strings.ReplaceAll(readFile(t, file), "eu-west-1", "eu-central-1"))
	}
	p.Apply()
	for _, file := range files {
		p.Run("state", "rm", "iot_pipeline.greenhouse")
		p.Write("import.tf", readFile(t, file))
		p.Apply()
		p.Unchanged()
		if err := os.Remove(filepath.Join(p.Path, "import.tf")); err != nil {
			t.Fatal(err)
		}
	}
	p.Destroy()
	local.RequireEmpty(t, "after the destroy")
}

// Every example can be applied, is then as described, can be imported into an empty state, and leaves nothing behind.
func TestEveryExample(t *testing.T) {
	for name, c := range map[string]struct {
		sources          []string
		region, pipeline string
		arguments        []string
	}{
		"minimal": {sources: []string{"minimal"}, region: mototest.Region, pipeline: "minimal"},
		"greenhouse": {sources: []string{"greenhouse"}, region: "eu-west-1", pipeline: "greenhouse",
			arguments: []string{"-var=force_destroy=true"}},
		"influxdb": {sources: []string{"influxdb"}, region: "eu-west-1", pipeline: "greenhouse",
			arguments: []string{"-var=force_destroy=true"}},
		"archive": {sources: []string{"archive"}, region: "eu-west-1", pipeline: "orchard",
			arguments: []string{"-var=force_destroy=true"}},
		"monitoring":        {sources: []string{"monitoring"}, region: mototest.Region, pipeline: "barn"},
		"device-api":        {sources: []string{"device-api"}, region: mototest.Region, pipeline: "stable"},
		"edge":              {sources: []string{"edge"}, region: mototest.Region, pipeline: "plant"},
		"greengrass":        {sources: []string{"greengrass"}, region: mototest.Region, pipeline: "plant"},
		"fleet-file":        {sources: []string{"fleet-file"}, region: mototest.Region, pipeline: "farm"},
		"metrics":           {sources: []string{"metrics"}, region: mototest.Region, pipeline: "orchard"},
		"self-registration": {sources: []string{"self-registration"}, region: mototest.Region, pipeline: "field"},
		"play":              {sources: []string{"play"}, region: "eu-west-1", pipeline: "greenhouse"},
		"webhook": {sources: []string{"webhook"}, region: mototest.Region, pipeline: "coop",
			arguments: []string{"-var=webhook_token=mototest-token"}},
		"recent": {sources: []string{"recent"}, region: mototest.Region, pipeline: "sensors"},
		"resource": {sources: []string{"provider", "resources/iot_pipeline"}, region: "eu-west-1",
			pipeline: "greenhouse"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t, c.region, c.sources...)
			p.Apply(c.arguments...)
			p.Unchanged(c.arguments...)
			p.Run("state", "rm", "iot_pipeline."+c.pipeline)
			p.Run(append(append([]string{"import"}, c.arguments...), "iot_pipeline."+c.pipeline, c.pipeline)...)
			p.Unchanged(c.arguments...)
			p.Destroy(c.arguments...)
			p.aws.RequireEmpty(t, "after the destroy")
		})
	}
}

// The functions' examples say what they show.
func TestFunctions(t *testing.T) {
	p := newProject(t, mototest.Region, "provider")
	for _, name := range []string{"sql_eval", "sql_errors", "topic_matches", "monthly_cost",
		"grafana_dashboard"} {
		text, err := os.ReadFile(filepath.Join("functions", name, "function.tf"))
		if err != nil {
			t.Fatal(err)
		}
		p.Write(name+".tf", string(text))
	}
	if plan := p.Run("plan"); !strings.Contains(plan, `+ "Latency until stored",`) {
		t.Errorf("the plan does not show the dashboard of a pipeline that is not there yet:\n%s", plan)
	}
	p.Apply()
	var outputs map[string]struct{ Value any }
	if err := json.Unmarshal([]byte(p.Run("output", "-json")), &outputs); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"hot":            `{"matched":true,"output":"{\"t\":31,\"device\":\"soil-001\"}"}`,
		"mild":           `{"matched":false,"output":null}`,
		"who":            `{"matched":true,"output":"{\"client\":\"soil-001\"}"}`,
		"most_expensive": `["AWS IoT: messages","DynamoDB: device state"]`,
		"dashboard_panels": `["Messages","Dead letters","Latency until stored","$measure",` +
			`"$measure of $device","Latest values","Alerts of $device","Alerts by severity","Other notices",` +
			`"Latency until told","History","Stream","Delay of the processor","Errors of the functions",` +
			`"Throttles of the functions","Duration of the functions, 99 of 100","Archive","Age of the archive"]`,
		"matches": `{"all_levels":true,"not_itself":false,"one_level":true}`,
	} {
		if got, err := json.Marshal(outputs[name].Value); err != nil || string(got) != want {
			t.Errorf("output %s is %s, want %s", name, got, want)
		}
	}
	if got := fmt.Sprint(outputs["errors"].Value); !strings.Contains(got, "did you mean FROM?") {
		t.Errorf("output errors is %s", got)
	}
}

// Rules are tested without an account: no request is sent.
func TestRuleTests(t *testing.T) {
	p := newProject(t, mototest.Region, "rule-tests")
	before := len(p.aws.Server.Requests(t))
	if out := p.Run("test"); !strings.Contains(out, "3 passed, 0 failed") {
		t.Error(out)
	}
	if sent := p.aws.Server.Requests(t)[before:]; len(sent) > 0 {
		t.Errorf("requests were sent: %v", sent)
	}
}

// A generated private key is in the credentials store and nowhere else: a device's, and that of a claim certificate.
func TestPrivateKeysAreNowhereElse(t *testing.T) {
	for example, bundle := range map[string]string{
		"minimal":           "/iot-pipeline/minimal/devices/soil-001",
		"self-registration": "/iot-pipeline/field/devices-claim",
	} {
		t.Run(example, func(t *testing.T) {
			p := newProject(t, mototest.Region, example)
			log := filepath.Join(p.Path, "trace.log")
			p.Env = append(p.Env, "TF_LOG=TRACE", "TF_LOG_PATH="+log)
			seen := p.Apply()
			seen += p.Run("plan", "-out=plan.bin") + p.Run("show", "-json", "plan.bin") + p.Run("show", "-json")
			lines := keyLines(t, p.aws.Parameter(t, bundle))
			for _, file := range []string{log, filepath.Join(p.Path, "terraform.tfstate")} {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				seen += string(text)
			}
			for _, line := range lines {
				if strings.Contains(seen, line) {
					t.Fatal("a line of the private key is in the state, the plan or the log")
				}
			}
		})
	}
}

// keyLines are the lines of the private key in a bundle.
func keyLines(t *testing.T, bundle string) []string {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal([]byte(bundle), &members); err != nil {
		t.Fatal(err)
	}
	for _, member := range members {
		text, _ := member.(string)
		if !strings.Contains(text, "PRIVATE KEY-----") {
			continue
		}
		lines := strings.Split(strings.TrimSpace(text), "\n")
		return lines[1 : len(lines)-1]
	}
	t.Fatal("the bundle holds no private key")
	return nil
}

// After a create that stopped halfway, untaint and apply resume in place.
func TestResumeAfterUntaint(t *testing.T) {
	p := newProject(t, mototest.Region, "minimal")
	p.aws.Server.Fail(t, mototest.Fault{
		Service:   "kinesis",
		Operation: "CreateStream",
		Code:      "LimitExceededException",
		Message:   "Too many streams.",
		Times:     1,
	})
	out := p.Try("apply", "-auto-approve")
	if out.Code == 0 || !out.Says("terraform untaint") {
		t.Fatalf("the apply should fail and name the untaint command:\n%s", out.Output)
	}
	p.Run("untaint", "iot_pipeline.minimal")
	if out := p.Apply(); !strings.Contains(out, "0 added, 1 changed, 0 destroyed") {
		t.Errorf("the second apply should go on in place:\n%s", out)
	}
	p.Unchanged()
	p.Destroy()
}
