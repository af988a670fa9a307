// Package thinggroup knows static AWS IoT thing groups. It must not know what
// is in a group, nor what a group is for.
package thinggroup

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/iottags"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Driver implements assembly.Driver for thing groups; the ID is the group's name.
type Driver struct{ c *awsapi.Clients }

// New makes a driver that works with c.
func New(c *awsapi.Clients) *Driver { return &Driver{c: c} }

// Observe reads the group; its tags only before it is recorded and for full reads.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.ThingGroup], error) {
	out, err := d.c.IoT().DescribeThingGroup(ctx, &iot.DescribeThingGroupInput{ThingGroupName: &ref.Name})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := &assembly.Observed[spec.ThingGroup]{Identity: identity(out.ThingGroupName, out.ThingGroupArn)}
	if p := out.ThingGroupProperties; p != nil {
		o.Spec.Description = aws.ToString(p.ThingGroupDescription)
	}
	o.Owner, o.Spec.Tags, err = iottags.Observe(ctx, d.c, ref, o.ARN)
	return o, err
}

// Owner implements [assembly.OwnerReader] with one call.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	return iottags.Owner(ctx, d.c, d.c.ARN("iot", "thinggroup/"+ref.Name))
}

// Create makes the group with its tags. AWS answers 200 also if an equal group exists already [AWS 1.4
// CreateThingGroup], so Create confirms the owner.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.ThingGroup) (assembly.Identity, error) {
	out, err := d.c.IoT().CreateThingGroup(ctx, &iot.CreateThingGroupInput{
		ThingGroupName:       &ref.Name,
		ThingGroupProperties: &types.ThingGroupProperties{ThingGroupDescription: &want.Description},
		Tags:                 iottags.WithOwner(ref.Owner, want.Tags),
	})
	if awsapi.Is(err, "ResourceAlreadyExistsException") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	return iottags.ConfirmOwner(ctx, d.c, ref.Owner, identity(out.ThingGroupName, out.ThingGroupArn))
}

// Update changes the description and the tags.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.ThingGroup],
	want spec.ThingGroup,
	changes []assembly.Change,
) (assembly.Identity, error) {
	for _, c := range changes {
		var err error
		switch c.Field {
		case "description":
			_, err = d.c.IoT().UpdateThingGroup(ctx, &iot.UpdateThingGroupInput{
				ThingGroupName:       &ref.Name,
				ThingGroupProperties: &types.ThingGroupProperties{ThingGroupDescription: &want.Description},
			})
		case "tags":
			err = iottags.Update(ctx, d.c, have.ARN, have.Spec.Tags, want.Tags)
		default:
			err = ownertag.Unknown(c)
		}
		if err != nil {
			return have.Identity, err
		}
	}
	return have.Identity, nil
}

// Delete removes the group; AWS takes an absent group for deleted.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	_, err := d.c.IoT().DeleteThingGroup(ctx, &iot.DeleteThingGroupInput{ThingGroupName: &ref.Name})
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff names description and tags.
func (d *Driver) Diff(have, want spec.ThingGroup) []assembly.Change {
	var changes []assembly.Change
	if have.Description != want.Description {
		changes = append(changes, assembly.Change{Field: "description"})
	}
	if ownertag.TagsDiffer(have.Tags, want.Tags) {
		changes = append(changes, assembly.Change{Field: "tags"})
	}
	return changes
}

func identity(name, arn *string) assembly.Identity {
	return assembly.Identity{ID: aws.ToString(name), ARN: aws.ToString(arn)}
}
