// Package metricalarm is the driver of CloudWatch alarms on metrics. It must not know what an alarm watches over.
package metricalarm

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Driver reads and writes alarms. Ref.ID is the alarm's name.
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Observe reads an alarm, during a pass together with the others; its tags only before it is recorded and for full
// reads.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.MetricAlarm], error) {
	alarm, ok, err := assembly.Together(ctx, spec.KindMetricAlarm, ref, d.describe)
	if !ok || err != nil {
		return nil, err
	}
	o := &assembly.Observed[spec.MetricAlarm]{Identity: d.identity(ref.Name), Spec: specOf(alarm)}
	if ref.Brief() {
		o.Owner = ref.Owner
		return o, nil
	}
	all, err := d.tags(ctx, o.ARN)
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading its tags: %w", err)
	}
	o.Owner, o.Spec.Tags = ownertag.Split(all, d.c.IgnoresTag)
	return o, nil
}

// describe reads alarms, a hundred with one call.
func (d *Driver) describe(ctx context.Context, refs []assembly.Ref) (map[string]types.MetricAlarm, error) {
	found := make(map[string]types.MetricAlarm, len(refs))
	for some := range slices.Chunk(refs, 100) {
		names := make([]string, len(some))
		for i, ref := range some {
			names[i] = ref.Name
		}
		out, err := d.c.CloudWatch().DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: names,
			AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm}, MaxRecords: aws.Int32(100)})
		if err != nil {
			return nil, err
		}
		for _, alarm := range out.MetricAlarms {
			found[aws.ToString(alarm.AlarmName)] = alarm
		}
	}
	return found, nil
}

// Owner implements [assembly.OwnerReader] with one call.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	tags, err := d.tags(ctx, d.identity(ref.Name).ARN)
	return ownertag.Owner(tags, awsapi.IsNotFound(err), err)
}

func (d *Driver) tags(ctx context.Context, arn string) (map[string]string, error) {
	out, err := d.c.CloudWatch().ListTagsForResource(ctx, &cloudwatch.ListTagsForResourceInput{ResourceARN: &arn})
	if err != nil {
		return nil, err
	}
	return ownertag.Map(out.Tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value }), nil
}

func (d *Driver) identity(name string) assembly.Identity {
	return assembly.Identity{ID: name, ARN: d.c.ARN("cloudwatch", "alarm:"+name)}
}

// Create makes the alarm with its tags in one call. PutMetricAlarm would replace an alarm of the same name, whoever
// made it, so it is looked for first.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.MetricAlarm) (assembly.Identity, error) {
	have, err := d.Observe(ctx, ref)
	if err != nil {
		return assembly.Identity{}, fmt.Errorf("looking for an alarm of the name: %w", err)
	}
	if have != nil {
		return ownertag.Resume(ctx, d, ref, want, fmt.Errorf("there is an alarm called %q", ref.Name))
	}
	in := input(ref.Name, want)
	in.Tags = newTags(ownertag.Tags(ref.Owner, want.Tags))
	if _, err := d.c.CloudWatch().PutMetricAlarm(ctx, in); err != nil {
		return assembly.Identity{}, err
	}
	return d.identity(ref.Name), nil
}

func newTags(tags map[string]string) []types.Tag {
	return ownertag.List(tags, func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} })
}

// Update replaces the settings with one call, which keeps the alarm's state and tags, and writes the tags.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.MetricAlarm],
	want spec.MetricAlarm,
	changes []assembly.Change,
) (assembly.Identity, error) {
	isTags := func(c assembly.Change) bool { return c.Field == "tags" }
	if slices.ContainsFunc(changes, func(c assembly.Change) bool { return !isTags(c) }) {
		if _, err := d.c.CloudWatch().PutMetricAlarm(ctx, input(ref.Name, want)); err != nil {
			return have.Identity, err
		}
	}
	if !slices.ContainsFunc(changes, isTags) {
		return have.Identity, nil
	}
	return have.Identity, ownertag.Retag(have.Spec.Tags, want.Tags, func(set map[string]string) error {
		_, err := d.c.CloudWatch().TagResource(ctx,
			&cloudwatch.TagResourceInput{ResourceARN: &have.ARN, Tags: newTags(set)})
		return err
	}, func(keys []string) error {
		_, err := d.c.CloudWatch().UntagResource(ctx,
			&cloudwatch.UntagResourceInput{ResourceARN: &have.ARN, TagKeys: keys})
		return err
	})
}

// Delete removes the alarm. CloudWatch takes the name of one that does not exist.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	_, err := d.c.CloudWatch().DeleteAlarms(ctx, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{ref.Name}})
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff names the fixed settings that differ after those that are wanted.
func (*Driver) Diff(have, want spec.MetricAlarm) []assembly.Change {
	var changes []assembly.Change
	add := func(field string, differs bool) {
		if differs {
			changes = append(changes, assembly.Change{Field: field})
		}
	}
	add("description", have.Description != want.Description)
	add("metrics", !slices.EqualFunc(have.Metrics, want.Metrics, sameQuery))
	add("comparison", have.Comparison != want.Comparison)
	add("threshold", have.Threshold != want.Threshold)
	add("evaluation_periods", have.EvaluationPeriods != want.EvaluationPeriods)
	add("datapoints_to_alarm", have.DatapointsToAlarm != want.DatapointsToAlarm)
	add("missing_data", have.MissingData != want.MissingData)
	add("actions", !slices.Equal(have.ActionARNs, want.ActionARNs))
	for _, setting := range have.Departs {
		add(setting, true)
	}
	add("tags", ownertag.TagsDiffer(have.Tags, want.Tags))
	return changes
}

func input(name string, want spec.MetricAlarm) *cloudwatch.PutMetricAlarmInput {
	in := &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, AlarmDescription: &want.Description, ActionsEnabled: aws.Bool(true),
		AlarmActions: want.ActionARNs, OKActions: want.ActionARNs,
		ComparisonOperator: types.ComparisonOperator(want.Comparison), Threshold: &want.Threshold,
		EvaluationPeriods: &want.EvaluationPeriods, DatapointsToAlarm: &want.DatapointsToAlarm,
		TreatMissingData: &want.MissingData,
	}
	for _, q := range want.Metrics {
		in.Metrics = append(in.Metrics, queryInput(q))
	}
	return in
}
