// Package alarms plays the actions of CloudWatch alarms: when an alarm has changed its state, it calls the functions
// that the alarm names, with the event that CloudWatch sends.
//
// It does not evaluate metrics, and knows neither where alarms come from nor how functions run.
package alarms

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// Options configure a player.
type Options struct {
	// Invoke queues an event for a function.
	Invoke func(ctx context.Context, functionARN string, payload []byte) error
	Events runlog.Sink
}

// A Player remembers the states of alarms. It is not safe for concurrent use.
type Player struct {
	options Options
	known   map[string]types.MetricAlarm // by ARN
}

// New returns a player that knows no alarms.
func New(o Options) *Player { return &Player{options: o, known: map[string]types.MetricAlarm{}} }

// Set tells the player what the alarms are now, and plays the actions of those whose state has changed since the last
// call. An alarm that it sees for the first time has not changed. A nil player plays nothing.
func (p *Player) Set(ctx context.Context, list []types.MetricAlarm) {
	if p == nil {
		return
	}
	known := make(map[string]types.MetricAlarm, len(list))
	for _, a := range list {
		id := aws.ToString(a.AlarmArn)
		known[id] = a
		if before, ok := p.known[id]; ok && before.StateValue != a.StateValue {
			p.act(ctx, before, a)
		}
	}
	p.known = known
}

// act plays the actions of the state that an alarm has now.
func (p *Player) act(ctx context.Context, before, now types.MetricAlarm) {
	name := aws.ToString(now.AlarmName)
	change := fmt.Sprintf("%s after %s", now.StateValue, before.StateValue)
	if !aws.ToBool(now.ActionsEnabled) {
		p.options.Events.Send(runlog.Event{Kind: runlog.Warned,
			Detail: fmt.Sprintf("alarm %s is %s, but its actions are disabled", name, change)})
		return
	}
	for _, action := range actions(now) {
		e := runlog.Event{Kind: runlog.Acted, Action: "alarm " + name, Target: action, Detail: change}
		if err := p.call(ctx, action, before, now); err != nil {
			e.Error = err.Error()
		}
		p.options.Events.Send(e)
	}
}

// actions are those of the alarm's state.
func actions(a types.MetricAlarm) []string {
	switch a.StateValue {
	case types.StateValueAlarm:
		return a.AlarmActions
	case types.StateValueOk:
		return a.OKActions
	default:
		return a.InsufficientDataActions
	}
}

func (p *Player) call(ctx context.Context, action string, before, now types.MetricAlarm) error {
	if parsed, err := arn.Parse(action); err != nil || parsed.Service != "lambda" {
		return fmt.Errorf("iot-local plays actions of alarms that call functions, and %q is none", action)
	}
	event, err := Event(before, now)
	if err != nil {
		return err
	}
	return p.options.Invoke(ctx, action, event)
}

// timeForm is how CloudWatch writes times.
const timeForm = "2006-01-02T15:04:05.000-0700"

type event struct {
	Source    string    `json:"source"`
	AlarmARN  string    `json:"alarmArn"`
	AccountID string    `json:"accountId"`
	Time      string    `json:"time"`
	Region    string    `json:"region"`
	Data      alarmData `json:"alarmData"`
}

type alarmData struct {
	Name          string        `json:"alarmName"`
	State         state         `json:"state"`
	Previous      state         `json:"previousState"`
	Configuration configuration `json:"configuration"`
}

type state struct {
	Value      types.StateValue `json:"value"`
	Reason     string           `json:"reason"`
	ReasonData string           `json:"reasonData,omitempty"`
	Timestamp  string           `json:"timestamp"`
}

type configuration struct {
	Description string  `json:"description,omitempty"`
	Metrics     []query `json:"metrics"`
}

type query struct {
	ID         string      `json:"id"`
	Expression string      `json:"expression,omitempty"`
	Label      string      `json:"label,omitempty"`
	Period     *int32      `json:"period,omitempty"` // of an expression
	Stat       *metricStat `json:"metricStat,omitempty"`
	Returned   bool        `json:"returnData"`
}

type metricStat struct {
	Metric metric `json:"metric"`
	Period int32  `json:"period"`
	Stat   string `json:"stat"`
	Unit   string `json:"unit,omitempty"`
}

type metric struct {
	Namespace  string            `json:"namespace"`
	Name       string            `json:"name"`
	Dimensions map[string]string `json:"dimensions"`
}

// Event is what CloudWatch calls a function with when an alarm has changed its state
// [CloudWatch user guide, Lambda alarm actions].
func Event(before, now types.MetricAlarm) ([]byte, error) {
	id, err := arn.Parse(aws.ToString(now.AlarmArn))
	if err != nil {
		return nil, fmt.Errorf("reading the ARN of alarm %q: %w", aws.ToString(now.AlarmName), err)
	}
	e := event{
		Source: "aws.cloudwatch", AlarmARN: id.String(), AccountID: id.AccountID, Region: id.Region,
		Time: stamp(now.StateUpdatedTimestamp),
		Data: alarmData{
			Name: aws.ToString(now.AlarmName), State: stateOf(now), Previous: stateOf(before),
			Configuration: configuration{Description: aws.ToString(now.AlarmDescription), Metrics: queries(now)},
		},
	}
	return json.Marshal(e)
}

func stamp(t *time.Time) string { return aws.ToTime(t).UTC().Format(timeForm) }

func stateOf(a types.MetricAlarm) state {
	return state{Value: a.StateValue, Reason: aws.ToString(a.StateReason),
		ReasonData: aws.ToString(a.StateReasonData), Timestamp: stamp(a.StateUpdatedTimestamp)}
}

// queries are what the alarm looks at. An alarm on one metric without a query gets an ID, as CloudWatch gives it one.
func queries(a types.MetricAlarm) []query {
	all := []query{}
	for _, m := range a.Metrics {
		q := query{ID: aws.ToString(m.Id), Expression: aws.ToString(m.Expression), Label: aws.ToString(m.Label),
			Period: m.Period, Returned: m.ReturnData == nil || *m.ReturnData}
		if s := m.MetricStat; s != nil && s.Metric != nil {
			q.Stat = statistic(*s.Metric, aws.ToInt32(s.Period), aws.ToString(s.Stat), s.Unit)
		}
		all = append(all, q)
	}
	if a.MetricName != nil {
		stat := string(a.Statistic)
		if stat == "" {
			stat = aws.ToString(a.ExtendedStatistic)
		}
		m := types.Metric{Namespace: a.Namespace, MetricName: a.MetricName, Dimensions: a.Dimensions}
		all = append(all, query{ID: "m1", Returned: true, Stat: statistic(m, aws.ToInt32(a.Period), stat, a.Unit)})
	}
	return all
}

func statistic(m types.Metric, period int32, stat string, unit types.StandardUnit) *metricStat {
	dimensions := make(map[string]string, len(m.Dimensions))
	for _, d := range m.Dimensions {
		dimensions[aws.ToString(d.Name)] = aws.ToString(d.Value)
	}
	return &metricStat{
		Metric: metric{Namespace: aws.ToString(m.Namespace), Name: aws.ToString(m.MetricName), Dimensions: dimensions},
		Period: period, Stat: stat, Unit: string(unit),
	}
}
