// Package groupmembers is the driver of the membership of things in a static thing group. It carries no token: it is
// ours when the group is. It must not know what a group is for.
package groupmembers

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/thinggroup"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// pageSize is the most things that AWS lists at once [ListThingsInThingGroup].
const pageSize = 250

// Driver reads and writes memberships. Ref.Name and Ref.ID are the group's name.
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Observe lists the things of the group, and reads the group for the owner before the membership is recorded and for
// full reads. A group without things counts as absent.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.GroupMembers], error) {
	things, err := d.things(ctx, ref.Name)
	if err != nil || len(things) == 0 {
		return nil, err
	}
	o := &assembly.Observed[spec.GroupMembers]{Identity: identity(ref), Owner: ref.Owner,
		Spec: spec.GroupMembers{Things: things}}
	if ref.Brief() {
		return o, nil
	}
	owner, exists, err := d.Owner(ctx, ref)
	if err != nil || !exists {
		return nil, err
	}
	o.Owner = owner
	return o, nil
}

func (d *Driver) things(ctx context.Context, group string) ([]string, error) {
	var things []string
	in := &iot.ListThingsInThingGroupInput{ThingGroupName: &group, MaxResults: aws.Int32(pageSize)}
	pages := iot.NewListThingsInThingGroupPaginator(d.c.IoT().ListThingsInThingGroup, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if awsapi.IsNotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		things = append(things, page.Things...)
	}
	slices.Sort(things)
	return things, nil
}

func identity(ref assembly.Ref) assembly.Identity { return assembly.Identity{ID: ref.Name} }

// Owner implements [assembly.OwnerReader]: whoever owns the group owns the membership.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	token, exists, err = thinggroup.New(d.c).Owner(ctx, assembly.Ref{Name: ref.Name})
	if err != nil {
		err = fmt.Errorf("reading the thing group: %w", err)
	}
	return token, exists, err
}

// Container implements [assembly.Contained]: memberships go with the group.
func (*Driver) Container(ref assembly.Ref) (kind, id string) { return spec.KindThingGroup, ref.Name }

// Create puts the things into the group. One that is in it already is no error.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.GroupMembers) (assembly.Identity, error) {
	for i, thing := range want.Things {
		if err := d.add(ctx, ref.Name, thing); err != nil {
			if i == 0 {
				return assembly.Identity{}, err
			}
			return identity(ref), err
		}
	}
	return identity(ref), nil
}

func (d *Driver) add(ctx context.Context, group, thing string) error {
	_, err := d.c.IoT().AddThingToThingGroup(ctx,
		&iot.AddThingToThingGroupInput{ThingGroupName: &group, ThingName: &thing})
	if err != nil {
		return fmt.Errorf("adding thing %q: %w", thing, err)
	}
	return nil
}

func (d *Driver) remove(ctx context.Context, group, thing string) error {
	_, err := d.c.IoT().RemoveThingFromThingGroup(ctx,
		&iot.RemoveThingFromThingGroupInput{ThingGroupName: &group, ThingName: &thing})
	if err != nil && !awsapi.IsNotFound(err) {
		return fmt.Errorf("removing thing %q: %w", thing, err)
	}
	return nil
}

// Update adds what is missing and removes what is not wanted.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.GroupMembers],
	want spec.GroupMembers,
	_ []assembly.Change,
) (assembly.Identity, error) {
	for _, thing := range want.Things {
		if !slices.Contains(have.Spec.Things, thing) {
			if err := d.add(ctx, ref.Name, thing); err != nil {
				return have.Identity, err
			}
		}
	}
	for _, thing := range have.Spec.Things {
		if !slices.Contains(want.Things, thing) {
			if err := d.remove(ctx, ref.Name, thing); err != nil {
				return have.Identity, err
			}
		}
	}
	return have.Identity, nil
}

// Delete empties the group.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	things, err := d.things(ctx, ref.Name)
	if err != nil {
		return err
	}
	for _, thing := range things {
		if err := d.remove(ctx, ref.Name, thing); err != nil {
			return err
		}
	}
	return nil
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff names things.
func (*Driver) Diff(have, want spec.GroupMembers) []assembly.Change {
	if slices.Equal(have.Things, want.Things) {
		return nil
	}
	return []assembly.Change{{Field: "things"}}
}
