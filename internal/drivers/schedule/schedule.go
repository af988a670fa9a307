// Package schedule is the driver of schedules of EventBridge Scheduler. It must not know what a schedule invokes.
package schedule

import (
	"context"
	"encoding/json"
	"reflect"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/schedulegroup"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// propagationTimeout limits the wait until Scheduler may assume a role that was just created.
const propagationTimeout = 5 * time.Minute

// utc is the time zone of every schedule.
const utc = "UTC"

// Driver reads and writes schedules. Ref.Name and Ref.ID are "group|schedule".
type Driver struct{ c *awsapi.Clients }

// New returns the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Observe reads the schedule with one call, and with a second one the tags of its group, before it is recorded and for
// full reads: they name its owner.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.Schedule], error) {
	name, err := spec.SplitName(ref.Name, 2)
	if err != nil {
		return nil, err
	}
	out, err := d.c.Scheduler().GetSchedule(ctx, &scheduler.GetScheduleInput{GroupName: &name[0], Name: &name[1]})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := &assembly.Observed[spec.Schedule]{
		Identity: assembly.Identity{ID: ref.Name, ARN: aws.ToString(out.Arn)},
		Owner:    ref.Owner,
		Spec:     observed(name[0], out),
	}
	if ref.Brief() {
		return o, nil
	}
	o.Owner, _, err = schedulegroup.Owner(ctx, d.c, name[0])
	if awsapi.IsNotFound(err) {
		return nil, nil // the group has gone, and takes the schedule along
	}
	return o, err
}

func observed(group string, out *scheduler.GetScheduleOutput) spec.Schedule {
	s := spec.Schedule{
		Group:       group,
		Description: aws.ToString(out.Description),
		Expression:  aws.ToString(out.ScheduleExpression),
		Disabled:    out.State == types.ScheduleStateDisabled,
	}
	if zone := aws.ToString(out.ScheduleExpressionTimezone); zone != "" && zone != utc {
		s.Expression += " in " + zone
	}
	if w := out.FlexibleTimeWindow; w != nil {
		s.Flexible = w.Mode != types.FlexibleTimeWindowModeOff
	}
	t := out.Target
	if t == nil {
		return s
	}
	s.TargetARN, s.RoleARN, s.Input = aws.ToString(t.Arn), aws.ToString(t.RoleArn), aws.ToString(t.Input)
	if p := t.RetryPolicy; p != nil {
		s.MaxAgeSeconds, s.MaxRetries = aws.ToInt32(p.MaximumEventAgeInSeconds), aws.ToInt32(p.MaximumRetryAttempts)
	}
	if t.DeadLetterConfig != nil {
		s.DeadLetterARN = aws.ToString(t.DeadLetterConfig.Arn)
	}
	return s
}

// Create makes the schedule, enabled. Scheduler checks that it may assume the role.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.Schedule) (assembly.Identity, error) {
	name, err := spec.SplitName(ref.Name, 2)
	if err != nil {
		return assembly.Identity{}, err
	}
	var out *scheduler.CreateScheduleOutput
	err = d.retry(ctx, func(ctx context.Context) (err error) {
		out, err = d.c.Scheduler().CreateSchedule(ctx, &scheduler.CreateScheduleInput{
			GroupName: &name[0], Name: &name[1],
			Description: description(want), ScheduleExpression: &want.Expression,
			ScheduleExpressionTimezone: aws.String(utc), State: types.ScheduleStateEnabled,
			FlexibleTimeWindow: exact(), Target: target(want),
		})
		return err
	})
	if awsapi.Is(err, "ConflictException") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	return assembly.Identity{ID: ref.Name, ARN: aws.ToString(out.ScheduleArn)}, nil
}

// Update writes the schedule as a whole: AWS resets what a call leaves out.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.Schedule],
	want spec.Schedule,
	changes []assembly.Change,
) (assembly.Identity, error) {
	name, err := spec.SplitName(ref.Name, 2)
	if err != nil || len(changes) == 0 {
		return have.Identity, err
	}
	return have.Identity, d.retry(ctx, func(ctx context.Context) error {
		_, err := d.c.Scheduler().UpdateSchedule(ctx, &scheduler.UpdateScheduleInput{
			GroupName: &name[0], Name: &name[1],
			Description: description(want), ScheduleExpression: &want.Expression,
			ScheduleExpressionTimezone: aws.String(utc), State: types.ScheduleStateEnabled,
			FlexibleTimeWindow: exact(), Target: target(want),
		})
		return err
	})
}

func description(want spec.Schedule) *string {
	if want.Description == "" {
		return nil
	}
	return &want.Description
}

func exact() *types.FlexibleTimeWindow {
	return &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff}
}

func target(want spec.Schedule) *types.Target {
	t := &types.Target{
		Arn: &want.TargetARN, RoleArn: &want.RoleARN,
		RetryPolicy: &types.RetryPolicy{
			MaximumEventAgeInSeconds: &want.MaxAgeSeconds, MaximumRetryAttempts: &want.MaxRetries,
		},
	}
	if want.Input != "" {
		t.Input = &want.Input
	}
	if want.DeadLetterARN != "" {
		t.DeadLetterConfig = &types.DeadLetterConfig{Arn: &want.DeadLetterARN}
	}
	return t
}

// Delete removes the schedule.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	name, err := spec.SplitName(ref.Name, 2)
	if err != nil {
		return err
	}
	_, err = d.c.Scheduler().DeleteSchedule(ctx, &scheduler.DeleteScheduleInput{GroupName: &name[0], Name: &name[1]})
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff compares; the input by what its JSON says.
func (d *Driver) Diff(have, want spec.Schedule) []assembly.Change {
	var changes []assembly.Change
	add := func(field string, differs bool) {
		if differs {
			changes = append(changes, assembly.Change{Field: field})
		}
	}
	add("description", have.Description != want.Description)
	add("schedule_expression", have.Expression != want.Expression)
	add("flexible_time_window", have.Flexible)
	add("state", have.Disabled)
	add("target", have.TargetARN != want.TargetARN)
	add("role", have.RoleARN != want.RoleARN)
	add("input", !sameJSON(have.Input, want.Input))
	add("retry_policy", have.MaxAgeSeconds != want.MaxAgeSeconds || have.MaxRetries != want.MaxRetries)
	add("dead_letter_queue", have.DeadLetterARN != want.DeadLetterARN)
	return changes
}

func sameJSON(a, b string) bool {
	if a == b {
		return true
	}
	var left, right any
	return json.Unmarshal([]byte(a), &left) == nil && json.Unmarshal([]byte(b), &right) == nil &&
		reflect.DeepEqual(left, right)
}

// retry repeats what passes by itself: a role that not all of IAM knows yet, and another write to the schedule.
func (d *Driver) retry(ctx context.Context, call func(context.Context) error) error {
	return d.c.Retry(ctx, "waiting until EventBridge Scheduler may assume the role", propagationTimeout,
		func(err error) bool {
			return awsapi.Is(err, "ValidationException") &&
				awsapi.MessageHas(err, "must allow AWS EventBridge Scheduler to assume the role")
		}, call)
}
