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

func (p *preparer) metric(a *types.CloudwatchMetricAction) perform {
	namespace, metric, value := p.text(a.MetricNamespace), p.text(a.MetricName), p.text(a.MetricValue)
	unit, timestamp, e := p.text(a.MetricUnit), p.text(a.MetricTimestamp), p.engine
	return func(ctx context.Context, in *input) (string, error) {
		v, err := texts(ctx, in, namespace, metric, value, unit, timestamp)
		if err != nil {
			return metric.fixed, err
		}
		resource := v[0] + "/" + v[1]
		number, err := strconv.ParseFloat(v[2], 64)
		if err != nil {
			return resource, fmt.Errorf("metric value %q is not a number", v[2])
		}
		at := in.execution.message.Time
		if v[4] != "" { // epoch seconds
			seconds, err := strconv.ParseFloat(v[4], 64)
			if err != nil {
				return resource, fmt.Errorf("metric timestamp %q is not a number of seconds", v[4])
			}
			at = time.UnixMilli(int64(seconds * 1000))
		}
		put := &cloudwatch.PutMetricDataInput{Namespace: &v[0], MetricData: []cwtypes.MetricDatum{
			{MetricName: &v[1], Value: &number, Unit: cwtypes.StandardUnit(v[3]), Timestamp: &at},
		}}
		return resource, e.persist(ctx, func() error {
			_, err := e.options.Clients.CloudWatch().PutMetricData(ctx, put)
			return err
		})
	}
}

func (p *preparer) alarm(a *types.CloudwatchAlarmAction) perform {
	alarm, reason, state, e := p.text(a.AlarmName), p.text(a.StateReason), p.text(a.StateValue), p.engine
	return func(ctx context.Context, in *input) (string, error) {
		v, err := texts(ctx, in, alarm, reason, state)
		if err != nil {
			return alarm.fixed, err
		}
		set := &cloudwatch.SetAlarmStateInput{
			AlarmName: &v[0], StateReason: &v[1], StateValue: cwtypes.StateValue(v[2]),
		}
		return v[0], e.persist(ctx, func() error {
			_, err := e.options.Clients.CloudWatch().SetAlarmState(ctx, set)
			return err
		})
	}
}

func (p *preparer) logs(a *types.CloudwatchLogsAction) perform {
	name, batch, e := p.text(a.LogGroupName), aws.ToBool(a.BatchMode), p.engine
	return func(ctx context.Context, in *input) (string, error) {
		group, err := name.of(ctx, in)
		if err != nil {
			return name.fixed, err
		}
		lines, err := logLines(in, batch)
		if err != nil {
			return group, err
		}
		put := &cloudwatchlogs.PutLogEventsInput{
			LogGroupName: &group, LogStreamName: &in.execution.rule.name, LogEvents: lines,
		}
		return group, e.persist(ctx, func() error { return e.putLogEvents(ctx, put) })
	}
}

// logLines is the whole result as one line, or in batch mode one line per element.
func logLines(in *input, batch bool) ([]logtypes.InputLogEvent, error) {
	if !batch {
		return []logtypes.InputLogEvent{{
			Message:   aws.String(string(in.payload)),
			Timestamp: aws.Int64(in.execution.message.Time.UnixMilli()),
		}}, nil
	}
	var entries []struct {
		Timestamp int64
		Message   string
	}
	if err := json.Unmarshal(in.payload, &entries); err != nil {
		return nil, errors.New(`in batch mode the rule must return an array of {"timestamp": ms, "message": text}`)
	}
	if len(entries) == 0 {
		return nil, errors.New("in batch mode the rule must return at least one entry")
	}
	lines := make([]logtypes.InputLogEvent, len(entries))
	for i, e := range entries {
		lines[i] = logtypes.InputLogEvent{Message: &e.Message, Timestamp: &e.Timestamp}
	}
	return lines, nil
}

// putLogEvents creates the log stream when it is missing.
func (e *Engine) putLogEvents(ctx context.Context, put *cloudwatchlogs.PutLogEventsInput) error {
	logs := e.options.Clients.Logs()
	out, err := logs.PutLogEvents(ctx, put)
	if errors.As(err, new(*logtypes.ResourceNotFoundException)) {
		create := &cloudwatchlogs.CreateLogStreamInput{LogGroupName: put.LogGroupName, LogStreamName: put.LogStreamName}
		_, err = logs.CreateLogStream(ctx, create)
		if err != nil && !errors.As(err, new(*logtypes.ResourceAlreadyExistsException)) {
			return err
		}
		out, err = logs.PutLogEvents(ctx, put)
	}
	if err == nil && out.RejectedLogEventsInfo != nil {
		err = errors.New("CloudWatch Logs rejected log events: they are older than 14 days or the group's " +
			"retention period, or more than two hours in the future")
	}
	return err
}
