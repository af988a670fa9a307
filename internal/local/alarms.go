package local

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/alarms"
)

// maxAlarmNames is how many names a request takes [CloudWatch API DescribeAlarms].
const maxAlarmNames = 100

// playAlarms plays the actions of alarms; nil on AWS, where CloudWatch calls the functions itself.
func (r *Runtime) playAlarms() *alarms.Player {
	if r.options.Config.BaseEndpoint == nil {
		return nil
	}
	return alarms.New(alarms.Options{Invoke: r.invoke, Events: r.options.Events})
}

// discoverAlarms reads the alarms that the manifest lists. One that was deleted meanwhile is left out.
func (r *Runtime) discoverAlarms(ctx context.Context, m *Manifest) ([]types.MetricAlarm, error) {
	if r.alarms == nil {
		return nil, nil
	}
	return describeAlarms(ctx, r.clients, slices.Sorted(maps.Values(m.alarms())))
}

// alarms are the full names of the pipeline's alarms by their names in the configuration, such as "dead_letters" or
// "rule_losses/telemetry".
func (m *Manifest) alarms() map[string]string {
	all := map[string]string{}
	for key, name := range m.Parts {
		if short, ok := strings.CutPrefix(key, contract.KeyAlarmPrefix); ok {
			all[short] = name
		}
	}
	return all
}

func describeAlarms(ctx context.Context, c *awsapi.Clients, names []string) ([]types.MetricAlarm, error) {
	var all []types.MetricAlarm
	for chunk := range slices.Chunk(names, maxAlarmNames) {
		pages := cloudwatch.NewDescribeAlarmsPaginator(c.CloudWatch().DescribeAlarms, &cloudwatch.DescribeAlarmsInput{
			AlarmNames: chunk, AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm}})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			all = append(all, page.MetricAlarms...)
		}
	}
	return all, nil
}

// SetAlarm puts one of a pipeline's alarms at an emulator into a state, as CloudWatch does when a metric crosses the
// threshold, and returns the alarm's full name. The alarm is named in full, or as in the configuration.
func SetAlarm(
	ctx context.Context,
	c *awsapi.Clients,
	m *Manifest,
	alarm string,
	state types.StateValue,
) (string, error) {
	known := m.alarms()
	name, ok := known[alarm]
	if !ok && slices.Contains(slices.Collect(maps.Values(known)), alarm) {
		name, ok = alarm, true
	}
	switch {
	case len(known) == 0:
		return "", fmt.Errorf("pipeline %q has no alarms: set monitoring = {} and apply", m.Name)
	case !ok:
		return "", fmt.Errorf("pipeline %q has no alarm %q; it has %s", m.Name, alarm,
			strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	}
	found, err := describeAlarms(ctx, c, []string{name})
	if err == nil && len(found) == 0 {
		err = errors.New("it does not exist there any more: apply again")
	}
	if err != nil {
		return "", fmt.Errorf("reading alarm %q: %w", name, err)
	}
	if found[0].StateValue == state {
		return "", fmt.Errorf("alarm %q is in the state %s already, so that nothing would be called: "+
			"set it to another state first", name, state)
	}
	reason := "Set by iot-local"
	if _, err := c.CloudWatch().SetAlarmState(ctx,
		&cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: state, StateReason: &reason}); err != nil {
		return "", fmt.Errorf("setting the state of alarm %q: %w", name, err)
	}
	return name, nil
}
