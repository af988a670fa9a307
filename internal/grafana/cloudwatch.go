package grafana

import (
	"maps"
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cloudwatch"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// Functions, as function_arns names them.
const (
	processor = "processor"
	alerts    = "alerts"
	watch     = "watch"
	archiver  = "archiver"
)

// metric is a metric of CloudWatch.
type metric struct {
	namespace, name string
	dimensions      map[string]string
	statistic       string
	label           string
	period          string // seconds; empty: Grafana decides by the time range
}

// cloudWatch makes the queries for metrics and logs of a pipeline.
type cloudWatch struct {
	ref      common.DataSourceRef
	pipeline Pipeline
}

// has is whether the pipeline has the function.
func (c cloudWatch) has(function string) bool {
	_, found := c.pipeline.FunctionARNs[function]
	return found
}

// functions returns the pipeline's functions in order.
func (c cloudWatch) functions() []string { return slices.Sorted(maps.Keys(c.pipeline.FunctionARNs)) }

// physical is the AWS name of a function: the last element of its ARN.
func (c cloudWatch) physical(function string) string {
	arn := c.pipeline.FunctionARNs[function]
	return arn[strings.LastIndexByte(arn, ':')+1:]
}

// own is the sum of a metric that a function of the pipeline counts.
func (c cloudWatch) own(function, name, label string) metric {
	return metric{namespace: contract.MetricsNamespace, name: name, statistic: "Sum", label: label,
		dimensions: map[string]string{"Pipeline": c.pipeline.Name, "Function": function}}
}

// because is the part of a metric that has the reason.
func (c cloudWatch) because(function, name, reason string) metric {
	m := c.own(function, name, reason)
	m.dimensions["Reason"] = reason
	return m
}

// gauge is a number that the function watch measures every five minutes.
func (c cloudWatch) gauge(name, label string) metric {
	m := c.own(watch, name, label)
	m.statistic, m.period = "Maximum", "300"
	return m
}

// latency is a percentile of the duration of what a function does.
func (c cloudWatch) latency(function, percentile, label string) metric {
	m := c.own(function, "Latency", label)
	m.statistic = percentile
	return m
}

// ofFunctions is a metric of Lambda, for each function.
func (c cloudWatch) ofFunctions(name, statistic string) []metric {
	var all []metric
	for _, f := range c.functions() {
		all = append(all, c.ofFunction(f, name, statistic, f))
	}
	return all
}

func (c cloudWatch) ofFunction(function, name, statistic, label string) metric {
	return metric{namespace: "AWS/Lambda", name: name, statistic: statistic, label: label,
		dimensions: map[string]string{"FunctionName": c.physical(function)}}
}

// query asks for a metric.
func (c cloudWatch) query(refID string, m metric) target {
	dimensions := cloudwatch.Dimensions{}
	for name, value := range m.dimensions {
		dimensions[name] = cloudwatch.StringOrArrayOfString{String: &value}
	}
	return cloudwatch.NewMetricsQueryOrLogsQueryOrAnnotationQueryBuilder().MetricsQuery(
		cloudwatch.NewMetricsQueryBuilder().
			QueryMode(cloudwatch.QueryModeMetrics).
			MetricQueryType(cloudwatch.MetricQueryTypeSearch).
			MetricEditorMode(cloudwatch.MetricEditorModeBuilder).
			Id("").Expression("").
			RefId(refID).Datasource(c.ref).Region(c.pipeline.Region).
			Namespace(m.namespace).MetricName(m.name).Dimensions(dimensions).MatchExact(true).
			Statistic(m.statistic).Period(m.period).Label(m.label))
}

// queries asks for metrics, with the letters of the alphabet as references.
func (c cloudWatch) queries(metrics ...metric) []target {
	all := make([]target, len(metrics))
	for i, m := range metrics {
		all[i] = c.query(string(rune('A'+i)), m)
	}
	return all
}

// logs asks for lines that functions of the pipeline wrote. The ARN of a log group differs from that of its function in
// the service and the end.
func (c cloudWatch) logs(expression string, functions ...string) target {
	groups := make([]cog.Builder[cloudwatch.LogGroup], len(functions))
	for i, f := range functions {
		name := "/aws/lambda/" + c.physical(f)
		partition, _, _ := strings.Cut(strings.TrimPrefix(c.pipeline.FunctionARNs[f], "arn:"), ":")
		groups[i] = cloudwatch.NewLogGroupBuilder().Name(name).AccountId(c.pipeline.AccountID).
			Arn(strings.Join([]string{
				"arn", partition, "logs", c.pipeline.Region, c.pipeline.AccountID, "log-group", name, "*"}, ":"))
	}
	return cloudwatch.NewMetricsQueryOrLogsQueryOrAnnotationQueryBuilder().LogsQuery(
		cloudwatch.NewLogsQueryBuilder().
			QueryMode(cloudwatch.QueryModeLogs).Id("").
			RefId("A").Datasource(c.ref).Region(c.pipeline.Region).
			Expression(expression).LogGroups(groups))
}

// announcements are the lines that the functions log when they tell people something.
const announcements = `fields @timestamp, message, rule, severity, state, thing, count
| filter message in ["alert", "alert resolved", "notice"]
`

// announced asks for what people were told, newest first; condition selects.
func (c cloudWatch) announced(condition string) target {
	var tellers []string
	for _, f := range []string{alerts, watch} {
		if c.has(f) {
			tellers = append(tellers, f)
		}
	}
	return c.logs(announcements+condition+"| sort @timestamp desc\n| limit 100", tellers...)
}
