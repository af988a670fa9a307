package greengrasscomponent

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/greengrassv2"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	name   = "iot.pipeline.greenhouse.edge"
	bucket = "greenhouse-edge"
)

// wanted is a version with one artifact.
func wanted(version, content string) spec.Component {
	sum := sha256.Sum256([]byte(content))
	a := spec.Artifact{Bucket: bucket, Key: fmt.Sprintf("%x/edge.zip", sum), SHA256: sum[:],
		Content: func() ([]byte, error) { return []byte(content), nil }}
	return spec.Component{Version: version, Artifacts: []spec.Artifact{a}, Tags: map[string]string{"team": "bay"},
		Recipe: recipe(version, a.URI())}
}

func recipe(version, uri string) string {
	return fmt.Sprintf(`{"RecipeFormatVersion":"2020-01-25","ComponentName":%q,"ComponentVersion":%q,"Manifests":`+
		`[{"Platform":{"os":"linux"},"Artifacts":[{"URI":%q}]}]}`, name, version, uri)
}

func prepared(t *testing.T) (*mototest.Server, *awsapi.Clients) {
	t.Helper()
	server := mototest.Start(t)
	c := drivertest.Clients(t, server)
	if _, err := c.S3().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		t.Fatal(err)
	}
	return server, c
}

func TestLife(t *testing.T) {
	_, c := prepared(t)
	first, second := wanted("1.0.1", "first"), wanted("1.0.2", "second")
	drivertest.Life[spec.Component]{
		Clients: c, Driver: New(c), Name: name, Reads: 2, Full: first,
		Steps: []drivertest.Step[spec.Component]{
			{Why: "the artifact is gone", Fields: []string{"artifacts"}, Writes: []string{"PutObject"},
				Drift: func(ctx context.Context) error {
					_, err := c.S3().DeleteObject(ctx,
						&s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: &first.Artifacts[0].Key})
					return err
				}},
			{Why: "a tag added by hand", Fields: []string{"tags"}, Writes: []string{"UntagResource"},
				Drift: func(ctx context.Context) error {
					_, err := c.Greengrass().TagResource(ctx, &greengrassv2.TagResourceInput{
						ResourceArn: aws.String(New(c).arn(name) + ":versions:1.0.1"),
						Tags:        map[string]string{"extra": "y"}})
					return err
				}},
			{Why: "another version wanted", Fields: []string{"version"},
				Writes: []string{"CreateComponentVersion", "PutObject"},
				Want:   func(spec.Component) spec.Component { return second }},
			{Why: "the first one wanted again, which is still there", Fields: []string{"version"},
				Writes: []string{"CreateComponentVersion"},
				Want:   func(spec.Component) spec.Component { return first }},
			{Why: "the file is not on this machine",
				Want: func(s spec.Component) spec.Component {
					return spec.Component{Tags: s.Tags}
				}},
			{Why: "another tag wanted", Fields: []string{"tags"}, Writes: []string{"TagResource"},
				Want: func(spec.Component) spec.Component {
					s := wanted("1.0.1", "first")
					s.Tags = map[string]string{"team": "x"}
					return s
				}},
		},
		Foreign: func(ctx context.Context) error {
			_, err := c.Greengrass().CreateComponentVersion(ctx, &greengrassv2.CreateComponentVersionInput{
				InlineRecipe: []byte(recipe("9.9.9", first.Artifacts[0].URI()))})
			return err
		},
	}.Run(t)
}

// TestDigest: AWS takes the digest of what was uploaded, so that a core device installs that and nothing else.
func TestDigest(t *testing.T) {
	_, c := prepared(t)
	want := wanted("1.0.1", "first")
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	if _, err := New(c).Create(t.Context(), ref, want); err != nil {
		t.Fatal(err)
	}
	out, err := c.Greengrass().GetComponent(t.Context(), &greengrassv2.GetComponentInput{
		Arn: aws.String(New(c).arn(name) + ":versions:1.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	var recipe struct {
		Manifests []struct {
			Artifacts []struct{ Digest []byte }
		}
	}
	if err := json.Unmarshal(out.Recipe, &recipe); err != nil {
		t.Fatal(err)
	}
	if got := recipe.Manifests[0].Artifacts[0].Digest; string(got) != string(want.Artifacts[0].SHA256) {
		t.Errorf("the digest is %x", got)
	}
}

// TestAChangedFile: what was planned is what is uploaded, or nothing.
func TestAChangedFile(t *testing.T) {
	_, c := prepared(t)
	want := wanted("1.0.1", "first")
	want.Artifacts[0].Content = func() ([]byte, error) { return []byte("second"), nil }
	id, err := New(c).Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, want)
	if err == nil || !strings.Contains(err.Error(), "has changed since the plan") || id.ID != "" {
		t.Errorf("%+v, %v", id, err)
	}
	out, err := c.S3().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(bucket)})
	if err != nil || len(out.Contents) != 0 {
		t.Errorf("uploaded %v, %v", out.Contents, err)
	}
}

func TestALostAnswerIsNotAFailure(t *testing.T) {
	server, c := prepared(t)
	server.Fail(t, mototest.Fault{Service: "greengrassv2", Operation: "CreateComponentVersion",
		Code: "ThrottlingException", Message: "lost", Times: 1, After: true})
	id, err := New(c).Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, wanted("1.0.1", "first"))
	if err != nil || id.ID != name {
		t.Fatalf("%+v, %v", id, err)
	}
}

// TestAFailedVersion: it says why, and the next apply re-creates it.
func TestAFailedVersion(t *testing.T) {
	failed, made, deleted := true, 0, 0
	c := drivertest.RESTStub(t, func(call string, _ map[string]any) string {
		switch {
		case strings.HasPrefix(call, "POST /greengrass/v2/createComponentVersion"):
			if made++; made == 2 {
				return `{"__type":"ConflictException","message":"exists","resourceId":"x","resourceType":"component"}`
			}
			return `{}`
		case strings.HasPrefix(call, "DELETE"):
			deleted, failed = deleted+1, false
			return `{}`
		case strings.HasSuffix(call, "/metadata"):
			state := `"DEPLOYABLE"`
			if failed {
				state = `"FAILED","message":"no access","errors":{"s3":"denied"}`
			}
			return fmt.Sprintf(`{"componentName":%q,"componentVersion":"1.0.1","status":{"componentState":%s},`+
				`"tags":{%q:%q}}`, name, state, spec.OwnerTag, drivertest.Owner)
		}
		return `{"componentVersions":[]}`
	})
	d := New(c)
	want := spec.Component{Version: "1.0.1", Recipe: recipe("1.0.1", "s3://b/k")}
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	id, err := d.Create(t.Context(), ref, want)
	if err == nil || !strings.Contains(err.Error(), "no access; s3: denied") || id.ID != name {
		t.Fatalf("%+v, %v", id, err)
	}
	ref.ID, ref.Outputs = id.ID, id.Outputs
	have, err := d.Observe(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	changes := d.Diff(have.Spec, want)
	if len(changes) == 0 || changes[0].Field != "status" {
		t.Fatalf("changes %v", changes)
	}
	if _, err := d.Update(t.Context(), ref, have, want, changes); err != nil || deleted != 1 || made != 3 {
		t.Errorf("%v, deleted %d, made %d times", err, deleted, made)
	}
}
