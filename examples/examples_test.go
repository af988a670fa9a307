// Package examples_test applies every example with the real command line and the provider as built here.
package examples_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/tfcli"
	"github.com/iot-pipeline/terraform-provider-iot/provider/account"
)

var (
	cli    string // Terraform or OpenTofu
	rcFile string // its configuration, which leads to the provider as built here
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "examples")
	if err == nil {
		err = prepare(dir)
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

func prepare(dir string) error {
	var err error
	if cli, err = tfcli.Find(); err != nil {
		return err
	}
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", filepath.Join(dir, "terraform-provider-iot"), "..").CombinedOutput(); err != nil {
		return fmt.Errorf("building the provider: %w\n%s", err, out)
	}
	rcFile = filepath.Join(dir, "cli.tfrc")
	return tfcli.Override(rcFile, dir)
}

// project is a copy of examples' files with an account of its own.
type project struct {
	t      *testing.T
	dir    string
	server *mototest.Server
	env    []string
}

func newProject(t *testing.T, sources ...string) *project {
	t.Helper()
	t.Parallel()
	p := &project{t: t, dir: t.TempDir(), server: mototest.Start(t)}
	for _, source := range sources {
		if err := os.CopyFS(p.dir, os.DirFS(source)); err != nil {
			t.Fatal(err)
		}
	}
	p.env = environment(p.server)
	return p
}

// environment leads the command line to the provider as built here and to a local AWS.
func environment(server *mototest.Server) []string {
	return append(os.Environ(), append(server.Env(), "TF_CLI_CONFIG_FILE="+rcFile, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1", "TF_CLI_ARGS=-no-color")...)
}

// try runs the command line and gives what it printed.
func (p *project) try(ctx context.Context, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, cli, arguments...)
	command.Dir, command.Env = p.dir, p.env
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	err := command.Run()
	return out.String(), err
}

func (p *project) run(arguments ...string) string {
	p.t.Helper()
	out, err := p.try(p.t.Context(), arguments...)
	if err != nil {
		p.t.Fatalf("%s: %v\n%s", strings.Join(arguments, " "), err, out)
	}
	return out
}

func (p *project) objects(region string) []string {
	p.t.Helper()
	return account.Account{Clients: account.New(p.t, p.server.Config(p.t)).InRegion(region)}.Objects(p.t)
}

// Every example can be applied, is then as described, can be imported into an empty state, and leaves nothing behind.
func TestEveryExample(t *testing.T) {
	for name, c := range map[string]struct {
		sources          []string
		region, pipeline string
		arguments        []string
	}{
		"minimal":           {sources: []string{"minimal"}, region: mototest.Region, pipeline: "minimal"},
		"greenhouse":        {sources: []string{"greenhouse"}, region: "eu-west-1", pipeline: "greenhouse", arguments: []string{"-var=force_destroy=true"}},
		"fleet-file":        {sources: []string{"fleet-file"}, region: mototest.Region, pipeline: "farm"},
		"self-registration": {sources: []string{"self-registration"}, region: mototest.Region, pipeline: "field"},
		"resource":          {sources: []string{"provider", "resources/iot_pipeline"}, region: "eu-west-1", pipeline: "greenhouse"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t, c.sources...)
			before := p.objects(c.region)
			p.run(append([]string{"apply", "-auto-approve"}, c.arguments...)...)
			p.run(append([]string{"plan", "-detailed-exitcode"}, c.arguments...)...)
			p.run("state", "rm", "iot_pipeline."+c.pipeline)
			p.run(append(append([]string{"import"}, c.arguments...), "iot_pipeline."+c.pipeline, c.pipeline)...)
			p.run(append([]string{"plan", "-detailed-exitcode"}, c.arguments...)...)
			p.run(append([]string{"destroy", "-auto-approve"}, c.arguments...)...)
			if after := p.objects(c.region); !slices.Equal(before, after) {
				t.Errorf("left behind: %v", after)
			}
		})
	}
}

// The functions' examples say what they show.
func TestFunctions(t *testing.T) {
	p := newProject(t, "provider")
	for _, name := range []string{"sql_eval", "sql_errors", "topic_matches"} {
		text, err := os.ReadFile(filepath.Join("functions", name, "function.tf"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(p.dir, name+".tf"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.run("apply", "-auto-approve")
	var outputs map[string]struct{ Value any }
	if err := json.Unmarshal([]byte(p.run("output", "-json")), &outputs); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"hot":     `{"matched":true,"output":"{\"t\":31,\"device\":\"soil-001\"}"}`,
		"mild":    `{"matched":false,"output":null}`,
		"who":     `{"matched":true,"output":"{\"client\":\"soil-001\"}"}`,
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
	p := newProject(t, "rule-tests")
	if out := p.run("test"); !strings.Contains(out, "3 passed, 0 failed") {
		t.Error(out)
	}
	if sent := p.server.Requests(t); len(sent) > 0 {
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
			p := newProject(t, example)
			log := filepath.Join(p.dir, "trace.log")
			p.env = append(p.env, "TF_LOG=TRACE", "TF_LOG_PATH="+log)
			seen := p.run("apply", "-auto-approve")
			seen += p.run("plan", "-out=plan.bin") + p.run("show", "-json", "plan.bin") + p.run("show", "-json")
			lines := keyLines(t, account.New(t, p.server.Config(t)).Parameter(t, bundle))
			for _, file := range []string{log, filepath.Join(p.dir, "terraform.tfstate")} {
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

// After a create that stopped half way, untaint and apply go on in place.
func TestResumeAfterUntaint(t *testing.T) {
	p := newProject(t, "minimal")
	p.server.Fail(t, mototest.Fault{Service: "kinesis", Operation: "CreateStream", Code: "LimitExceededException", Message: "Too many streams.", Times: 1})
	out, err := p.try(t.Context(), "apply", "-auto-approve")
	if err == nil || !strings.Contains(out, "terraform untaint") {
		t.Fatalf("the apply should fail and name the untaint command:\n%s", out)
	}
	p.run("untaint", "iot_pipeline.minimal")
	if out := p.run("apply", "-auto-approve"); !strings.Contains(out, "0 added, 1 changed, 0 destroyed") {
		t.Errorf("the second apply should go on in place:\n%s", out)
	}
	p.run("plan", "-detailed-exitcode")
	p.run("destroy", "-auto-approve")
}
