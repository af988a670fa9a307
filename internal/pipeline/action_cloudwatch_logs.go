package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/spec"

// CloudWatchLogsRoute writes to a log group.
type CloudWatchLogsRoute struct {
	LogGroupName string `json:"log_group_name"`
	BatchMode    *bool  `json:"batch_mode,omitzero"`
}

func (a *CloudWatchLogsRoute) desired(role string) spec.Action {
	return spec.Action{CloudWatchLogs: &spec.CloudWatchLogsAction{
		RoleARN: role, LogGroup: a.LogGroupName, BatchMode: deref(a.BatchMode)}}
}

func (a *CloudWatchLogsRoute) grants(n arns) []statement {
	group := n.logGroup(wild(a.LogGroupName))
	return []statement{allow([]string{"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"},
		group, group+":log-stream:*")}
}

func (a *CloudWatchLogsRoute) check(c *actionChecker) {
	c.target("log_group_name", a.LogGroupName, "log group")
}
