// Package greengrasscomponent is the driver of components of Greengrass V2: their versions, and the artifacts of the
// newest one. It must not know what a component does, nor where it is deployed.
//
// A version never changes, and gateways that have not got a newer one yet may ask for it. So versions and artifacts are
// only ever added, until the component is deleted.
package greengrasscomponent

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/greengrassv2"
	"github.com/aws/aws-sdk-go-v2/service/greengrassv2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// deployableLimit bounds the wait until AWS has read the artifacts of a new version.
const deployableLimit = 10 * time.Minute

// Driver reads and writes components. Ref.Name and Ref.ID are the component's name.
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

func (d *Driver) arn(name string) string { return d.c.ARN("greengrass", "components:"+name) }

// artifactsOutput lists the artifacts of the newest version, separated by spaces.
const artifactsOutput = "artifacts"

func (d *Driver) identity(name, version string, artifacts []spec.Artifact) assembly.Identity {
	uris := make([]string, len(artifacts))
	for i, a := range artifacts {
		uris[i] = a.URI()
	}
	return assembly.Identity{ID: name, ARN: d.arn(name), Outputs: map[string]string{
		spec.ComponentVersionOutput: version, artifactsOutput: strings.Join(uris, " ")}}
}

// Observe reads the recorded version and looks for its artifacts, with one call each. Before a version is recorded, it
// finds the newest one and its recipe.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.Component], error) {
	version, listed := ref.Outputs[spec.ComponentVersionOutput], artifactsOf(ref.Outputs[artifactsOutput])
	recorded := version != ""
	if !recorded {
		versions, err := d.versions(ctx, ref.Name)
		if err != nil || len(versions) == 0 {
			return nil, err
		}
		version = versions[0]
	}
	found, err := d.describe(ctx, ref.Name, version)
	if err != nil || found == nil {
		return nil, err
	}
	if !recorded {
		if listed, err = d.named(ctx, ref.Name, version); err != nil {
			return nil, err
		}
	}
	o := &assembly.Observed[spec.Component]{Identity: d.identity(ref.Name, version, listed),
		Spec: spec.Component{Version: version, Failed: failure(found.Status)}}
	o.Owner, o.Spec.Tags = ownertag.Split(found.Tags, d.c.IgnoresTag)
	if o.Owner != ref.Owner {
		return o, nil // its artifacts may be out of reach
	}
	for _, a := range listed {
		there, err := d.exists(ctx, a)
		if err != nil {
			return nil, err
		}
		if there {
			o.Spec.Artifacts = append(o.Spec.Artifacts, a)
		}
	}
	return o, nil
}

// versions lists the versions, newest first.
func (d *Driver) versions(ctx context.Context, name string) ([]string, error) {
	var versions []string
	in := &greengrassv2.ListComponentVersionsInput{Arn: aws.String(d.arn(name))}
	pages := greengrassv2.NewListComponentVersionsPaginator(d.c.Greengrass().ListComponentVersions, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if awsapi.IsNotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("listing its versions: %w", err)
		}
		for _, v := range page.ComponentVersions {
			versions = append(versions, aws.ToString(v.ComponentVersion))
		}
	}
	return versions, nil
}

// describe returns nil if there is no such version.
func (d *Driver) describe(ctx context.Context, name, version string) (*greengrassv2.DescribeComponentOutput, error) {
	out, err := d.c.Greengrass().DescribeComponent(ctx,
		&greengrassv2.DescribeComponentInput{Arn: aws.String(d.arn(name) + ":versions:" + version)})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	return out, err
}

// failure says why AWS could not make a version; "" if it could, or does not know yet.
func failure(s *types.CloudComponentStatus) string {
	if s == nil || s.ComponentState != types.CloudComponentStateFailed {
		return ""
	}
	text := aws.ToString(s.Message)
	for _, key := range slices.Sorted(maps.Keys(s.Errors)) {
		text += "; " + key + ": " + s.Errors[key]
	}
	return cmp.Or(text, "AWS does not say why")
}

// Create uploads the artifacts and makes the version. Somebody else's component gets no version of ours.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.Component) (assembly.Identity, error) {
	if want.Version == "" {
		return assembly.Identity{}, errors.New("the component is gone, and its artifacts are not on this machine to " +
			"make it again")
	}
	found, err := d.Observe(ctx, assembly.Ref{Name: ref.Name})
	if err != nil {
		return assembly.Identity{}, err
	}
	if found != nil && found.Owner != ref.Owner {
		return assembly.Identity{}, &assembly.ForeignError{Owner: found.Owner}
	}
	return d.make(ctx, ref, want)
}

// make makes the wanted version, unless it exists. One that failed is re-created.
func (d *Driver) make(ctx context.Context, ref assembly.Ref, want spec.Component) (assembly.Identity, error) {
	if err := d.upload(ctx, want.Artifacts); err != nil {
		return assembly.Identity{}, err
	}
	if err := d.create(ctx, ref, want); err != nil {
		return assembly.Identity{}, err
	}
	return d.identity(ref.Name, want.Version, want.Artifacts), d.deployable(ctx, ref.Name, want.Version)
}

func (d *Driver) create(ctx context.Context, ref assembly.Ref, want spec.Component) error {
	in := &greengrassv2.CreateComponentVersionInput{InlineRecipe: []byte(want.Recipe),
		Tags: ownertag.Tags(ref.Owner, want.Tags)}
	_, err := d.c.Greengrass().CreateComponentVersion(ctx, in)
	if !awsapi.Is(err, "ConflictException") {
		return err
	}
	have, readErr := d.describe(ctx, ref.Name, want.Version)
	switch {
	case readErr != nil:
		return fmt.Errorf("%w; reading it: %w", err, readErr)
	case have == nil:
		return err
	case have.Tags[spec.OwnerTag] != ref.Owner:
		return fmt.Errorf("%w; AWS says: %w", &assembly.ForeignError{Owner: have.Tags[spec.OwnerTag]}, err)
	case failure(have.Status) == "":
		return nil // from an earlier run: the content is the version
	}
	if err := d.deleteVersion(ctx, ref.Name, want.Version); err != nil {
		return err
	}
	_, err = d.c.Greengrass().CreateComponentVersion(ctx, in)
	return err
}

// deployable waits until AWS has read recipe and artifacts.
func (d *Driver) deployable(ctx context.Context, name, version string) error {
	const what = "waiting until the component can be deployed"
	return d.c.Poll(ctx, what, deployableLimit, func(ctx context.Context) (bool, error) {
		out, err := d.describe(ctx, name, version)
		switch {
		case err != nil:
			return false, err
		case out == nil:
			return false, nil // not known everywhere yet
		case failure(out.Status) != "":
			return false, fmt.Errorf("AWS could not make version %s: %s. The next apply tries again", version,
				failure(out.Status))
		}
		return out.Status != nil && out.Status.ComponentState == types.CloudComponentStateDeployable, nil
	})
}

// upload sends the artifacts that are not there. Their keys hold their digests, so one that is there is the right one.
func (d *Driver) upload(ctx context.Context, artifacts []spec.Artifact) error {
	for _, a := range artifacts {
		there, err := d.exists(ctx, a)
		if err != nil {
			return err
		}
		if there {
			continue
		}
		content, err := a.Content()
		if err != nil {
			return err
		}
		if sum := sha256.Sum256(content); !bytes.Equal(sum[:], a.SHA256) {
			return fmt.Errorf("the artifact for %s has changed since the plan: its SHA-256 is %s, not %s. Plan again",
				a.URI(), hex.EncodeToString(sum[:]), hex.EncodeToString(a.SHA256))
		}
		_, err = d.c.S3().PutObject(ctx, &s3.PutObjectInput{Bucket: &a.Bucket, Key: &a.Key,
			Body: bytes.NewReader(content), ContentType: aws.String("application/zip"),
			ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(a.SHA256))})
		if err != nil {
			return fmt.Errorf("uploading %s: %w", a.URI(), err)
		}
	}
	return nil
}

func (d *Driver) exists(ctx context.Context, a spec.Artifact) (bool, error) {
	_, err := d.c.S3().HeadObject(ctx, &s3.HeadObjectInput{Bucket: &a.Bucket, Key: &a.Key})
	if awsapi.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for %s: %w", a.URI(), err)
	}
	return true, nil
}

// Update makes a new version, sends artifacts that are gone, and changes the tags of the newest version.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.Component],
	want spec.Component,
	changes []assembly.Change,
) (assembly.Identity, error) {
	for _, c := range changes {
		switch c.Field {
		case "version", "status":
			id, err := d.make(ctx, ref, want) // with its tags
			if id.ID == "" {
				id = have.Identity
			}
			return id, err
		case "artifacts":
			if err := d.upload(ctx, want.Artifacts); err != nil {
				return have.Identity, err
			}
		case "tags":
			if err := d.retag(ctx, have, want.Tags); err != nil {
				return have.Identity, err
			}
		default:
			return have.Identity, ownertag.Unknown(c)
		}
	}
	return have.Identity, nil
}

func (d *Driver) retag(ctx context.Context, have *assembly.Observed[spec.Component], want map[string]string) error {
	arn := have.ARN + ":versions:" + have.Spec.Version
	return ownertag.Retag(have.Spec.Tags, want, func(add map[string]string) error {
		_, err := d.c.Greengrass().TagResource(ctx, &greengrassv2.TagResourceInput{ResourceArn: &arn, Tags: add})
		return err
	}, func(drop []string) error {
		_, err := d.c.Greengrass().
			UntagResource(ctx, &greengrassv2.UntagResourceInput{ResourceArn: &arn, TagKeys: drop})
		return err
	})
}

// Delete removes all versions. The artifacts go with their bucket.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	versions, err := d.versions(ctx, ref.Name)
	if err != nil {
		return err
	}
	for _, version := range versions {
		if err := d.deleteVersion(ctx, ref.Name, version); err != nil {
			return err
		}
	}
	return nil
}

func (d *Driver) deleteVersion(ctx context.Context, name, version string) error {
	_, err := d.c.Greengrass().DeleteComponent(ctx,
		&greengrassv2.DeleteComponentInput{Arn: aws.String(d.arn(name) + ":versions:" + version)})
	if err != nil && !awsapi.IsNotFound(err) {
		return fmt.Errorf("deleting version %s: %w", version, err)
	}
	return nil
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{Outputs: true} }

// Diff names status (AWS could not make the version), version, artifacts (some are gone) and tags.
func (*Driver) Diff(have, want spec.Component) []assembly.Change {
	var changes []assembly.Change
	add := func(differs bool, field string) {
		if differs {
			changes = append(changes, assembly.Change{Field: field})
		}
	}
	same := want.Version == "" || have.Version == want.Version
	add(same && want.Version != "" && have.Failed != "", "status")
	add(!same, "version")
	add(same && want.Version != "" && slices.ContainsFunc(want.Artifacts,
		func(w spec.Artifact) bool {
			return !slices.ContainsFunc(have.Artifacts, func(h spec.Artifact) bool { return h.URI() == w.URI() })
		}), "artifacts")
	add(same && ownertag.TagsDiffer(have.Tags, want.Tags), "tags")
	return changes
}
