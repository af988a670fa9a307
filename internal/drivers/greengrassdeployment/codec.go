package greengrassdeployment

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/greengrassv2"
	"github.com/aws/aws-sdk-go-v2/service/greengrassv2/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// notifySeconds is how long a component may put off its update, which AWS sets by itself
// [DeploymentComponentUpdatePolicy].
const notifySeconds = 60

// components resets the configuration to the defaults of the version before it merges: a core device would keep what
// an earlier revision has set [Update component configurations].
func components(want spec.Deployment) map[string]types.ComponentDeploymentSpecification {
	s := types.ComponentDeploymentSpecification{ComponentVersion: &want.Version,
		ConfigurationUpdate: &types.ComponentConfigurationUpdate{Reset: []string{""}}}
	if want.Configuration != "" {
		s.ConfigurationUpdate.Merge = &want.Configuration
	}
	return map[string]types.ComponentDeploymentSpecification{want.Component: s}
}

func policies(want spec.Deployment) *types.DeploymentPolicies {
	p := &types.DeploymentPolicies{
		FailureHandlingPolicy: types.DeploymentFailureHandlingPolicyDoNothing,
		ComponentUpdatePolicy: &types.DeploymentComponentUpdatePolicy{
			Action:           types.DeploymentComponentUpdatePolicyActionNotifyComponents,
			TimeoutInSeconds: aws.Int32(notifySeconds),
		},
	}
	if want.Rollback {
		p.FailureHandlingPolicy = types.DeploymentFailureHandlingPolicyRollback
	}
	return p
}

func job(r spec.Rollout) *types.DeploymentIoTJobConfiguration {
	rollout := &types.IoTJobExecutionsRolloutConfig{MaximumPerMinute: &r.MaximumPerMinute}
	if r.StartPerMinute != 0 {
		rollout.ExponentialRate = &types.IoTJobExponentialRolloutRate{
			BaseRatePerMinute:    &r.StartPerMinute,
			IncrementFactor:      aws.Float64(float64(r.GrowthFactor)),
			RateIncreaseCriteria: &types.IoTJobRateIncreaseCriteria{NumberOfSucceededThings: &r.GrowthAfter},
		}
	}
	config := &types.DeploymentIoTJobConfiguration{JobExecutionsRolloutConfig: rollout}
	if r.AbortPercent != 0 {
		config.AbortConfig = &types.IoTJobAbortConfig{CriteriaList: []types.IoTJobAbortCriteria{{
			Action: types.IoTJobAbortActionCancel, FailureType: types.IoTJobExecutionFailureTypeAll,
			MinNumberOfExecutedThings: &r.AbortMinimum, ThresholdPercentage: float64(r.AbortPercent),
		}}}
	}
	if r.TimeoutMinutes != 0 {
		config.TimeoutConfig = &types.IoTJobTimeoutConfig{InProgressTimeoutInMinutes: &r.TimeoutMinutes}
	}
	return config
}

func specOf(out *greengrassv2.GetDeploymentOutput) spec.Deployment {
	s := spec.Deployment{
		TargetARN: aws.ToString(out.TargetArn),
		Name:      aws.ToString(out.DeploymentName),
		Rollout:   rolloutOf(out.IotJobConfiguration),
		Ended: out.DeploymentStatus == types.DeploymentStatusCanceled ||
			out.DeploymentStatus == types.DeploymentStatusInactive,
	}
	if p := out.DeploymentPolicies; p != nil {
		s.Rollback = p.FailureHandlingPolicy == types.DeploymentFailureHandlingPolicyRollback
	}
	for name, c := range out.Components {
		if len(out.Components) > 1 {
			name += ", and others" // somebody deploys more
		}
		s.Component, s.Version = name, aws.ToString(c.ComponentVersion)
		if u := c.ConfigurationUpdate; u != nil {
			s.Configuration = aws.ToString(u.Merge)
		}
	}
	return s
}

func rolloutOf(c *types.DeploymentIoTJobConfiguration) (r spec.Rollout) {
	if c == nil {
		return r
	}
	if rollout := c.JobExecutionsRolloutConfig; rollout != nil {
		r.MaximumPerMinute = aws.ToInt32(rollout.MaximumPerMinute)
		if e := rollout.ExponentialRate; e != nil {
			r.StartPerMinute, r.GrowthFactor = aws.ToInt32(e.BaseRatePerMinute), int32(aws.ToFloat64(e.IncrementFactor))
			if e.RateIncreaseCriteria != nil {
				r.GrowthAfter = aws.ToInt32(e.RateIncreaseCriteria.NumberOfSucceededThings)
			}
		}
	}
	if a := c.AbortConfig; a != nil && len(a.CriteriaList) > 0 {
		r.AbortPercent = int32(a.CriteriaList[0].ThresholdPercentage)
		r.AbortMinimum = aws.ToInt32(a.CriteriaList[0].MinNumberOfExecutedThings)
	}
	if t := c.TimeoutConfig; t != nil {
		r.TimeoutMinutes = aws.ToInt64(t.InProgressTimeoutInMinutes)
	}
	return r
}
