package endtoend_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/greengrassv2"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

const greengrassPipeline = `
resource "iot_pipeline" "gh" {
  name       = "NAME"
  devices    = { "gw-1" = { gateway = {} }, "other" = {} }
  timestream = {}
  archive    = { enabled = false }
  processor  = { batch_window_seconds = 0 }
  edge = {
    greengrass = { artifacts = { ARCHITECTURE = "PATH" } }
    rules = {
      warm = { sql = "SELECT * FROM 'NAME/+/telemetry' WHERE data.t > 10" }
    }
    unmatched = "drop"
  }
  force_destroy = true
}
`

// architectures are the words of the arguments and of recipes for Go's.
var architectures = map[string][2]string{"arm64": {"arm64", "aarch64"}, "amd64": {"x86_64", "amd64"}}

// TestGreengrass: what the pipeline deploys runs on a gateway as it is. A small imitation of the nucleus takes component
// and configuration from the deployment, fetches the artifact, replaces the variables of the recipe, and runs its scripts,
// beside the nucleus's own connection with the same certificate. Readings of a child arrive as the rules say.
func TestGreengrass(t *testing.T) {
	words, ok := architectures[runtime.GOARCH]
	if !ok {
		t.Fatalf("iot-edge is not released for %s", runtime.GOARCH)
	}
	path := zipEdge(t)
	w := deploy(t, strings.NewReplacer("NAME", name, "ARCHITECTURE", words[0], "PATH", path).Replace(greengrassPipeline))
	line := startLine(t, w.runtime.MQTTAddr())
	g := newEdge(t, w, line.listener.Addr(), "soil-1")
	g.write(t, "edge.json", g.config)

	nucleus := must(w.try(t, "gw-1", "gw-1"))(t)
	for thing, id := range map[string]string{"other": "other#edge", "gw-1": "gw-10"} {
		if _, err := w.try(t, thing, id); err == nil {
			t.Errorf("%s may connect as %s", thing, id)
		}
	}
	n := deployedTo(t, w, words[1])
	n.configuration["file"] = filepath.Join(g.dir, "edge.json") // as a deployment on the gateway itself can say
	if out, err := n.command(t, n.lifecycle.Install.Script).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	g.start(t, n.command(t, n.lifecycle.Run.Script))
	child := g.children(t, "soil-1")
	at := time.Now().Add(-time.Minute).UnixMilli()
	for i, temperature := range []int{5, 15, 8, 25} {
		child.send(t, fmt.Sprintf(`{"timestamp":%d,"data":{"t":%d}}`, at+int64(i), temperature))
	}
	g.forwards(t)
	w.drain(t)
	stored := w.stored(t, "gw-1:soil-1")
	if len(stored) != 2 || stored[fmt.Sprint(at+1)] == nil || stored[fmt.Sprint(at+3)] == nil {
		t.Errorf("stored are %v; want those above 10", stored)
	}
	if !nucleus.IsConnected() {
		t.Error("the nucleus has lost its connection to iot-edge")
	}
	if n := w.count(func(e runlog.Event) bool {
		return e.Kind == runlog.Failed || e.Kind == runlog.Refused &&
			e.Action != "iot:Connect"
	}); n > 0 {
		t.Errorf("%d actions failed or were refused", n)
	}
	if files, err := os.ReadDir(filepath.Join(n.work, "queue")); err != nil || len(files) == 0 {
		t.Errorf("the queue is not in the component's work directory: %v, %v", files, err)
	}
	n.configuration["settings"] = `{"rules":{"bad":{"sql":"SELECT"}}}`
	if out, err := n.command(t, n.lifecycle.Install.Script).CombinedOutput(); err == nil ||
		!strings.Contains(string(out), "bad") {
		t.Errorf("settings with a mistake do not fail the installation: %s", out)
	}
}

// zipEdge builds iot-edge for this machine and zips it as a release does.
func zipEdge(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "iot-edge")
	build := exec.Command("go", "build", "-o", program, "../../../cmd/iot-edge")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building iot-edge: %v\n%s", err, out)
	}
	content := must(os.ReadFile(program))(t)
	file := must(os.Create(program + ".zip"))(t)
	defer file.Close()
	archive := zip.NewWriter(file)
	out := must(archive.Create("iot-edge"))(t)
	if _, err := out.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return program + ".zip"
}

// component is what a nucleus knows of a component.
type component struct {
	lifecycle struct {
		Setenv       map[string]string
		Install, Run struct{ Script string }
	}
	configuration map[string]string
	artifacts     string // the directory of unpacked archives
	work          string
}

// deployedTo does what the nucleus of a gateway with this architecture does with the pipeline's deployment.
func deployedTo(t *testing.T, w *deployment, architecture string) *component {
	t.Helper()
	ctx, gg := t.Context(), w.aws.Greengrass()
	arn := "arn:aws:iot:us-east-1:123456789012:thinggroup/" + name + "-gateways"
	list := must(gg.ListDeployments(ctx, &greengrassv2.ListDeploymentsInput{TargetArn: &arn}))(t)
	d := must(gg.GetDeployment(ctx,
		&greengrassv2.GetDeploymentInput{DeploymentId: list.Deployments[0].DeploymentId}))(t)
	c := &component{artifacts: t.TempDir(), work: t.TempDir()}
	for id, s := range d.Components {
		out := must(gg.GetComponent(ctx, &greengrassv2.GetComponentInput{Arn: aws.String(
			"arn:aws:greengrass:us-east-1:123456789012:components:" + id + ":versions:" + *s.ComponentVersion)}))(t)
		var recipe struct {
			ComponentConfiguration struct{ DefaultConfiguration map[string]string }
			Manifests              []struct {
				Platform  map[string]string
				Lifecycle json.RawMessage
				Artifacts []struct {
					URI    string
					Digest []byte
				}
			}
		}
		if err := json.Unmarshal(out.Recipe, &recipe); err != nil {
			t.Fatal(err)
		}
		c.configuration = recipe.ComponentConfiguration.DefaultConfiguration
		if err := json.Unmarshal([]byte(*s.ConfigurationUpdate.Merge), &c.configuration); err != nil {
			t.Fatal(err)
		}
		for _, m := range recipe.Manifests {
			if m.Platform["os"] != "linux" || m.Platform["architecture"] != architecture {
				continue
			}
			if err := json.Unmarshal(m.Lifecycle, &c.lifecycle); err != nil {
				t.Fatal(err)
			}
			for _, a := range m.Artifacts {
				c.fetch(t, w, a.URI, a.Digest)
			}
			return c
		}
	}
	t.Fatal("nothing is deployed for this machine")
	return nil
}

// fetch downloads an archive, compares its digest, and unpacks it into a directory of its name.
func (c *component) fetch(t *testing.T, w *deployment, uri string, digest []byte) {
	t.Helper()
	bucket, key, _ := strings.Cut(strings.TrimPrefix(uri, "s3://"), "/")
	out := must(w.aws.S3().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key}))(t)
	content := must(io.ReadAll(out.Body))(t)
	if sum := sha256.Sum256(content); !bytes.Equal(sum[:], digest) {
		t.Fatalf("%s has the digest %x", uri, sum)
	}
	dir := filepath.Join(c.artifacts, strings.TrimSuffix(filepath.Base(key), ".zip"))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	archive := must(zip.NewReader(bytes.NewReader(content), int64(len(content))))(t)
	for _, f := range archive.File {
		in := must(f.Open())(t)
		if err := os.WriteFile(filepath.Join(dir, f.Name), must(io.ReadAll(in))(t), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

var recipeVariable = regexp.MustCompile(`\{[a-zA-Z]+:[^}]*\}`)

// command runs a script of the recipe.
func (c *component) command(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	replace := func(text string) string {
		return recipeVariable.ReplaceAllStringFunc(text, func(variable string) string {
			switch variable {
			case "{artifacts:decompressedPath}":
				return c.artifacts
			case "{work:path}":
				return c.work
			case "{iot:thingName}":
				return "gw-1"
			}
			value, ok := c.configuration[strings.TrimSuffix(strings.TrimPrefix(variable, "{configuration:/"), "}")]
			if !ok {
				t.Errorf("the recipe has the unknown variable %s", variable)
			}
			return value
		})
	}
	command := exec.Command("/bin/sh", "-c", replace(script))
	command.Env = os.Environ()
	for key, value := range c.lifecycle.Setenv {
		command.Env = append(command.Env, key+"="+replace(value))
	}
	return command
}
