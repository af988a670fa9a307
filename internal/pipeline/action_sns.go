package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/spec"

// SNSMessageFormats are the values of message_format [AWS 2.1 SNS].
var SNSMessageFormats = Choice{Values: []string{"RAW", "JSON"}, Default: "RAW"}

// SNSRoute publishes to a standard topic.
type SNSRoute struct {
	TargetARN     string  `json:"target_arn"`
	MessageFormat *string `json:"message_format,omitzero"` // "RAW" or "JSON"
}

func (a *SNSRoute) desired(role string) spec.Action {
	return spec.Action{SNS: &spec.SNSAction{
		RoleARN: role, TargetARN: a.TargetARN, MessageFormat: deref(a.MessageFormat)}}
}

func (a *SNSRoute) grants(arns) []statement {
	return []statement{allow([]string{"sns:Publish"}, wild(a.TargetARN))}
}

func (a *SNSRoute) check(c *actionChecker) {
	c.template("target_arn", &a.TargetARN)
	c.arn(c.arg("target_arn"), a.TargetARN, "sns", "", false)
	c.standard("target_arn", a.TargetARN, "topic")
	c.choice(c.arg("message_format"), a.MessageFormat, SNSMessageFormats)
}
