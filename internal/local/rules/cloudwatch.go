package rules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
)

type metricAction struct {
	caller
	namespace, metric, value, unit, time text
}

func (p *preparer) metric(a *types.CloudwatchMetricAction) action {
	return &metricAction{p.caller("CloudwatchMetricAction", "cloudwatch_metric"), p.text(a.MetricNamespace), p.text(a.MetricName), p.text(a.MetricValue), p.text(a.MetricUnit), p.text(a.MetricTimestamp)}
}

func (a *metricAction) do(ctx context.Context, in *input) (string, error) {
	v, err := texts(ctx, in, a.namespace, a.metric, a.value, a.unit, a.time)
	if err != nil {
		return a.metric.fixed, err
	}
	resource := v[0] + "/" + v[1]
	number, err := strconv.ParseFloat(v[2], 64)
	if err != nil {
		return resource, fmt.Errorf("metric value %q is no number", v[2])
	}
	at := in.execution.message.Time
	if v[4] != "" { // epoch seconds
		seconds, err := strconv.ParseFloat(v[4], 64)
		if err != nil {
			return resource, fmt.Errorf("metric timestamp %q is no number of seconds", v[4])
		}
		at = time.UnixMilli(int64(seconds * 1000))
	}
	datum := cwtypes.MetricDatum{MetricName: &v[1], Value: &number, Unit: cwtypes.StandardUnit(v[3]), Timestamp: &at}
	return resource, a.persist(ctx, func() error {
		_, err := a.clients.CloudWatch.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: &v[0], MetricData: []cwtypes.MetricDatum{datum}})
		return err
	})
}

type alarmAction struct {
	caller
	alarm, reason, state text
}

func (p *preparer) alarm(a *types.CloudwatchAlarmAction) action {
	return &alarmAction{p.caller("CloudwatchAlarmAction", "cloudwatch_alarm"), p.text(a.AlarmName), p.text(a.StateReason), p.text(a.StateValue)}
}

func (a *alarmAction) do(ctx context.Context, in *input) (string, error) {
	v, err := texts(ctx, in, a.alarm, a.reason, a.state)
	if err != nil {
		return a.alarm.fixed, err
	}
	return v[0], a.persist(ctx, func() error {
		_, err := a.clients.CloudWatch.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{AlarmName: &v[0], StateReason: &v[1], StateValue: cwtypes.StateValue(v[2])})
		return err
	})
}

type logsAction struct {
	caller
	group text
	batch bool
}

func (p *preparer) logs(a *types.CloudwatchLogsAction) action {
	return &logsAction{p.caller("CloudwatchLogsAction", "cloudwatch_logs"), p.text(a.LogGroupName), aws.ToBool(a.BatchMode)}
}

func (a *logsAction) do(ctx context.Context, in *input) (string, error) {
	group, err := a.group.of(ctx, in)
	if err != nil {
		return a.group.fixed, err
	}
	lines := []logtypes.InputLogEvent{{Message: aws.String(string(in.payload)), Timestamp: aws.Int64(in.execution.message.Time.UnixMilli())}}
	if a.batch {
		var entries []struct {
			Timestamp int64
			Message   string
		}
		if err := json.Unmarshal(in.payload, &entries); err != nil {
			return group, errors.New(`in batch mode the rule must give an array of {"timestamp": ms, "message": text}`)
		}
		lines = lines[:0]
		for _, e := range entries {
			lines = append(lines, logtypes.InputLogEvent{Message: &e.Message, Timestamp: &e.Timestamp})
		}
	}
	stream := in.execution.rule.name
	return group, a.persist(ctx, func() error {
		put := &cloudwatchlogs.PutLogEventsInput{LogGroupName: &group, LogStreamName: &stream, LogEvents: lines}
		out, err := a.clients.Logs.PutLogEvents(ctx, put)
		if errors.As(err, new(*logtypes.ResourceNotFoundException)) {
			if _, err = a.clients.Logs.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &stream}); err != nil && !errors.As(err, new(*logtypes.ResourceAlreadyExistsException)) {
				return err
			}
			out, err = a.clients.Logs.PutLogEvents(ctx, put)
		}
		if err == nil && out.RejectedLogEventsInfo != nil {
			err = errors.New("CloudWatch Logs rejected lines: older than 14 days or the group's retention, or over two hours ahead")
		}
		return err
	})
}
