package local

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/schedules"
)

// discoverSchedules reads the schedules that the manifest lists. One that was deleted meanwhile is left out.
func (r *Runtime) discoverSchedules(ctx context.Context, m *Manifest) ([]schedules.Schedule, error) {
	var all []schedules.Schedule
	for key, name := range m.Parts {
		group, own, ok := strings.Cut(name, "|")
		if !strings.HasPrefix(key, contract.KeySchedulePrefix) || !ok {
			continue
		}
		out, err := r.clients.Scheduler().GetSchedule(ctx, &scheduler.GetScheduleInput{GroupName: &group, Name: &own})
		if awsapi.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		s := schedules.Schedule{
			Name: group + "/" + own, ARN: aws.ToString(out.Arn), Expression: aws.ToString(out.ScheduleExpression),
			Disabled: out.State == types.ScheduleStateDisabled,
		}
		if out.Target != nil {
			s.FunctionARN, s.Input = aws.ToString(out.Target.Arn), aws.ToString(out.Target.Input)
		}
		all = append(all, s)
	}
	return all, nil
}
