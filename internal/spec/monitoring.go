package spec

// MetricAlarm is a CloudWatch alarm on one metric, or on an expression of several.
type MetricAlarm struct {
	Description string
	Metrics     []MetricQuery // sorted by ID; one of them is Returned
	Comparison  string        // CloudWatch's name, such as "GreaterThanThreshold"
	Threshold   float64
	// The alarm goes off when DatapointsToAlarm of the last EvaluationPeriods breach.
	EvaluationPeriods int32
	DatapointsToAlarm int32
	MissingData       string   // "breaching", "notBreaching", "ignore" or "missing"
	ActionARNs        []string // what is called when the alarm goes off, and when it is over
	Tags              map[string]string
	// Departs is only ever observed: fixed settings that were found different, of "actions_enabled", "ok_actions",
	// "insufficient_data_actions" and "form" (an alarm that MetricQuery cannot say).
	Departs []string
}

// MetricQuery is a metric with its statistic, or an expression of the other queries of the alarm.
type MetricQuery struct {
	ID            string
	Label         string
	Expression    string // empty: a metric
	Namespace     string
	Metric        string
	Dimensions    map[string]string
	Statistic     string // such as "Sum" or "p99"
	PeriodSeconds int32  // of an expression only if it is a query of Metrics Insights
	Returned      bool   // the alarm looks at this one
}

// Dashboard is a CloudWatch dashboard. Its name is unique in the account: all regions share it.
type Dashboard struct {
	Body string // JSON; compared by meaning
	Tags map[string]string
}
