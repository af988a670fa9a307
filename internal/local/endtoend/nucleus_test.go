package endtoend_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/greengrassv2"
	"github.com/aws/aws-sdk-go-v2/service/greengrassv2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// nucleus imitates that of one gateway: what it does with a revision of the pipeline's deployment, in its source
// [KernelConfigResolver, GenericExternalService and DeploymentConfigMerger of aws-greengrass-nucleus].
type nucleus struct {
	aws          *deployment
	thing        string
	architecture string
	work         string
	edge         *gatewayProgram
	present      *component // nil before the first revision
	sent         map[string]int
}

func newNucleus(t *testing.T, w *deployment, thing, architecture string, line *uplinkLine) *nucleus {
	t.Helper()
	n := &nucleus{aws: w, thing: thing, architecture: architecture, sent: map[string]int{},
		edge: newEdge(t, w, line.listener.Addr(), "soil-1")}
	n.work = filepath.Join(n.edge.dir, "work")
	if err := os.Mkdir(n.work, 0o755); err != nil {
		t.Fatal(err)
	}
	n.edge.write(t, "bundle.json", w.devices[thing])
	n.edge.write(t, "edge.json", n.edge.config)
	return n
}

// takes takes over the present revision. If its installation fails, the former one runs again, and the error says why.
func (n *nucleus) takes(t *testing.T) error {
	t.Helper()
	next := n.resolve(t)
	if n.present != nil && n.present.same(next) {
		return nil
	}
	if n.present != nil {
		n.stop(t)
	}
	// Neither another environment nor another run script has the installation repeated.
	if n.present == nil || n.present.version != next.version || n.present.install != next.install {
		if out, err := next.command(next.install).CombinedOutput(); err != nil {
			err = fmt.Errorf("%w: %s", err, out)
			if n.present != nil {
				n.edge.start(t, n.present.command(n.present.run))
			}
			return err
		}
	}
	n.present = next
	n.edge.start(t, next.command(next.run))
	return nil
}

// stop ends the component in order.
func (n *nucleus) stop(t *testing.T) {
	t.Helper()
	if err := n.edge.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-n.edge.ended
	if err := n.edge.command.Wait(); err != nil {
		t.Errorf("%s: after SIGTERM: %v", n.thing, err)
	}
}

// sends lets the child send temperatures, and waits until they are forwarded.
func (n *nucleus) sends(t *testing.T, temperatures ...int) {
	t.Helper()
	child := n.edge.children(t, "soil-1")
	begin := time.Now().Add(-time.Minute).Truncate(time.Second)
	for _, temperature := range temperatures {
		at := begin.Add(time.Duration(len(n.sent)) * time.Millisecond).UnixMilli()
		n.sent[fmt.Sprint(at)] = temperature
		child.send(t, fmt.Sprintf(`{"timestamp":%d,"data":{"t":%d}}`, at, temperature))
	}
	n.edge.forwards(t)
}

// arrived are the temperatures that are stored, in the order of their times.
func (n *nucleus) arrived(t *testing.T) string {
	t.Helper()
	var all []string
	for _, at := range slices.Sorted(maps.Keys(n.aws.stored(t, n.thing+":soil-1"))) {
		all = append(all, fmt.Sprint(n.sent[at]))
	}
	return strings.Join(all, " ")
}

// version is that of the settings that iot-edge runs with.
func (n *nucleus) version(t *testing.T) int64 {
	t.Helper()
	return n.edge.status(t).Settings
}

// deployed is the present revision for the gateways.
func (n *nucleus) deployed(t *testing.T) *greengrassv2.GetDeploymentOutput {
	t.Helper()
	gg := n.aws.aws.Greengrass()
	list := must(gg.ListDeployments(t.Context(), &greengrassv2.ListDeploymentsInput{
		TargetArn: aws.String("arn:aws:iot:us-east-1:123456789012:thinggroup/" + name + "-gateways")}))(t)
	return must(gg.GetDeployment(t.Context(),
		&greengrassv2.GetDeploymentInput{DeploymentId: list.Deployments[0].DeploymentId}))(t)
}

// revise makes a revision by hand, with other settings and a version that says so.
func (n *nucleus) revise(t *testing.T, settings string) {
	t.Helper()
	d := n.deployed(t)
	for id, c := range d.Components {
		configuration := must(json.Marshal(map[string]string{"settings": settings, "settings_version": "1"}))(t)
		c.ConfigurationUpdate = &types.ComponentConfigurationUpdate{Reset: []string{""}, Merge: aws.String(string(configuration))}
		d.Components[id] = c
	}
	must(n.aws.aws.Greengrass().CreateDeployment(t.Context(), &greengrassv2.CreateDeploymentInput{TargetArn: d.TargetArn,
		Components: d.Components, Tags: d.Tags}))(t)
}

// component is a component with its scripts and environment, in which nothing is left to replace.
type component struct {
	version, install, run string
	environment           map[string]string
}

func (c *component) same(other *component) bool {
	return c.version == other.version && c.install == other.install && c.run == other.run &&
		maps.Equal(c.environment, other.environment)
}

func (c *component) command(script string) *exec.Cmd {
	command := exec.Command("/bin/sh", "-c", script)
	command.Env = os.Environ()
	for key, value := range c.environment {
		command.Env = append(command.Env, key+"="+value)
	}
	return command
}

// resolve reads the deployment and its component, and fetches the artifacts.
func (n *nucleus) resolve(t *testing.T) *component {
	t.Helper()
	for id, s := range n.deployed(t).Components {
		out := must(n.aws.aws.Greengrass().GetComponent(t.Context(), &greengrassv2.GetComponentInput{Arn: aws.String(
			"arn:aws:greengrass:us-east-1:123456789012:components:" + id + ":versions:" + *s.ComponentVersion)}))(t)
		var recipe struct {
			ComponentConfiguration struct{ DefaultConfiguration map[string]string }
			Manifests              []struct {
				Platform  map[string]string
				Lifecycle struct {
					Setenv       map[string]string
					Install, Run struct{ Script string }
				}
				Artifacts []struct {
					URI    string
					Digest []byte
				}
			}
		}
		if err := json.Unmarshal(out.Recipe, &recipe); err != nil {
			t.Fatal(err)
		}
		configuration := recipe.ComponentConfiguration.DefaultConfiguration
		if err := json.Unmarshal([]byte(*s.ConfigurationUpdate.Merge), &configuration); err != nil {
			t.Fatal(err)
		}
		configuration["file"] = filepath.Join(n.edge.dir, "edge.json") // as a deployment on the gateway itself can say
		for _, m := range recipe.Manifests {
			if m.Platform["os"] != "linux" || m.Platform["architecture"] != n.architecture {
				continue
			}
			artifacts := filepath.Join(n.edge.dir, "artifacts", *s.ComponentVersion)
			for _, a := range m.Artifacts {
				n.fetch(t, artifacts, a.URI, a.Digest)
			}
			replace := func(text string) string { return n.replace(t, text, artifacts, configuration) }
			c := &component{version: *s.ComponentVersion, install: replace(m.Lifecycle.Install.Script),
				run: replace(m.Lifecycle.Run.Script), environment: map[string]string{}}
			for key, value := range m.Lifecycle.Setenv {
				c.environment[key] = replace(value)
			}
			return c
		}
	}
	t.Fatal("nothing is deployed for this machine")
	return nil
}

var recipeVariable = regexp.MustCompile(`\{[a-zA-Z]+:[^}]*\}`)

// replace replaces the variables of a recipe.
func (n *nucleus) replace(t *testing.T, text, artifacts string, configuration map[string]string) string {
	t.Helper()
	return recipeVariable.ReplaceAllStringFunc(text, func(variable string) string {
		switch variable {
		case "{artifacts:decompressedPath}":
			return artifacts
		case "{work:path}":
			return n.work
		case "{iot:thingName}":
			return n.thing
		}
		value, ok := configuration[strings.TrimSuffix(strings.TrimPrefix(variable, "{configuration:/"), "}")]
		if !ok {
			t.Errorf("the recipe has the unknown variable %s", variable)
		}
		return value
	})
}

// fetch downloads an archive, compares its digest, and unpacks it into a directory of its name.
func (n *nucleus) fetch(t *testing.T, artifacts, uri string, digest []byte) {
	t.Helper()
	bucket, key, _ := strings.Cut(strings.TrimPrefix(uri, "s3://"), "/")
	dir := filepath.Join(artifacts, strings.TrimSuffix(filepath.Base(key), ".zip"))
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o755); os.IsExist(err) {
		return // of an earlier revision
	} else if err != nil {
		t.Fatal(err)
	}
	out := must(n.aws.aws.S3().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key}))(t)
	content := must(io.ReadAll(out.Body))(t)
	if sum := sha256.Sum256(content); !bytes.Equal(sum[:], digest) {
		t.Fatalf("%s has the digest %x", uri, sum)
	}
	archive := must(zip.NewReader(bytes.NewReader(content), int64(len(content))))(t)
	for _, f := range archive.File {
		in := must(f.Open())(t)
		if err := os.WriteFile(filepath.Join(dir, f.Name), must(io.ReadAll(in))(t), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
