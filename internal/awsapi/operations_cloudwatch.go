package awsapi

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
)

// CloudWatch are the operations of CloudWatch that the project uses.
type CloudWatch struct {
	Options             func() cloudwatch.Options
	DeleteAlarms        Call[cloudwatch.DeleteAlarmsInput, cloudwatch.Options, cloudwatch.DeleteAlarmsOutput]
	DeleteDashboards    Call[cloudwatch.DeleteDashboardsInput, cloudwatch.Options, cloudwatch.DeleteDashboardsOutput]
	DescribeAlarms      CloudWatchDescribeAlarms
	DisableAlarmActions Call[cloudwatch.DisableAlarmActionsInput, cloudwatch.Options, cloudwatch.DisableAlarmActionsOutput]
	GetDashboard        Call[cloudwatch.GetDashboardInput, cloudwatch.Options, cloudwatch.GetDashboardOutput]
	ListDashboards      Call[cloudwatch.ListDashboardsInput, cloudwatch.Options, cloudwatch.ListDashboardsOutput]
	ListTagsForResource Call[cloudwatch.ListTagsForResourceInput, cloudwatch.Options, cloudwatch.ListTagsForResourceOutput]
	PutDashboard        Call[cloudwatch.PutDashboardInput, cloudwatch.Options, cloudwatch.PutDashboardOutput]
	PutMetricAlarm      Call[cloudwatch.PutMetricAlarmInput, cloudwatch.Options, cloudwatch.PutMetricAlarmOutput]
	PutMetricData       Call[cloudwatch.PutMetricDataInput, cloudwatch.Options, cloudwatch.PutMetricDataOutput]
	SetAlarmState       Call[cloudwatch.SetAlarmStateInput, cloudwatch.Options, cloudwatch.SetAlarmStateOutput]
	TagResource         Call[cloudwatch.TagResourceInput, cloudwatch.Options, cloudwatch.TagResourceOutput]
	UntagResource       Call[cloudwatch.UntagResourceInput, cloudwatch.Options, cloudwatch.UntagResourceOutput]
}

func newCloudWatch(c *cloudwatch.Client) *CloudWatch {
	return &CloudWatch{
		Options:             c.Options,
		DeleteAlarms:        c.DeleteAlarms,
		DeleteDashboards:    c.DeleteDashboards,
		DescribeAlarms:      c.DescribeAlarms,
		DisableAlarmActions: c.DisableAlarmActions,
		GetDashboard:        c.GetDashboard,
		ListDashboards:      c.ListDashboards,
		ListTagsForResource: c.ListTagsForResource,
		PutDashboard:        c.PutDashboard,
		PutMetricAlarm:      c.PutMetricAlarm,
		PutMetricData:       c.PutMetricData,
		SetAlarmState:       c.SetAlarmState,
		TagResource:         c.TagResource,
		UntagResource:       c.UntagResource,
	}
}

// CloudWatchDescribeAlarms is an operation that the SDK's paginator takes.
type CloudWatchDescribeAlarms Call[cloudwatch.DescribeAlarmsInput, cloudwatch.Options, cloudwatch.DescribeAlarmsOutput]

// DescribeAlarms implements the paginator's interface.
func (call CloudWatchDescribeAlarms) DescribeAlarms(ctx context.Context, in *cloudwatch.DescribeAlarmsInput,
	o ...func(*cloudwatch.Options),
) (*cloudwatch.DescribeAlarmsOutput, error) {
	return call(ctx, in, o...)
}
