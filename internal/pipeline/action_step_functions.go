package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/spec"

// StepFunctionsRoute starts an execution of a standard state machine, given by name rather than ARN.
type StepFunctionsRoute struct {
	StateMachineName    string  `json:"state_machine_name"`
	ExecutionNamePrefix *string `json:"execution_name_prefix,omitzero"`
}

func (a *StepFunctionsRoute) desired(role string) spec.Action {
	return spec.Action{StepFunctions: &spec.StepFunctionsAction{RoleARN: role, StateMachine: a.StateMachineName,
		ExecutionNamePrefix: deref(a.ExecutionNamePrefix)}}
}

func (a *StepFunctionsRoute) grants(n arns) []statement {
	return []statement{allow([]string{"states:StartExecution"}, n.machine(wild(a.StateMachineName)))}
}

func (a *StepFunctionsRoute) check(c *actionChecker) {
	c.target("state_machine_name", a.StateMachineName, "state machine")
	c.template("execution_name_prefix", a.ExecutionNamePrefix)
}
