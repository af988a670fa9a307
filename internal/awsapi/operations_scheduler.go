package awsapi

import (
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
)

// Scheduler are the operations of EventBridge Scheduler that the project uses.
type Scheduler struct {
	Options             func() scheduler.Options
	CreateSchedule      Call[scheduler.CreateScheduleInput, scheduler.Options, scheduler.CreateScheduleOutput]
	CreateScheduleGroup Call[scheduler.CreateScheduleGroupInput, scheduler.Options, scheduler.CreateScheduleGroupOutput]
	DeleteSchedule      Call[scheduler.DeleteScheduleInput, scheduler.Options, scheduler.DeleteScheduleOutput]
	DeleteScheduleGroup Call[scheduler.DeleteScheduleGroupInput, scheduler.Options, scheduler.DeleteScheduleGroupOutput]
	GetSchedule         Call[scheduler.GetScheduleInput, scheduler.Options, scheduler.GetScheduleOutput]
	GetScheduleGroup    Call[scheduler.GetScheduleGroupInput, scheduler.Options, scheduler.GetScheduleGroupOutput]
	ListScheduleGroups  Call[scheduler.ListScheduleGroupsInput, scheduler.Options, scheduler.ListScheduleGroupsOutput]
	ListSchedules       Call[scheduler.ListSchedulesInput, scheduler.Options, scheduler.ListSchedulesOutput]
	ListTagsForResource Call[scheduler.ListTagsForResourceInput, scheduler.Options, scheduler.ListTagsForResourceOutput]
	TagResource         Call[scheduler.TagResourceInput, scheduler.Options, scheduler.TagResourceOutput]
	UntagResource       Call[scheduler.UntagResourceInput, scheduler.Options, scheduler.UntagResourceOutput]
	UpdateSchedule      Call[scheduler.UpdateScheduleInput, scheduler.Options, scheduler.UpdateScheduleOutput]
}

func newScheduler(c *scheduler.Client) *Scheduler {
	return &Scheduler{
		Options:             c.Options,
		CreateSchedule:      c.CreateSchedule,
		CreateScheduleGroup: c.CreateScheduleGroup,
		DeleteSchedule:      c.DeleteSchedule,
		DeleteScheduleGroup: c.DeleteScheduleGroup,
		GetSchedule:         c.GetSchedule,
		GetScheduleGroup:    c.GetScheduleGroup,
		ListScheduleGroups:  c.ListScheduleGroups,
		ListSchedules:       c.ListSchedules,
		ListTagsForResource: c.ListTagsForResource,
		TagResource:         c.TagResource,
		UntagResource:       c.UntagResource,
		UpdateSchedule:      c.UpdateSchedule,
	}
}
