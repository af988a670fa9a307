package pipeline

import (
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

// The alerts function handles one message at a time and waits for SNS at most.
const (
	alertsMemoryMB       = 128
	alertsTimeoutSeconds = 30
	alertsMaxRetries     = 2     // Lambda's most
	alertsMaxAgeSeconds  = 21600 // Lambda's most
)

// rulesItem is the key of the table item that holds the alert rules; a thing's name cannot hold a dollar sign.
const rulesItem = "$rules"

// processorParts are the stream processor and what feeds it. The stream is
// mapped last: a record must find every store there is.
func (b *builder) processorParts() ([]assembly.Part, error) {
	p := b.spec.Processor
	function, err := b.function("processor", p.Package, object.Function{
		Description:    "Stores the telemetry of pipeline " + b.spec.Name,
		MemoryMB:       int32(*p.MemoryMB),
		TimeoutSeconds: int32(*p.TimeoutSeconds),
	}, b.processorEnvironment())
	if err != nil {
		return nil, err
	}
	stores := []string{"bucket", "device_table", "function/processor", "stream"}
	if b.hasTimestream() {
		stores = append(stores, "timestream/table")
	}
	stream, name := b.names.pipeline, b.names.function("processor")
	mapping := b.part("event_source", object.KindEventSource, object.NameIn(stream, name), "", stores, object.EventSource{
		StreamARN:             b.arn.stream(stream),
		FunctionName:          name,
		FunctionARN:           b.arn.function(name),
		BatchSize:             int32(*p.BatchSize),
		BatchWindowSeconds:    int32(*p.BatchWindowSeconds),
		ParallelizationFactor: int32(*p.ParallelizationFactor),
		MaxRetries:            int32(*p.MaxRetries),
		MaxRecordAgeSeconds:   int32(*p.MaxRecordAgeSeconds),
		// Only S3 keeps the payload: a queue would get metadata alone [AWS 5 DestinationConfig.OnFailure].
		OnFailureARN: b.arn.bucket(b.names.bucket()),
		Tags:         b.env.Tags,
	})
	return []assembly.Part{b.functionRole("processor", needs.Processor()), b.logGroup("processor"), function, mapping}, nil
}

// alertsParts are the alerts function and what it runs on.
func (b *builder) alertsParts() ([]assembly.Part, error) {
	if !b.hasAlertRules() {
		return nil, nil
	}
	rule := b.names.rule("alerts")
	function, err := b.function("alerts", nil, object.Function{
		Description:    "Raises the alerts of pipeline " + b.spec.Name,
		MemoryMB:       alertsMemoryMB,
		TimeoutSeconds: alertsTimeoutSeconds,
		Permissions: []object.Permission{{StatementID: "rule-alerts", Principal: "iot.amazonaws.com",
			SourceARN: b.arn.rule(rule), SourceAccount: b.env.AccountID}},
		Async: &object.AsyncConfig{MaxRetries: alertsMaxRetries, MaxAgeSeconds: alertsMaxAgeSeconds,
			OnFailureARN: b.arn.queue(b.names.deadLetters())},
	}, map[string]string{
		"IOT_ALERT_TOPIC_ARN": b.arn.topic(b.names.alertTopic()),
		"IOT_DATA_ENDPOINT":   b.env.DataEndpoint,
	})
	if err != nil {
		return nil, err
	}
	return []assembly.Part{b.functionRole("alerts", needs.Alerts()), b.logGroup("alerts"), function}, nil
}

func (b *builder) logGroup(function string) assembly.Part {
	name := b.names.logGroup(function)
	return b.part("log_group/"+function, object.KindLogGroup, name, b.arn.logGroup(name), nil,
		object.LogGroup{RetentionDays: int32(*b.spec.Functions.LogRetentionDays), Tags: b.env.Tags})
}

// function completes want with what all functions have. replacement is the
// path of the user's own zip, or nil.
func (b *builder) function(key string, replacement *string, want object.Function, environment map[string]string) (assembly.Part, error) {
	f := b.spec.Functions
	var err error
	if replacement != nil {
		want.CodeSHA256, want.Code, err = b.env.Package(*replacement)
	} else {
		want.CodeSHA256, want.Code, err = b.env.Code(key, *f.Architecture)
	}
	if err != nil {
		return assembly.Part{}, err
	}
	name := b.names.function(key)
	want.RoleARN = b.arn.role(b.names.role(key))
	want.Architecture = *f.Architecture
	want.LogGroup = b.names.logGroup(key)
	want.LogLevel = *f.LogLevel
	want.Tracing = *f.Tracing
	want.Tags = b.env.Tags
	return assembly.Part{
		Key: "function/" + key, Kind: object.KindFunction, Name: name, ARN: b.arn.function(name),
		Needs: []string{"dead_letters", "log_group/" + key, "role/" + key},
		Want: func(up assembly.Upstream) (any, error) {
			url, err := queueURL(up)
			if err != nil {
				return nil, err
			}
			w := want
			w.Environment = b.environment(environment)
			w.Environment["IOT_DEAD_LETTER_QUEUE_URL"] = url
			return w, nil
		},
	}, nil
}

// environment is what every function gets (docs/design/contracts.md), and more.
func (b *builder) environment(more map[string]string) map[string]string {
	e := map[string]string{
		"IOT_PIPELINE":           b.spec.Name,
		"IOT_TOPIC_PREFIX":       b.prefix(),
		"IOT_DEVICE_TABLE":       b.names.pipeline,
		"IOT_DEAD_LETTER_BUCKET": b.names.bucket(),
		"IOT_DEAD_LETTER_PREFIX": deadLetterPrefix,
	}
	for key, value := range more {
		if value != "" {
			e[key] = value
		}
	}
	return e
}

func (b *builder) processorEnvironment() map[string]string {
	e := map[string]string{
		"IOT_DATA_FIELD":      *b.spec.Telemetry.DataField,
		"IOT_TIME_FIELD":      *b.spec.Telemetry.TimeField,
		"IOT_DEVICE_TTL_DAYS": itoa(int(*b.spec.DeviceState.TTLDays)),
	}
	if t := b.spec.Timestream; t != nil {
		e["IOT_TIMESTREAM_DATABASE"] = *t.Database
		e["IOT_TIMESTREAM_TABLE"] = *t.Table
		e["IOT_TIMESTREAM_LAYOUT"] = *t.Layout
	}
	return e
}

// ruleDocument is the document of the item $rules (docs/design/contracts.md).
type ruleDocument struct {
	Version    int                  `json:"version"`
	Thresholds map[string]float64   `json:"thresholds,omitempty"`
	Rules      map[string]alertRule `json:"rules"`
}

type alertRule struct {
	When            string `json:"when"`
	Severity        string `json:"severity"`
	Message         string `json:"message"`
	Command         string `json:"command,omitempty"`
	CooldownSeconds int64  `json:"cooldown_seconds"`
	NotifyResolved  bool   `json:"notify_resolved"`
}

func (b *builder) rulesDocument() string {
	d := ruleDocument{Version: 1, Thresholds: b.spec.Alerts.Thresholds, Rules: map[string]alertRule{}}
	for key, r := range b.spec.Alerts.Rules {
		d.Rules[key] = alertRule{When: strings.TrimSpace(r.When), Severity: *r.Severity, Message: *r.Message,
			Command: deref(r.Command), CooldownSeconds: *r.CooldownSeconds, NotifyResolved: *r.NotifyResolved}
	}
	return encode(d)
}
