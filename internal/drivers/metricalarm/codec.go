package metricalarm

import (
	"cmp"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// queryInput writes a query. An expression takes its period from its metrics, unless it is a query of Metrics Insights.
func queryInput(q spec.MetricQuery) types.MetricDataQuery {
	out := types.MetricDataQuery{Id: &q.ID, ReturnData: &q.Returned}
	if q.Label != "" {
		out.Label = &q.Label
	}
	if q.Expression != "" {
		out.Expression = &q.Expression
		if q.PeriodSeconds > 0 {
			out.Period = &q.PeriodSeconds
		}
		return out
	}
	metric := &types.Metric{Namespace: &q.Namespace, MetricName: &q.Metric}
	for _, name := range slices.Sorted(maps.Keys(q.Dimensions)) {
		metric.Dimensions = append(metric.Dimensions,
			types.Dimension{Name: &name, Value: aws.String(q.Dimensions[name])})
	}
	out.MetricStat = &types.MetricStat{Metric: metric, Period: &q.PeriodSeconds, Stat: &q.Statistic}
	return out
}

func sameQuery(a, b spec.MetricQuery) bool {
	same := maps.Equal(a.Dimensions, b.Dimensions)
	a.Dimensions, b.Dimensions = nil, nil
	return same && a.ID == b.ID && a.Label == b.Label && a.Expression == b.Expression && a.Namespace == b.Namespace &&
		a.Metric == b.Metric && a.Statistic == b.Statistic && a.PeriodSeconds == b.PeriodSeconds &&
		a.Returned == b.Returned
}

// specOf reads an alarm. One in the older form, with its metric outside of Metrics, has no queries.
func specOf(a types.MetricAlarm) spec.MetricAlarm {
	s := spec.MetricAlarm{
		Description: aws.ToString(a.AlarmDescription), Comparison: string(a.ComparisonOperator),
		Threshold: aws.ToFloat64(a.Threshold), EvaluationPeriods: aws.ToInt32(a.EvaluationPeriods),
		// AWS: without it, every period has to breach.
		DatapointsToAlarm: cmp.Or(aws.ToInt32(a.DatapointsToAlarm), aws.ToInt32(a.EvaluationPeriods)),
		MissingData:       cmp.Or(aws.ToString(a.TreatMissingData), "missing"),
		ActionARNs:        slices.Clone(a.AlarmActions),
	}
	departs := func(setting string, differs bool) {
		if differs {
			s.Departs = append(s.Departs, setting)
		}
	}
	plain := a.MetricName == nil && a.ThresholdMetricId == nil && a.EvaluationCriteria == nil
	for _, q := range a.Metrics {
		s.Metrics = append(s.Metrics, queryOf(q))
		plain = plain && q.AccountId == nil && (q.MetricStat == nil || q.MetricStat.Unit == "")
	}
	slices.SortFunc(s.Metrics, func(a, b spec.MetricQuery) int { return cmp.Compare(a.ID, b.ID) })
	slices.Sort(s.ActionARNs)
	ok := slices.Sorted(slices.Values(a.OKActions))
	departs("actions_enabled", !aws.ToBool(a.ActionsEnabled))
	departs("ok_actions", !slices.Equal(ok, s.ActionARNs))
	departs("insufficient_data_actions", len(a.InsufficientDataActions) > 0)
	departs("form", !plain)
	return s
}

func queryOf(q types.MetricDataQuery) spec.MetricQuery {
	s := spec.MetricQuery{ID: aws.ToString(q.Id), Label: aws.ToString(q.Label),
		Expression: aws.ToString(q.Expression), PeriodSeconds: aws.ToInt32(q.Period),
		Returned: q.ReturnData == nil || *q.ReturnData}
	if q.MetricStat == nil || q.MetricStat.Metric == nil {
		return s
	}
	metric := q.MetricStat.Metric
	s.Namespace, s.Metric = aws.ToString(metric.Namespace), aws.ToString(metric.MetricName)
	s.Statistic, s.PeriodSeconds = aws.ToString(q.MetricStat.Stat), aws.ToInt32(q.MetricStat.Period)
	for _, dimension := range metric.Dimensions {
		if s.Dimensions == nil {
			s.Dimensions = map[string]string{}
		}
		s.Dimensions[aws.ToString(dimension.Name)] = aws.ToString(dimension.Value)
	}
	return s
}
