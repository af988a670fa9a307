package schedule

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/schedulegroup"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const group = "greenhouse"

var (
	name = spec.NameIn(group, "watch")
	full = spec.Schedule{
		Group: group, Description: "Looks for silent devices", Expression: "rate(1 minute)",
		TargetARN:     "arn:aws:lambda:us-east-1:123456789012:function:greenhouse-watch",
		RoleARN:       "arn:aws:iam::123456789012:role/greenhouse-us-east-1-schedules",
		Input:         `{"scheduled_time":"<aws.scheduler.scheduled-time>"}`,
		MaxAgeSeconds: 60, MaxRetries: 2,
		DeadLetterARN: "arn:aws:sqs:us-east-1:123456789012:greenhouse-dead-letters",
	}
)

// grouped makes the group that the schedule is in.
func grouped(t *testing.T) *awsapi.Clients {
	t.Helper()
	c := drivertest.Clients(t, mototest.Start(t))
	ref := assembly.Ref{Name: group, Owner: drivertest.Owner}
	if _, err := schedulegroup.New(c).Create(t.Context(), ref, spec.ScheduleGroup{}); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLife(t *testing.T) {
	c := grouped(t)
	drift := func(edit func(*scheduler.UpdateScheduleInput)) func(context.Context) error {
		return func(ctx context.Context) error {
			in := &scheduler.UpdateScheduleInput{
				GroupName: aws.String(group), Name: aws.String("watch"), Description: &full.Description,
				ScheduleExpression: &full.Expression, ScheduleExpressionTimezone: aws.String(utc),
				State: types.ScheduleStateEnabled, FlexibleTimeWindow: exact(), Target: target(full),
			}
			edit(in)
			_, err := c.Scheduler().UpdateSchedule(ctx, in)
			return err
		}
	}
	update := []string{"UpdateSchedule"}
	drivertest.Life[spec.Schedule]{
		Clients: c, Driver: New(c), Name: name, Reads: 1, Full: full,
		Steps: []drivertest.Step[spec.Schedule]{
			{Why: "disabled by hand", Fields: []string{"state"}, Writes: update,
				Drift: drift(func(in *scheduler.UpdateScheduleInput) { in.State = types.ScheduleStateDisabled })},
			{Why: "time made flexible by hand", Fields: []string{"flexible_time_window"}, Writes: update,
				Drift: drift(func(in *scheduler.UpdateScheduleInput) {
					in.FlexibleTimeWindow = &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeFlexible,
						MaximumWindowInMinutes: aws.Int32(15)}
				})},
			{Why: "target changed by hand", Fields: []string{"target", "input", "retry_policy", "dead_letter_queue"},
				Writes: update,
				Drift: drift(func(in *scheduler.UpdateScheduleInput) {
					in.Target = &types.Target{Arn: aws.String(full.TargetARN + "-other"), RoleArn: &full.RoleARN}
				})},
			{Why: "time zone changed by hand", Fields: []string{"schedule_expression"}, Writes: update,
				Drift: drift(func(in *scheduler.UpdateScheduleInput) {
					in.ScheduleExpressionTimezone = aws.String("Europe/Berlin")
				})},
			{Why: "input written otherwise",
				Drift: drift(func(in *scheduler.UpdateScheduleInput) {
					in.Target.Input = aws.String(`{ "scheduled_time": "<aws.scheduler.scheduled-time>" }`)
				})},
			{Why: "everything wanted otherwise", Writes: update,
				Fields: []string{"description", "schedule_expression", "role", "input", "retry_policy"},
				Want: drivertest.Changing(func(s *spec.Schedule) {
					s.Description, s.Expression, s.RoleARN = "", "rate(2 minutes)", full.RoleARN+"-2"
					s.Input, s.MaxRetries = "{}", 0
				})},
		},
		Foreign: func(ctx context.Context) error { return foreign(ctx, c) },
	}.Run(t)
}

// foreign puts a schedule of the name into a group of the name that is nobody's.
func foreign(ctx context.Context, c *awsapi.Clients) error {
	if _, err := c.Scheduler().DeleteScheduleGroup(ctx,
		&scheduler.DeleteScheduleGroupInput{Name: aws.String(group)}); err != nil {
		return err
	}
	if _, err := c.Scheduler().CreateScheduleGroup(ctx,
		&scheduler.CreateScheduleGroupInput{Name: aws.String(group)}); err != nil {
		return err
	}
	_, err := c.Scheduler().CreateSchedule(ctx, &scheduler.CreateScheduleInput{
		GroupName: aws.String(group), Name: aws.String("watch"), ScheduleExpression: aws.String("rate(5 minutes)"),
		FlexibleTimeWindow: exact(), Target: target(full),
	})
	return err
}

func TestAbsentGroupMeansAbsentSchedule(t *testing.T) {
	d := New(drivertest.Clients(t, mototest.Start(t)))
	ref := assembly.Ref{Name: name}
	if got, err := d.Observe(t.Context(), ref); got != nil || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if err := d.Delete(t.Context(), ref); err != nil {
		t.Error(err)
	}
}

func TestARoleThatIsNotKnownYet(t *testing.T) {
	server := mototest.Start(t)
	c := drivertest.Clients(t, server)
	if _, err := schedulegroup.New(c).Create(t.Context(), assembly.Ref{Name: group, Owner: drivertest.Owner},
		spec.ScheduleGroup{}); err != nil {
		t.Fatal(err)
	}
	server.Fail(t, mototest.Fault{
		Service: "scheduler", Operation: "CreateSchedule", Code: "ValidationException", Times: 2,
		Message: "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
	})
	id, err := New(c).Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, full)
	if err != nil || id.ID != name || c.Requests()["scheduler:CreateSchedule"] != 3 {
		t.Errorf("%+v, %v after %v", id, err, c.Requests())
	}
}
