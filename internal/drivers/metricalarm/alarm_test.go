package metricalarm

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	name   = "greenhouse-iterator-age"
	arn    = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:" + name
	action = "arn:aws:lambda:us-east-1:123456789012:function:greenhouse-alerts"
)

func errorRate() spec.MetricAlarm {
	metric := func(id, name string) spec.MetricQuery {
		return spec.MetricQuery{ID: id, Namespace: "AWS/Lambda", Metric: name, Statistic: "Sum", PeriodSeconds: 60,
			Dimensions: map[string]string{"FunctionName": "greenhouse-processor"}}
	}
	return spec.MetricAlarm{
		Description: "Errors", Comparison: "GreaterThanThreshold", Threshold: 5, EvaluationPeriods: 5,
		DatapointsToAlarm: 3, MissingData: "notBreaching", ActionARNs: []string{action},
		Metrics: []spec.MetricQuery{metric("errors", "Errors"), metric("invocations", "Invocations"),
			{ID: "rate", Label: "Errors in percent", Expression: "100 * errors / invocations", Returned: true}},
		Tags: map[string]string{"team": "bay"},
	}
}

// byHand writes an alarm as people do who know the console.
func byHand(c *awsapi.Clients, edit func(*cloudwatch.PutMetricAlarmInput)) func(context.Context) error {
	return func(ctx context.Context) error {
		in := input(name, errorRate())
		edit(in)
		_, err := c.CloudWatch().PutMetricAlarm(ctx, in)
		return err
	}
}

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	put := []string{"PutMetricAlarm"}
	drivertest.Life[spec.MetricAlarm]{
		Clients: c, Driver: New(c), Name: name, Reads: 1, Full: errorRate(),
		Steps: []drivertest.Step[spec.MetricAlarm]{
			{Why: "other limits by hand", Writes: put,
				Fields: []string{"description", "comparison", "threshold", "evaluation_periods", "datapoints_to_alarm",
					"missing_data"},
				Drift: byHand(c, func(in *cloudwatch.PutMetricAlarmInput) {
					in.AlarmDescription, in.Threshold = aws.String("mine"), aws.Float64(50)
					in.ComparisonOperator = types.ComparisonOperatorLessThanThreshold
					in.EvaluationPeriods, in.DatapointsToAlarm = aws.Int32(2), aws.Int32(2)
					in.TreatMissingData = aws.String("ignore")
				})},
			{Why: "muted by hand", Fields: []string{"actions_enabled"}, Writes: put,
				Drift: byHand(c, func(in *cloudwatch.PutMetricAlarmInput) { in.ActionsEnabled = aws.Bool(false) })},
			{Why: "actions taken away by hand", Writes: put,
				Fields: []string{"actions", "ok_actions", "insufficient_data_actions"},
				Drift: byHand(c, func(in *cloudwatch.PutMetricAlarmInput) {
					in.AlarmActions, in.InsufficientDataActions = nil, []string{action}
				})},
			{Why: "another expression by hand", Fields: []string{"metrics"}, Writes: put,
				Drift: byHand(c, func(in *cloudwatch.PutMetricAlarmInput) {
					in.Metrics[2].Expression = aws.String("errors")
				})},
			{Why: "on one metric by hand", Fields: []string{"metrics", "form"}, Writes: put,
				Drift: byHand(c, func(in *cloudwatch.PutMetricAlarmInput) {
					in.Metrics, in.Namespace, in.MetricName = nil, aws.String("AWS/Lambda"), aws.String("Errors")
					in.Period, in.Statistic = aws.Int32(60), types.StatisticSum
				})},
			{Why: "one metric wanted", Fields: []string{"metrics"}, Writes: put,
				Want: drivertest.Changing(func(s *spec.MetricAlarm) {
					s.Metrics = s.Metrics[:1:1]
					s.Metrics[0].Returned = true
				})},
			{Why: "a query of Metrics Insights wanted", Fields: []string{"metrics"}, Writes: put,
				Want: drivertest.Changing(func(s *spec.MetricAlarm) {
					s.Metrics = []spec.MetricQuery{{ID: "m", PeriodSeconds: 300, Returned: true,
						Expression: `SELECT SUM(Failure) FROM SCHEMA("AWS/IoT", ActionType, RuleName)`}}
				})},
			{Why: "its period changed by hand", Fields: []string{"metrics"}, Writes: put,
				Drift: byHand(c, func(in *cloudwatch.PutMetricAlarmInput) {
					in.Metrics = []types.MetricDataQuery{{Id: aws.String("m"), Period: aws.Int32(60),
						ReturnData: aws.Bool(true), Expression: aws.String(
							`SELECT SUM(Failure) FROM SCHEMA("AWS/IoT", ActionType, RuleName)`)}}
				})},
			{Why: "tags changed by hand", Fields: []string{"tags"}, Writes: []string{"TagResource", "UntagResource"},
				Drift: func(ctx context.Context) error {
					_, err := c.CloudWatch().TagResource(ctx, &cloudwatch.TagResourceInput{ResourceARN: aws.String(arn),
						Tags: newTags(map[string]string{"team": "x", "extra": "y"})})
					return err
				}},
		},
		Foreign: byHand(c, func(in *cloudwatch.PutMetricAlarmInput) { in.Threshold = aws.Float64(1) }),
	}.Run(t)
}

// A write to an alarm must not end it, or its end would never be told.
func TestAnUpdateKeepsTheState(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	d, ref := New(c), assembly.Ref{Name: name, Owner: drivertest.Owner}
	if _, err := d.Create(t.Context(), ref, errorRate()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CloudWatch().SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: aws.String(name),
		StateValue: types.StateValueAlarm, StateReason: aws.String("test")}); err != nil {
		t.Fatal(err)
	}
	have, err := d.Observe(t.Context(), ref)
	if err != nil || have == nil {
		t.Fatalf("%+v, %v", have, err)
	}
	want := errorRate()
	want.Threshold = 7
	if _, err := d.Update(t.Context(), ref, have, want, d.Diff(have.Spec, want)); err != nil {
		t.Fatal(err)
	}
	out, err := c.CloudWatch().DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{name}})
	if err != nil || len(out.MetricAlarms) != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	if got := out.MetricAlarms[0]; got.StateValue != types.StateValueAlarm || *got.Threshold != 7 {
		t.Errorf("the state is %s and the threshold %v", got.StateValue, *got.Threshold)
	}
}
