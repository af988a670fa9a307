// Package rolealias is the driver of role aliases of AWS IoT. It must not know what the role allows, nor which devices
// use an alias.
package rolealias

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/iottags"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Driver reads and writes role aliases; the ID is the alias's name.
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Observe reads the alias; its tags only before it is recorded and for full reads.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.RoleAlias], error) {
	out, err := d.c.IoT().DescribeRoleAlias(ctx, &iot.DescribeRoleAliasInput{RoleAlias: &ref.Name})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	alias := out.RoleAliasDescription
	o := &assembly.Observed[spec.RoleAlias]{
		Identity: assembly.Identity{ID: ref.Name, ARN: aws.ToString(alias.RoleAliasArn)},
		Spec: spec.RoleAlias{RoleARN: aws.ToString(alias.RoleArn),
			DurationSeconds: aws.ToInt32(alias.CredentialDurationSeconds)},
	}
	o.Owner, o.Spec.Tags, err = iottags.Observe(ctx, d.c, ref, o.ARN)
	return o, err
}

// Owner implements [assembly.OwnerReader] with one call.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	return iottags.Owner(ctx, d.c, d.c.ARN("iot", "rolealias/"+ref.Name))
}

// Create makes the alias with its tags.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.RoleAlias) (assembly.Identity, error) {
	out, err := d.c.IoT().CreateRoleAlias(ctx, &iot.CreateRoleAliasInput{
		RoleAlias: &ref.Name, RoleArn: &want.RoleARN, CredentialDurationSeconds: &want.DurationSeconds,
		Tags: iottags.WithOwner(ref.Owner, want.Tags),
	})
	if awsapi.Is(err, "ResourceAlreadyExistsException") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	return assembly.Identity{ID: ref.Name, ARN: aws.ToString(out.RoleAliasArn)}, nil
}

// Update changes role and duration with one call, and the tags.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.RoleAlias],
	want spec.RoleAlias,
	changes []assembly.Change,
) (assembly.Identity, error) {
	write := false
	for _, c := range changes {
		switch c.Field {
		case "role", "duration":
			write = true
		case "tags":
			if err := iottags.Update(ctx, d.c, have.ARN, have.Spec.Tags, want.Tags); err != nil {
				return have.Identity, err
			}
		default:
			return have.Identity, ownertag.Unknown(c)
		}
	}
	if !write {
		return have.Identity, nil
	}
	_, err := d.c.IoT().UpdateRoleAlias(ctx, &iot.UpdateRoleAliasInput{
		RoleAlias: &ref.Name, RoleArn: &want.RoleARN, CredentialDurationSeconds: &want.DurationSeconds,
	})
	return have.Identity, err
}

// Delete removes the alias.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	_, err := d.c.IoT().DeleteRoleAlias(ctx, &iot.DeleteRoleAliasInput{RoleAlias: &ref.Name})
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff names role, duration and tags.
func (*Driver) Diff(have, want spec.RoleAlias) []assembly.Change {
	var changes []assembly.Change
	if have.RoleARN != want.RoleARN {
		changes = append(changes, assembly.Change{Field: "role"})
	}
	if have.DurationSeconds != want.DurationSeconds {
		changes = append(changes, assembly.Change{Field: "duration"})
	}
	if ownertag.TagsDiffer(have.Tags, want.Tags) {
		changes = append(changes, assembly.Change{Field: "tags"})
	}
	return changes
}
