package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/spec"

// CloudWatchAlarmStates are the values of state_value, which may also be a template [AWS 2.1 CloudWatch].
var CloudWatchAlarmStates = Choice{Values: []string{"OK", "ALARM", "INSUFFICIENT_DATA"}}

// CloudWatchAlarmRoute sets the state of an alarm. All arguments are templates.
type CloudWatchAlarmRoute struct {
	AlarmName   string `json:"alarm_name"`
	StateReason string `json:"state_reason"`
	StateValue  string `json:"state_value"` // "OK", "ALARM" or "INSUFFICIENT_DATA"
}

func (a *CloudWatchAlarmRoute) desired(role string) spec.Action {
	return spec.Action{CloudWatchAlarm: &spec.CloudWatchAlarmAction{RoleARN: role, AlarmName: a.AlarmName,
		StateReason: a.StateReason, StateValue: a.StateValue}}
}

func (a *CloudWatchAlarmRoute) grants(n arns) []statement {
	return []statement{allow([]string{"cloudwatch:SetAlarmState"}, n.alarm(wild(a.AlarmName)))}
}

func (a *CloudWatchAlarmRoute) check(c *actionChecker) {
	c.template("alarm_name", &a.AlarmName)
	c.template("state_reason", &a.StateReason)
	c.enum("state_value", &a.StateValue, CloudWatchAlarmStates)
}
