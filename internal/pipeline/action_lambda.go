package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/spec"

// LambdaRoute invokes a function asynchronously. The function's resource policy must allow iot.amazonaws.com to invoke
// it for the route's rule.
type LambdaRoute struct {
	FunctionARN string `json:"function_arn"`
}

func (a *LambdaRoute) desired(string) spec.Action {
	return spec.Action{Lambda: &spec.LambdaAction{FunctionARN: a.FunctionARN}}
}

// AWS IoT invokes the function without a role.
func (a *LambdaRoute) grants(arns) []statement { return nil }

func (a *LambdaRoute) check(c *actionChecker) {
	c.template("function_arn", &a.FunctionARN)
	c.arn(c.arg("function_arn"), a.FunctionARN, "lambda", "function:", true)
}
