package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// AlarmsSpec are the alarms on the pipeline itself, by the names of the table of alarms.
type AlarmsSpec struct {
	Enabled            *bool      `json:"enabled,omitzero"`
	IteratorAge        *AlarmSpec `json:"iterator_age,omitzero"`
	QueueAge           *AlarmSpec `json:"queue_age,omitzero"`
	ProcessorErrors    *AlarmSpec `json:"processor_errors,omitzero"`
	ProcessorThrottles *AlarmSpec `json:"processor_throttles,omitzero"`
	RecordsHandedBack  *AlarmSpec `json:"records_handed_back,omitzero"`
	FailedBatches      *AlarmSpec `json:"failed_batches,omitzero"`
	DeadLetters        *AlarmSpec `json:"dead_letters,omitzero"`
	DeadLetterAge      *AlarmSpec `json:"dead_letter_age,omitzero"`
	RuleThrottles      *AlarmSpec `json:"rule_throttles,omitzero"`
	RuleFailures       *AlarmSpec `json:"rule_failures,omitzero"`
	RuleLosses         *AlarmSpec `json:"rule_losses,omitzero"`
	StreamThrottles    *AlarmSpec `json:"stream_throttles,omitzero"`
	TableThrottles     *AlarmSpec `json:"table_throttles,omitzero"`
	ArchiveDelay       *AlarmSpec `json:"archive_delay,omitzero"`
	ArchiveFailures    *AlarmSpec `json:"archive_failures,omitzero"`
	AlertErrors        *AlarmSpec `json:"alert_errors,omitzero"`
	WatchErrors        *AlarmSpec `json:"watch_errors,omitzero"`
	CertificateExpiry  *AlarmSpec `json:"certificate_expiry,omitzero"`
	NoTelemetry        *AlarmSpec `json:"no_telemetry,omitzero"`
	APIErrors          *AlarmSpec `json:"api_errors,omitzero"`
	APILatency         *AlarmSpec `json:"api_latency,omitzero"`
}

// AlarmSpec switches an alarm off, or moves its threshold.
type AlarmSpec struct {
	Enabled   *bool  `json:"enabled,omitzero"`
	Threshold *int64 `json:"threshold,omitzero"`
}

// Alarm is an alarm that a pipeline can have.
type Alarm struct {
	Name      string // of the argument; the runbook's section has the same with spaces
	Means     string // one or two sentences for the person that it wakes
	Threshold Limit  // without a default: Default says how it follows from the other arguments
	Unit      string // of the threshold
	Default   string
	Off       bool // unless it is written with enabled = true

	setting  func(AlarmsSpec) *AlarmSpec
	fallback func(b *builder) int64
	exists   func(b *builder) bool // nil: always
	perRule  bool                  // an alarm for each topic rule
	late     *lateAlarm            // on metrics with an ID that only AWS knows; nil: all IDs are known
	build    func(b *builder, target string, threshold int64) spec.MetricAlarm
}

// Alarms lists them. Terraform's arguments, the parts, the costs and the runbooks follow from this table.
func Alarms() []Alarm { return slices.Clone(alarms) }

// RunbookSection is the heading of an alarm's section in the runbooks.
func RunbookSection(alarm string) string {
	text := strings.ReplaceAll(alarm, "_", " ")
	if of, isAPI := strings.CutPrefix(text, "api "); isAPI {
		return "API " + of
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// thresholds allows whatever CloudWatch can compare.
var thresholds = Limit{Min: 1, Max: 1_000_000_000, Source: "this provider"}

// noTelemetryMinutes is a period of CloudWatch, of a day at most.
var noTelemetryMinutes = Limit{Min: 1, Max: 1440, Source: "CloudWatch"}

func once(n int64) func(*builder) int64 { return func(*builder) int64 { return n } }

const (
	alarmPeriodSeconds = 300
	// iteratorAgeSeconds is how far the processor may be behind, beside the time that it waits for a batch.
	iteratorAgeSeconds = 300
	// archiveDelaySeconds is what Firehose may take beside its buffer, with some retries.
	archiveDelaySeconds = 900
	// defaultNoTelemetryMinutes is without effect until the alarm is switched on.
	defaultNoTelemetryMinutes = 60
)

var alarms = []Alarm{
	{
		Name: "iterator_age", Threshold: thresholds, Unit: "milliseconds",
		Default: "five minutes and `processor.batch_window_seconds`",
		Means: "The processor is behind: new messages wait in the stream. What is older than the stream's retention " +
			"is lost.",
		setting: func(s AlarmsSpec) *AlarmSpec { return s.IteratorAge },
		exists:  (*builder).hasStream,
		fallback: func(b *builder) int64 {
			return 1000 * (iteratorAgeSeconds + *b.config.Processor.BatchWindowSeconds)
		},
		build: func(b *builder, _ string, threshold int64) spec.MetricAlarm {
			return atLeast(threshold, 60, 5, b.functionMetric("processor", "IteratorAge", "Maximum"))
		},
	},
	{
		Name: "queue_age", Threshold: thresholds, Unit: "seconds",
		Default: "five minutes and `processor.batch_window_seconds`, with a queue",
		Means:   "The processor is behind: the oldest message waits in the queue. What waits for four days is lost.",
		setting: func(s AlarmsSpec) *AlarmSpec { return s.QueueAge },
		exists:  (*builder).hasQueue,
		fallback: func(b *builder) int64 {
			return iteratorAgeSeconds + *b.config.Processor.BatchWindowSeconds
		},
		build: func(b *builder, _ string, threshold int64) spec.MetricAlarm {
			return atLeast(threshold, 60, 5, queueMetric(b.names.queue(), "ApproximateAgeOfOldestMessage", "Maximum"))
		},
	},
	{
		Name: "processor_errors", Threshold: thresholds, Unit: "failed invocations in five minutes", Default: "`1`",
		Means: "The processor fails. Lambda repeats the batch; when the retries are over, a batch of the stream " +
			"goes to the bucket, below the failure prefix, and messages of a queue become dead letters.",
		setting: func(s AlarmsSpec) *AlarmSpec { return s.ProcessorErrors }, fallback: once(1),
		build: func(b *builder, _ string, threshold int64) spec.MetricAlarm {
			return atLeast(threshold, alarmPeriodSeconds, 2, b.functionMetric("processor", "Errors", "Sum"))
		},
	},
	{
		Name: "processor_throttles", Threshold: thresholds, Unit: "refused invocations in five minutes",
		Default: "`1`",
		Means:   "Lambda refuses to run the processor, because the account's concurrency is used up.",
		setting: func(s AlarmsSpec) *AlarmSpec { return s.ProcessorThrottles }, fallback: once(1),
		build: func(b *builder, _ string, threshold int64) spec.MetricAlarm {
			return atLeast(threshold, alarmPeriodSeconds, 2, b.functionMetric("processor", "Throttles", "Sum"))
		},
	},
	{
		Name: "records_handed_back", Threshold: thresholds, Unit: "records in five minutes",
		Default: "`processor.batch_size`",
		Means: "A store refuses what the processor writes, so it hands records back. They are repeated; in a " +
			"stream, newer ones of the shard wait.",
		setting:  func(s AlarmsSpec) *AlarmSpec { return s.RecordsHandedBack },
		fallback: func(b *builder) int64 { return *b.config.Processor.BatchSize },
		build: func(b *builder, _ string, threshold int64) spec.MetricAlarm {
			return atLeast(threshold, alarmPeriodSeconds, 2, b.ownMetric("processor", contract.RetriedMetric))
		},
	},
	{
		Name: "failed_batches", Threshold: thresholds, Unit: "records in five minutes", Default: "`1`",
		Means: "Lambda has given up batches of records after all retries. They are in the bucket, below the failure " +
			"prefix, and were not stored; what is too old for that is lost.",
		setting: func(s AlarmsSpec) *AlarmSpec { return s.FailedBatches }, fallback: once(1),
		exists: (*builder).hasStream,
		late:   &lateAlarm{needs: (*builder).mappings, complete: countsOf},
		build: func(b *builder, _ string, threshold int64) spec.MetricAlarm {
			return atLeast(threshold, alarmPeriodSeconds, 1, b.givenUp()...)
		},
	},
	{
		Name: "dead_letters", Threshold: thresholds, Unit: "messages in the queue", Default: "`1`",
		Means: "Messages could not be handled: by the processor, or by the action of a topic rule. The dead-letter " +
			"queue holds them, each with its reason.",
		setting: func(s AlarmsSpec) *AlarmSpec { return s.DeadLetters }, fallback: once(1),
		build: func(b *builder, _ string, threshold int64) spec.MetricAlarm {
			return atLeast(threshold, alarmPeriodSeconds, 1,
				queueMetric(b.names.deadLetters(), "ApproximateNumberOfMessagesVisible", "Maximum"))
		},
	},
	{
		Name: "dead_letter_age", Threshold: thresholds, Unit: "seconds",
		Default:  "half of the time that the queue keeps them",
		Means:    "Nobody has looked after the dead letters. The queue deletes them at twice this age by default.",
		setting:  func(s AlarmsSpec) *AlarmSpec { return s.DeadLetterAge },
		fallback: once(deadLetterDays * day / 2),
		build: func(b *builder, _ string, threshold int64) spec.MetricAlarm {
			return atLeast(threshold, alarmPeriodSeconds, 1, queueMetric(b.names.deadLetters(),
				"ApproximateAgeOfOldestMessage", "Maximum"))
		},
	},
	{
		Name: "rule_throttles", Threshold: thresholds, Unit: "messages of a rule in five minutes", Default: "`1`",
		Means:   "AWS IoT drops messages of this topic rule, because its throttling limits are reached.",
		setting: func(s AlarmsSpec) *AlarmSpec { return s.RuleThrottles }, fallback: once(1),
		perRule: true,
		build: func(b *builder, rule string, threshold int64) spec.MetricAlarm {
			return atLeast(threshold, alarmPeriodSeconds, 1, b.ruleMetric(rule, "RuleMessageThrottled"))
		},
	},
	{
		Name: "rule_failures", Threshold: thresholds, Unit: "failed actions of a rule in five minutes",
		Default: "`1`", Off: true,
		Means: "An action of this topic rule fails. The dead-letter queue has the messages, each with the error, so " +
			"\"dead_letters\" tells of them too.",
		setting: func(s AlarmsSpec) *AlarmSpec { return s.RuleFailures }, fallback: once(1),
		perRule: true,
		build: func(b *builder, rule string, threshold int64) spec.MetricAlarm {
			return atLeast(threshold, alarmPeriodSeconds, 1, b.actionMetric(rule, "Failure"))
		},
	},
	{
		Name: "rule_losses", Threshold: thresholds, Unit: "messages of a rule in five minutes", Default: "`1`",
		Means: "An action of this topic rule failed, and AWS IoT could not make a dead letter of the message either: " +
			"it is lost.",
		setting: func(s AlarmsSpec) *AlarmSpec { return s.RuleLosses }, fallback: once(1),
		perRule: true,
		build: func(b *builder, rule string, threshold int64) spec.MetricAlarm {
			return atLeast(threshold, alarmPeriodSeconds, 1, b.actionMetric(rule, "ErrorActionFailure"))
		},
	},
	{
		Name: "stream_throttles", Threshold: thresholds, Unit: "refused records in five minutes", Default: "`1`",
		Means: "The stream takes no more: its shards are full. AWS IoT repeats the write, and then makes a dead " +
			"letter of the message.",
		setting: func(s AlarmsSpec) *AlarmSpec { return s.StreamThrottles }, fallback: once(1),
		exists: (*builder).hasStream,
		build: func(b *builder, _ string, threshold int64) spec.MetricAlarm {
			return atLeast(threshold, alarmPeriodSeconds, 2, b.streamMetric("WriteProvisionedThroughputExceeded"))
		},
	},
	{
		Name: "table_throttles", Threshold: thresholds, Unit: "refused requests in five minutes", Default: "`1`",
		Means: "DynamoDB refuses requests to the device table: more than it scales to at once, or than the account " +
			"may use.",
		setting: func(s AlarmsSpec) *AlarmSpec { return s.TableThrottles }, fallback: once(1),
		build: func(b *builder, _ string, threshold int64) spec.MetricAlarm {
			reads := tableMetric(b.names.pipeline, "ReadThrottleEvents")
			writes := tableMetric(b.names.pipeline, "WriteThrottleEvents")
			reads.ID, writes.ID, reads.Returned, writes.Returned = "reads", "writes", false, false
			// A throttled table emits what was throttled only: the other metric has no value.
			return atLeast(threshold, alarmPeriodSeconds, 2, reads, spec.MetricQuery{ID: "total", Returned: true,
				Label: "Throttled requests", Expression: "FILL(reads, 0) + FILL(writes, 0)"}, writes)
		},
	},
	{
		Name: "archive_delay", Threshold: thresholds, Unit: "seconds",
		Default: "fifteen minutes and twice `archive.buffer_seconds`",
		Means: "Firehose cannot write to the archive: its oldest record waits. What waits for a day is written below " +
			"the error prefix, or lost.",
		setting: func(s AlarmsSpec) *AlarmSpec { return s.ArchiveDelay },
		exists:  (*builder).batched,
		fallback: func(b *builder) int64 {
			return archiveDelaySeconds + 2**b.config.Archive.BufferSeconds
		},
		build: func(b *builder, _ string, threshold int64) spec.MetricAlarm {
			return atLeast(threshold, alarmPeriodSeconds, 2, b.deliveryMetric("DeliveryToS3.DataFreshness", "Maximum"))
		},
	},
	{
		Name: "archive_failures", Threshold: thresholds, Unit: "records in five minutes", Default: "`1`",
		Means: "Firehose cannot convert records to Parquet. It writes them as JSON below the error prefix, where " +
			"queries do not find them.",
		setting: func(s AlarmsSpec) *AlarmSpec { return s.ArchiveFailures }, fallback: once(1),
		exists: (*builder).archivesParquet,
		build: func(b *builder, _ string, threshold int64) spec.MetricAlarm {
			return atLeast(threshold, alarmPeriodSeconds, 1, b.deliveryMetric("FailedConversion.Records", "Sum"))
		},
	},
	{
		Name: "alert_errors", Threshold: thresholds, Unit: "failed invocations in five minutes", Default: "`1`",
		Means: "The alerts function fails, so people may not hear of alerts. What Lambda gives up goes to the " +
			"dead-letter queue. This alarm may reach nobody: it uses the same function.",
		setting: func(s AlarmsSpec) *AlarmSpec { return s.AlertErrors }, fallback: once(1),
		build: func(b *builder, _ string, threshold int64) spec.MetricAlarm {
			return atLeast(threshold, alarmPeriodSeconds, 1, b.functionMetric("alerts", "Errors", "Sum"))
		},
	},
	{
		Name: "watch_errors", Threshold: thresholds, Unit: "failed invocations in five minutes", Default: "`3`",
		Means:   "The watch function fails, so nobody hears of silent devices.",
		setting: func(s AlarmsSpec) *AlarmSpec { return s.WatchErrors }, fallback: once(3),
		build: func(b *builder, _ string, threshold int64) spec.MetricAlarm {
			return atLeast(threshold, alarmPeriodSeconds, 1, b.functionMetric("watch", "Errors", "Sum"))
		},
	},
	{
		Name: "certificate_expiry", Threshold: certificateDays, Unit: "days or fewer", Default: "`30`",
		Means: "A certificate of your own expires soon: that of a device (`certificate_pem`), or of the authority of " +
			"devices that register themselves. Such devices then cannot connect.",
		setting: func(s AlarmsSpec) *AlarmSpec { return s.CertificateExpiry }, fallback: once(30),
		build: (*builder).certificateAlarm,
	},
	{
		Name: "no_telemetry", Threshold: noTelemetryMinutes, Unit: "minutes", Default: "`60`", Off: true,
		Means:    "No device at all has sent telemetry for this time.",
		setting:  func(s AlarmsSpec) *AlarmSpec { return s.NoTelemetry },
		fallback: once(defaultNoTelemetryMinutes),
		build: func(b *builder, _ string, minutes int64) spec.MetricAlarm {
			m := b.ruleMetric("telemetry", "TopicMatch")
			m.PeriodSeconds = int32(60 * minutes)
			return spec.MetricAlarm{Metrics: []spec.MetricQuery{m}, Comparison: "LessThanThreshold", Threshold: 1,
				EvaluationPeriods: 1, DatapointsToAlarm: 1, MissingData: "breaching"}
		},
	},
	{
		Name: "api_errors", Threshold: thresholds, Unit: "requests in five minutes", Default: "`5`",
		Means: "The device management API answers requests with a status of 500 or more: the function fails, or what " +
			"it uses refuses its calls.",
		setting: func(s AlarmsSpec) *AlarmSpec { return s.APIErrors }, fallback: once(5),
		exists: (*builder).hasAPI, late: metricsOfAPI(),
		build: func(_ *builder, _ string, threshold int64) spec.MetricAlarm {
			return atLeast(threshold, alarmPeriodSeconds, 1, measured("AWS/ApiGateway", "5xx", "Sum", nil))
		},
	},
	{
		Name: "api_latency", Threshold: thresholds, Unit: "milliseconds", Default: "`3000`",
		Means:   "The device management API is slow: one request in a hundred takes longer than this.",
		setting: func(s AlarmsSpec) *AlarmSpec { return s.APILatency }, fallback: once(apiLatencyMS),
		exists: (*builder).hasAPI, late: metricsOfAPI(),
		build: func(_ *builder, _ string, threshold int64) spec.MetricAlarm {
			return atLeast(threshold, alarmPeriodSeconds, 3, measured("AWS/ApiGateway", "Latency", "p99", nil))
		},
	},
}

// apiLatencyMS is what an application's user notices.
const apiLatencyMS = 3_000

// atLeast goes off when the metric reaches the threshold in so many periods one after the other.
func atLeast(threshold int64, period, periods int32, metrics ...spec.MetricQuery) spec.MetricAlarm {
	for i := range metrics {
		if metrics[i].Expression == "" || metrics[i].PeriodSeconds > 0 {
			metrics[i].PeriodSeconds = period
		}
	}
	return spec.MetricAlarm{Metrics: metrics, Comparison: "GreaterThanOrEqualToThreshold",
		Threshold: float64(threshold), EvaluationPeriods: periods, DatapointsToAlarm: periods,
		MissingData: "notBreaching"}
}

func measured(namespace, name, statistic string, dimensions map[string]string) spec.MetricQuery {
	return spec.MetricQuery{ID: "m", Namespace: namespace, Metric: name, Statistic: statistic, Dimensions: dimensions,
		Returned: true}
}

func (b *builder) functionMetric(function, name, statistic string) spec.MetricQuery {
	return measured("AWS/Lambda", name, statistic, map[string]string{"FunctionName": b.names.function(function)})
}

// ownMetric is one that the function itself emits.
func (b *builder) ownMetric(function, name string) spec.MetricQuery {
	return measured(contract.MetricsNamespace, name, "Sum",
		map[string]string{"Pipeline": b.config.Name, "Function": function})
}

func queueMetric(queue, name, statistic string) spec.MetricQuery {
	return measured("AWS/SQS", name, statistic, map[string]string{"QueueName": queue})
}

func (b *builder) deliveryMetric(name, statistic string) spec.MetricQuery {
	return measured("AWS/Firehose", name, statistic, map[string]string{"DeliveryStreamName": b.deliveryName()})
}

func (b *builder) archivesParquet() bool {
	return b.batched() && *b.config.Archive.Format == FormatParquet
}

func (b *builder) streamMetric(name string) spec.MetricQuery {
	return measured("AWS/Kinesis", name, "Sum", map[string]string{"StreamName": b.names.pipeline})
}

func (b *builder) ruleMetric(rule, name string) spec.MetricQuery {
	return measured("AWS/IoT", name, "Sum", map[string]string{"RuleName": b.names.rule(rule)})
}

// actionMetric is the sum over all actions of a rule. A query, because AWS does not document the values of ActionType.
func (b *builder) actionMetric(rule, name string) spec.MetricQuery {
	return spec.MetricQuery{ID: "m", PeriodSeconds: alarmPeriodSeconds, Returned: true,
		Expression: fmt.Sprintf(`SELECT SUM(%s) FROM SCHEMA("AWS/IoT", ActionType, RuleName) WHERE RuleName = '%s'`,
			name, b.names.rule(rule))}
}

// ruleKeys are the pipeline's own rules and the user's.
func (b *builder) ruleKeys() []string {
	var keys []string
	for _, r := range b.ownRules() {
		keys = append(keys, r.key)
	}
	for key := range b.config.Routes {
		keys = append(keys, key)
	}
	return sorted(keys)
}

func (b *builder) hasAlarms() bool {
	if !b.hasMonitoring() {
		return false
	}
	s := b.config.Monitoring.Alarms
	return s == nil || s.Enabled == nil || *s.Enabled
}

// alarmParts are the alarms that are on.
func (b *builder) alarmParts() []assembly.Part {
	if !b.hasAlarms() {
		return nil
	}
	var settings AlarmsSpec
	if s := b.config.Monitoring.Alarms; s != nil {
		settings = *s
	}
	var parts []assembly.Part
	for _, a := range alarms {
		own, on := a.own(settings)
		if !on || a.exists != nil && !a.exists(b) {
			continue
		}
		threshold := *or(own.Threshold, a.fallback(b))
		if !a.perRule {
			parts = append(parts, b.alarmPart(a, "", threshold))
			continue
		}
		for _, target := range b.ruleKeys() {
			parts = append(parts, b.alarmPart(a, target, threshold))
		}
	}
	return parts
}

// own returns what the configuration says of an alarm, and whether it is on.
func (a Alarm) own(settings AlarmsSpec) (AlarmSpec, bool) {
	var own AlarmSpec
	if s := a.setting(settings); s != nil {
		own = *s
	}
	return own, *or(own.Enabled, !a.Off)
}

func (b *builder) alarmPart(a Alarm, target string, threshold int64) assembly.Part {
	key, of, needed := contract.KeyAlarmPrefix+a.Name, "", []string{"function/alerts"}
	if target != "" {
		key, of = key+"/"+target, " (rule "+target+")"
	}
	name, want := b.names.alarm(a.Name, target), a.build(b, target, threshold)
	want.Description = a.Means + of + " Pipeline " + b.config.Name + "; see \"" + RunbookSection(a.Name) +
		"\" in the guide \"Runbooks\" of the provider iot."
	want.ActionARNs = []string{b.arn.function(b.names.function("alerts"))}
	want.Tags = b.env.Tags
	if a.late == nil {
		return b.part(key, spec.KindMetricAlarm, name, b.arn.alarm(name), needed, want)
	}
	part := b.part(key, spec.KindMetricAlarm, name, b.arn.alarm(name), append(needed, a.late.needs(b)...), nil)
	part.Want = func(up assembly.Upstream) (any, error) {
		w := want
		w.Metrics = slices.Clone(want.Metrics)
		return w, a.late.complete(up, w.Metrics)
	}
	return part
}
