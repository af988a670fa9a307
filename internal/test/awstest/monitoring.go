package awstest

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
)

// MonitoringImpostors takes the places of parts that a pipeline with monitoring has. A schedule belongs to whom its
// group belongs to.
var MonitoringImpostors = []Impostor{
	{
		Part: "schedules", Kind: "schedule group",
		Make: func(t testing.TB, a Account, r assembly.Record) {
			must[*scheduler.CreateScheduleGroupOutput](t)(a.Scheduler().CreateScheduleGroup(t.Context(),
				&scheduler.CreateScheduleGroupInput{Name: &r.Name}))
		},
		Look: func(t testing.TB, a Account, r assembly.Record) any {
			return must[*scheduler.GetScheduleGroupOutput](t)(a.Scheduler().GetScheduleGroup(t.Context(),
				&scheduler.GetScheduleGroupInput{Name: &r.Name}))
		},
		Remove: func(t testing.TB, a Account, r assembly.Record) {
			must[*scheduler.DeleteScheduleGroupOutput](t)(a.Scheduler().DeleteScheduleGroup(t.Context(),
				&scheduler.DeleteScheduleGroupInput{Name: &r.Name}))
		},
	},
	{
		Part: "alarm/dead_letters", Kind: "alarm",
		Make: func(t testing.TB, a Account, r assembly.Record) {
			must[*cloudwatch.PutMetricAlarmOutput](t)(a.CloudWatch().PutMetricAlarm(t.Context(),
				&cloudwatch.PutMetricAlarmInput{
					AlarmName: &r.Name, Namespace: aws.String("AWS/SQS"), MetricName: aws.String("NumberOfMessagesSent"),
					Statistic: cloudwatchtypes.StatisticSum, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1),
					ComparisonOperator: cloudwatchtypes.ComparisonOperatorLessThanThreshold, Threshold: aws.Float64(1),
				}))
		},
		Look: func(t testing.TB, a Account, r assembly.Record) any {
			return must[*cloudwatch.DescribeAlarmsOutput](t)(a.CloudWatch().DescribeAlarms(t.Context(),
				&cloudwatch.DescribeAlarmsInput{AlarmNames: []string{r.Name}})).MetricAlarms
		},
		Remove: func(t testing.TB, a Account, r assembly.Record) {
			must[*cloudwatch.DeleteAlarmsOutput](t)(a.CloudWatch().DeleteAlarms(t.Context(),
				&cloudwatch.DeleteAlarmsInput{AlarmNames: []string{r.Name}}))
		},
	},
	{
		Part: "dashboard", Kind: "dashboard",
		Make: func(t testing.TB, a Account, r assembly.Record) {
			must[*cloudwatch.PutDashboardOutput](t)(a.CloudWatch().PutDashboard(t.Context(),
				&cloudwatch.PutDashboardInput{DashboardName: &r.Name, DashboardBody: aws.String(`{"widgets":[]}`)}))
		},
		Look: func(t testing.TB, a Account, r assembly.Record) any {
			return must[*cloudwatch.GetDashboardOutput](t)(a.CloudWatch().GetDashboard(t.Context(),
				&cloudwatch.GetDashboardInput{DashboardName: &r.Name})).DashboardBody
		},
		Remove: func(t testing.TB, a Account, r assembly.Record) {
			must[*cloudwatch.DeleteDashboardsOutput](t)(a.CloudWatch().DeleteDashboards(t.Context(),
				&cloudwatch.DeleteDashboardsInput{DashboardNames: []string{r.Name}}))
		},
	},
}
