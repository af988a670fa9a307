package pipeline

import (
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// CloudWatchMetricRoute puts one metric datum. All arguments are templates.
type CloudWatchMetricRoute struct {
	MetricNamespace string  `json:"metric_namespace"`
	MetricName      string  `json:"metric_name"`
	MetricValue     string  `json:"metric_value"`
	MetricUnit      string  `json:"metric_unit"`
	MetricTimestamp *string `json:"metric_timestamp,omitzero"` // epoch seconds
}

func (a *CloudWatchMetricRoute) desired(role string) spec.Action {
	return spec.Action{CloudWatchMetric: &spec.CloudWatchMetricAction{RoleARN: role, Namespace: a.MetricNamespace,
		Name: a.MetricName, Value: a.MetricValue, Unit: a.MetricUnit, Timestamp: deref(a.MetricTimestamp)}}
}

// PutMetricData takes no resource; a condition limits the namespace.
func (a *CloudWatchMetricRoute) grants(arns) []statement {
	s := allow([]string{"cloudwatch:PutMetricData"}, "*")
	s.Condition = conditions{"StringLike": {"cloudwatch:namespace": {wild(a.MetricNamespace)}}}
	return []statement{s}
}

func (a *CloudWatchMetricRoute) check(c *actionChecker) {
	c.template("metric_namespace", &a.MetricNamespace)
	if path := c.arg("metric_namespace"); c.known(path) && strings.HasPrefix(a.MetricNamespace, "AWS/") {
		c.fail(path, "The namespace is reserved", "%s starts with AWS/, which is reserved for metrics of AWS "+
			"services. Choose another namespace.", excerpt(a.MetricNamespace))
	}
	c.template("metric_name", &a.MetricName)
	c.template("metric_value", &a.MetricValue)
	c.enum("metric_unit", &a.MetricUnit, Choice{Values: metricUnits})
	c.template("metric_timestamp", a.MetricTimestamp)
}

var metricUnits = []string{
	"Seconds", "Microseconds", "Milliseconds",
	"Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes",
	"Bits", "Kilobits", "Megabits", "Gigabits", "Terabits",
	"Percent", "Count",
	"Bytes/Second", "Kilobytes/Second", "Megabytes/Second", "Gigabytes/Second", "Terabytes/Second",
	"Bits/Second", "Kilobits/Second", "Megabits/Second", "Gigabits/Second", "Terabits/Second",
	"Count/Second", "None",
}
