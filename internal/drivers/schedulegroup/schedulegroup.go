// Package schedulegroup is the driver of groups of EventBridge Scheduler. It must not know what the schedules of a
// group do.
package schedulegroup

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// deletionTimeout limits the wait until a group is gone: AWS deletes the schedules in it first.
const deletionTimeout = 5 * time.Minute

// Driver reads and writes groups. Ref.ID is the group's name.
type Driver struct{ c *awsapi.Clients }

// New returns the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Observe reads the group and its tags. Somebody else's group of the same name would differ in nothing else, and get
// the pipeline's schedules. A group that AWS is deleting is absent.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.ScheduleGroup], error) {
	out, err := d.c.Scheduler().GetScheduleGroup(ctx, &scheduler.GetScheduleGroupInput{Name: &ref.Name})
	if awsapi.IsNotFound(err) || err == nil && out.State == types.ScheduleGroupStateDeleting {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := &assembly.Observed[spec.ScheduleGroup]{
		Identity: assembly.Identity{ID: ref.Name, ARN: aws.ToString(out.Arn)},
	}
	o.Owner, o.Spec.Tags, err = Owner(ctx, d.c, ref.Name)
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	return o, err
}

// Owner reads the owner token and the other tags of a group. The schedules in it belong to the same owner.
func Owner(ctx context.Context, c *awsapi.Clients, group string) (string, map[string]string, error) {
	arn := c.ARN("scheduler", "schedule-group/"+group)
	out, err := c.Scheduler().ListTagsForResource(ctx, &scheduler.ListTagsForResourceInput{ResourceArn: &arn})
	if err != nil {
		return "", nil, err
	}
	owner, tags := ownertag.Split(
		ownertag.Map(out.Tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value }), c.IgnoresTag)
	return owner, tags, nil
}

// Create makes the group with its tags. A group of this name that AWS is still deleting is waited for.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.ScheduleGroup) (assembly.Identity, error) {
	in := &scheduler.CreateScheduleGroupInput{Name: &ref.Name, Tags: newTags(ownertag.Tags(ref.Owner, want.Tags))}
	out, err := d.c.Scheduler().CreateScheduleGroup(ctx, in)
	if awsapi.Is(err, "ConflictException") {
		if gone := d.gone(ctx, ref.Name); gone != nil {
			return assembly.Identity{}, gone
		}
		out, err = d.c.Scheduler().CreateScheduleGroup(ctx, in)
	}
	if awsapi.Is(err, "ConflictException") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	return assembly.Identity{ID: ref.Name, ARN: aws.ToString(out.ScheduleGroupArn)}, nil
}

// gone waits while AWS is deleting the group.
func (d *Driver) gone(ctx context.Context, name string) error {
	return d.c.Poll(ctx, "waiting until AWS has deleted the schedule group", deletionTimeout,
		func(ctx context.Context) (bool, error) {
			out, err := d.c.Scheduler().GetScheduleGroup(ctx, &scheduler.GetScheduleGroupInput{Name: &name})
			if awsapi.IsNotFound(err) {
				return true, nil
			}
			return err == nil && out.State != types.ScheduleGroupStateDeleting, err
		})
}

// Update changes the tags.
func (d *Driver) Update(
	ctx context.Context,
	_ assembly.Ref,
	have *assembly.Observed[spec.ScheduleGroup],
	want spec.ScheduleGroup,
	changes []assembly.Change,
) (assembly.Identity, error) {
	for _, c := range changes {
		if c.Field != "tags" {
			return have.Identity, ownertag.Unknown(c)
		}
		err := ownertag.Retag(have.Spec.Tags, want.Tags,
			func(add map[string]string) error {
				_, err := d.c.Scheduler().TagResource(ctx,
					&scheduler.TagResourceInput{ResourceArn: &have.ARN, Tags: newTags(add)})
				return err
			},
			func(drop []string) error {
				_, err := d.c.Scheduler().UntagResource(ctx,
					&scheduler.UntagResourceInput{ResourceArn: &have.ARN, TagKeys: drop})
				return err
			})
		if err != nil {
			return have.Identity, err
		}
	}
	return have.Identity, nil
}

// Delete removes the group with the schedules in it, and waits until AWS has done it: until then, the name is taken.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	_, err := d.c.Scheduler().DeleteScheduleGroup(ctx, &scheduler.DeleteScheduleGroupInput{Name: &ref.Name})
	if awsapi.IsNotFound(err) {
		return nil
	}
	if err != nil && !awsapi.Is(err, "ConflictException") { // being deleted already
		return err
	}
	return d.gone(ctx, ref.Name)
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff names the tags.
func (d *Driver) Diff(have, want spec.ScheduleGroup) []assembly.Change {
	if ownertag.TagsDiffer(have.Tags, want.Tags) {
		return []assembly.Change{{Field: "tags"}}
	}
	return nil
}

func newTags(tags map[string]string) []types.Tag {
	return ownertag.List(tags, func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} })
}
