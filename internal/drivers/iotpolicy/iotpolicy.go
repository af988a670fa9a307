// Package iotpolicy knows AWS IoT policies: the default version's document, and
// the one target a policy is attached to. It must not know what a document says.
package iotpolicy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"golang.org/x/sync/errgroup"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi/policyjson"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/iottags"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// deletionTimeout: a detached policy cannot be deleted for up to five minutes [AWS 1.4 DeletePolicy].
const deletionTimeout = 6 * time.Minute

// targetOutput keeps the target that we attached, to tell it from targets that others did.
const targetOutput = "target"

// Driver implements assembly.Driver for IoT policies; the ID is the policy's name.
type Driver struct{ c *awsapi.Clients }

// New makes a driver that works with c.
func New(c *awsapi.Clients) *Driver { return &Driver{c: c} }

// Observe reads the default version and the targets; tags only before the policy is recorded and for full reads.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.IoTPolicy], error) {
	out, err := d.c.IoT().GetPolicy(ctx, &iot.GetPolicyInput{PolicyName: &ref.Name})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := &assembly.Observed[spec.IoTPolicy]{Identity: identity(out.PolicyName, out.PolicyArn, "")}
	o.Spec.Document = aws.ToString(out.PolicyDocument)
	var targets []string
	calls, callCtx := errgroup.WithContext(ctx)
	calls.Go(func() (err error) {
		targets, err = d.targets(callCtx, ref.Name)
		return err
	})
	calls.Go(func() (err error) {
		o.Owner, o.Spec.Tags, err = iottags.Observe(callCtx, d.c, ref, o.ARN)
		return err
	})
	if err := calls.Wait(); err != nil {
		return nil, err
	}
	o.Spec.TargetARN = ours(targets, ref.Outputs[targetOutput])
	o.Identity = identity(out.PolicyName, out.PolicyArn, cmp.Or(ref.Outputs[targetOutput], o.Spec.TargetARN))
	return o, nil
}

// Owner implements [assembly.OwnerReader] with one call.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	return iottags.Owner(ctx, d.c, d.c.ARN("iot", "policy/"+ref.Name))
}

// ours picks the target that the pipeline attached. Others may attach the policy too, to a certificate for instance;
// those are not the pipeline's to detach.
func ours(targets []string, recorded string) string {
	for _, target := range targets {
		if target == recorded || recorded == "" && strings.Contains(target, ":thinggroup/") {
			return target
		}
	}
	return ""
}

func (d *Driver) targets(ctx context.Context, name string) ([]string, error) {
	var targets []string
	pages := iot.NewListTargetsForPolicyPaginator(d.c.IoT().ListTargetsForPolicy,
		&iot.ListTargetsForPolicyInput{PolicyName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading what it is attached to: %w", err)
		}
		targets = append(targets, page.Targets...)
	}
	slices.Sort(targets)
	return targets, nil
}

// Create makes the policy with its tags and attaches it.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.IoTPolicy) (assembly.Identity, error) {
	out, err := d.c.IoT().CreatePolicy(ctx, &iot.CreatePolicyInput{
		PolicyName:     &ref.Name,
		PolicyDocument: &want.Document,
		Tags:           iottags.WithOwner(ref.Owner, want.Tags),
	})
	if awsapi.Is(err, "ResourceAlreadyExistsException") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	if err := d.attach(ctx, ref.Name, want.TargetARN); err != nil {
		return identity(out.PolicyName, out.PolicyArn, ""), err
	}
	return identity(out.PolicyName, out.PolicyArn, want.TargetARN), nil
}

// Update writes a new default version, moves the attachment, and changes tags.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.IoTPolicy],
	want spec.IoTPolicy,
	changes []assembly.Change,
) (assembly.Identity, error) {
	id := have.Identity
	for _, c := range changes {
		var err error
		switch c.Field {
		case "document":
			err = d.newVersion(ctx, ref.Name, want.Document)
		case "target":
			if err = d.attach(ctx, ref.Name, want.TargetARN); err == nil {
				id.Outputs = map[string]string{targetOutput: want.TargetARN}
				err = d.detach(ctx, ref.Name, have.Spec.TargetARN)
			}
		case "tags":
			err = iottags.Update(ctx, d.c, have.ARN, have.Spec.Tags, want.Tags)
		default:
			err = ownertag.Unknown(c)
		}
		if err != nil {
			return id, err
		}
	}
	return id, nil
}

// newVersion makes document the default version. A policy has room for five: the oldest that is not in force goes
// [AWS 1.4 CreatePolicyVersion].
func (d *Driver) newVersion(ctx context.Context, name, document string) error {
	in := &iot.CreatePolicyVersionInput{PolicyName: &name, PolicyDocument: &document, SetAsDefault: true}
	_, err := d.c.IoT().CreatePolicyVersion(ctx, in)
	if !awsapi.Is(err, "VersionsLimitExceededException") {
		return err
	}
	old, err := d.oldVersions(ctx, name)
	if err != nil {
		return err
	}
	if len(old) > 0 {
		if err := d.deleteVersion(ctx, name, old[0]); err != nil {
			return err
		}
	}
	_, err = d.c.IoT().CreatePolicyVersion(ctx, in)
	return err
}

// oldVersions gives the versions that are not the default, oldest first.
func (d *Driver) oldVersions(ctx context.Context, name string) ([]string, error) {
	out, err := d.c.IoT().ListPolicyVersions(ctx, &iot.ListPolicyVersionsInput{PolicyName: &name})
	if err != nil {
		return nil, fmt.Errorf("listing its versions: %w", err)
	}
	var old []string
	for _, v := range out.PolicyVersions { // AWS lists the newest first
		if !v.IsDefaultVersion {
			old = append(old, aws.ToString(v.VersionId))
		}
	}
	slices.SortFunc(old, byNumber)
	return old, nil
}

// byNumber orders version IDs, which are numbers: "9" before "10".
func byNumber(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

func (d *Driver) deleteVersion(ctx context.Context, name, version string) error {
	err := d.retryConflict(ctx, func(ctx context.Context) error {
		_, err := d.c.IoT().DeletePolicyVersion(ctx,
			&iot.DeletePolicyVersionInput{PolicyName: &name, PolicyVersionId: &version})
		return err
	})
	if err != nil && !awsapi.IsNotFound(err) {
		return fmt.Errorf("deleting its version %q: %w", version, err)
	}
	return nil
}

func (d *Driver) attach(ctx context.Context, name, target string) error {
	if target == "" {
		return nil
	}
	if _, err := d.c.IoT().AttachPolicy(ctx, &iot.AttachPolicyInput{PolicyName: &name, Target: &target}); err != nil {
		return fmt.Errorf("attaching it to %q: %w", target, err)
	}
	return nil
}

func (d *Driver) detach(ctx context.Context, name, target string) error {
	if target == "" {
		return nil
	}
	_, err := d.c.IoT().DetachPolicy(ctx, &iot.DetachPolicyInput{PolicyName: &name, Target: &target})
	if err != nil && !awsapi.IsNotFound(err) {
		return fmt.Errorf("detaching it from %q: %w", target, err)
	}
	return nil
}

// Delete detaches the policy from the recorded target and deletes it. Only when AWS refuses, other targets and old
// versions are looked for. The refusal may also mean that AWS has not noticed the detaching yet, which Delete waits
// for.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	if err := d.detach(ctx, ref.Name, ref.Outputs[targetOutput]); err != nil {
		return err
	}
	err := d.deletePolicy(ctx, ref.Name)
	if awsapi.Is(err, "DeleteConflictException") {
		if err = d.strip(ctx, ref.Name); err == nil {
			err = d.retryConflict(ctx, func(ctx context.Context) error { return d.deletePolicy(ctx, ref.Name) })
		}
	}
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

func (d *Driver) deletePolicy(ctx context.Context, name string) error {
	_, err := d.c.IoT().DeletePolicy(ctx, &iot.DeletePolicyInput{PolicyName: &name})
	return err
}

// strip detaches the policy from every target and deletes its versions.
func (d *Driver) strip(ctx context.Context, name string) error {
	targets, err := d.targets(ctx, name)
	if err != nil {
		return err
	}
	for _, target := range targets {
		if err := d.detach(ctx, name, target); err != nil {
			return err
		}
	}
	old, err := d.oldVersions(ctx, name)
	if err != nil {
		return err
	}
	for _, version := range old {
		if err := d.deleteVersion(ctx, name, version); err != nil {
			return err
		}
	}
	return nil
}

// retryConflict repeats a deletion that AWS refuses because it has not noticed a detaching yet [AWS 2.2 DeletePolicy].
func (d *Driver) retryConflict(ctx context.Context, deletion func(context.Context) error) error {
	return d.c.Retry(ctx, "waiting until AWS lets the detached policy go", deletionTimeout,
		func(err error) bool { return awsapi.Is(err, "DeleteConflictException") }, deletion)
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{Outputs: true} }

// Diff names document, target and tags.
func (d *Driver) Diff(have, want spec.IoTPolicy) []assembly.Change {
	var changes []assembly.Change
	if !policyjson.Equal(have.Document, want.Document) {
		changes = append(changes, assembly.Change{Field: "document"})
	}
	if have.TargetARN != want.TargetARN {
		changes = append(changes, assembly.Change{Field: "target"})
	}
	if ownertag.TagsDiffer(have.Tags, want.Tags) {
		changes = append(changes, assembly.Change{Field: "tags"})
	}
	return changes
}

func identity(name, arn *string, target string) assembly.Identity {
	id := assembly.Identity{ID: aws.ToString(name), ARN: aws.ToString(arn)}
	if target != "" {
		id.Outputs = map[string]string{targetOutput: target}
	}
	return id
}
