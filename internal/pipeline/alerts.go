package pipeline

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

var (
	// AlertSeverities are the severities, lowest first.
	AlertSeverities = Choice{Values: []string{"info", "warning", "critical"}, Default: "warning"}
	// AlertEvaluations say who looks at each message for alerts: a topic rule, or the processor.
	AlertEvaluations = Choice{Values: []string{EvaluateByRule, EvaluateInStream}, Default: EvaluateByRule}
	// AlertCooldownSeconds limits cooldown_seconds: a cooldown of more than a month would disable the alert.
	AlertCooldownSeconds = Limit{Min: 0, Max: 30 * day, Default: value(300), Source: "this provider"}
)

// Values of alerts.evaluate.
const (
	EvaluateByRule   = "rule"   // a topic rule
	EvaluateInStream = "stream" // the processor
)

// The alerts function handles one message at a time and at most waits for SNS.
const (
	alertsMemoryMB       = 128
	alertsTimeoutSeconds = 30
	alertsMaxRetries     = 2     // Lambda's maximum
	alertsMaxAgeSeconds  = 21600 // Lambda's maximum
)

const (
	// managedTopicKey is the key that AWS manages for SNS; topics are not encrypted without one.
	managedTopicKey = "alias/aws/sns"
)

// AlertsSpec says when to notify people and devices, and how.
type AlertsSpec struct {
	// Evaluate is who looks at each message: a topic rule, or the processor.
	Evaluate *string `json:"evaluate,omitzero"`

	Rules map[string]AlertRuleSpec `json:"rules,omitzero"`
	// Thresholds are the defaults of the names that conditions use as threshold.<name>.
	Thresholds    map[string]float64 `json:"thresholds,omitzero"`
	Emails        []string           `json:"emails,omitzero"`
	Subscriptions []SubscriptionSpec `json:"subscriptions,omitzero"`
	KMSKeyID      *string            `json:"kms_key_id,omitzero"` // of the alert topic
}

// AlertRuleSpec is one alert: a condition and what follows from it.
type AlertRuleSpec struct {
	When            string  `json:"when"` // AWS IoT SQL condition
	Severity        *string `json:"severity,omitzero"`
	Message         *string `json:"message,omitzero"` // substitution template
	Command         *string `json:"command,omitzero"` // substitution template, sent to the device
	CooldownSeconds *int64  `json:"cooldown_seconds,omitzero"`
	NotifyResolved  *bool   `json:"notify_resolved,omitzero"`
}

// SubscriptionSpec is one subscription of the alert topic. Without severities it receives every alert.
type SubscriptionSpec struct {
	Protocol   string   `json:"protocol"`
	Endpoint   string   `json:"endpoint"`
	Severities []string `json:"severities,omitzero"`
}

// alerts notify people and devices. The topic and its subscriptions exist with the block, so that people keep their
// confirmed subscriptions while there is no rule; everything else exists with the first rule.
func alerts() capability {
	return capability{
		shapes: []shape{{
			arguments: []string{"alerts", "alerts.evaluate", "alerts.rules", "alerts.emails.**",
				"alerts.subscriptions.**"}, parts: true,
			outputs: []string{"alert_topic_arn", "function_arns", "rule_arns"},
		}},
		defaults: func(s *Spec) {
			if s.Alerts != nil {
				s.Alerts = defaultAlerts(*s.Alerts)
			}
		},
		check: func(c *checker, s Spec) { c.checkAlerts(s) },
		parts: func(b *builder) []assembly.Part {
			if !b.hasAlertTopic() {
				return nil
			}
			parts := append([]assembly.Part{b.alertTopic()}, b.subscriptions()...)
			if b.hasAlertRules() {
				parts = append(parts, b.alertRules())
			}
			return parts
		},
		rules: func(b *builder) []ownRule {
			if !b.hasAlertRules() || b.alertsInStream() {
				return nil
			}
			return []ownRule{b.alertRule()}
		},
		function: &function{
			name: "alerts", exists: (*builder).hasAlertsFunction, configure: (*builder).alertsFunction,
			keys: func(b *builder) []statement {
				return append(b.encryptWith(b.alertKey()), b.encryptWith(b.config.Archive.KMSKeyID)...)
			},
		},
		resources: func(b *builder) map[needs.Resource]string {
			// In IAM, * stands for several levels as well: commands for devices behind gateways go to
			// <gateway>/children/<gateway>:<child>/commands.
			r := map[needs.Resource]string{needs.CommandTopics: b.arn.iotTopic(b.prefix() + "/*/commands")}
			if b.alertsInStream() {
				r[needs.AlertsFunction] = b.arn.function(b.names.function("alerts"))
			}
			if b.hasAlertTopic() {
				r[needs.AlertTopic] = b.arn.topic(b.names.alertTopic())
			}
			return r
		},
		outputs: func(b *builder, _ assembly.Upstream, out *Outputs) {
			if b.hasAlertTopic() {
				out.AlertTopicARN = ptr(b.arn.topic(b.names.alertTopic()))
			}
		},
	}
}

// hasAlertTopic: monitoring tells people through the same topic.
func (b *builder) hasAlertTopic() bool { return b.config.Alerts != nil || b.hasMonitoring() }

// hasAlertsFunction: alarms reach people through the same function.
func (b *builder) hasAlertsFunction() bool { return b.hasAlertRules() || b.hasAlarms() }

func (b *builder) hasAlertRules() bool {
	return b.config.Alerts != nil && len(b.config.Alerts.Rules) > 0
}

// alertsInStream reports whether the processor passes messages to the alerts function, instead of a topic rule.
func (b *builder) alertsInStream() bool {
	return b.hasAlertRules() && *b.config.Alerts.Evaluate == EvaluateInStream
}

func defaultAlerts(a AlertsSpec) *AlertsSpec {
	a.Evaluate = AlertEvaluations.Or(a.Evaluate)
	a.Rules = maps.Clone(a.Rules)
	for key, r := range a.Rules {
		r.Severity = AlertSeverities.Or(r.Severity)
		r.Message = or(r.Message, "Alert "+key+" on ${thing}")
		r.CooldownSeconds = AlertCooldownSeconds.Or(r.CooldownSeconds)
		r.NotifyResolved = or(r.NotifyResolved, false)
		a.Rules[key] = r
	}
	return &a
}

func (b *builder) alertsFunction() spec.Function {
	return spec.Function{
		Description:    "Raises the alerts of pipeline " + b.config.Name,
		MemoryMB:       alertsMemoryMB,
		TimeoutSeconds: alertsTimeoutSeconds,
		Permissions:    b.alertsCallers(),
		Async: &spec.AsyncConfig{MaxRetries: alertsMaxRetries, MaxAgeSeconds: alertsMaxAgeSeconds,
			OnFailureARN: b.arn.queue(b.names.deadLetters())},
		Environment: b.alertsEnvironment(),
	}
}

// alertsCallers are the topic rule, and the pipeline's alarms: CloudWatch may not publish to a topic that is encrypted
// with SNS's own key.
func (b *builder) alertsCallers() []spec.Permission {
	var callers []spec.Permission
	if b.hasAlarms() {
		callers = append(callers, spec.Permission{StatementID: "alarms",
			Principal: "lambda.alarms.cloudwatch.amazonaws.com", SourceARN: b.arn.alarm(b.config.Name + "-*"),
			SourceAccount: b.env.AccountID})
	}
	if b.hasAlertRules() && !b.alertsInStream() { // the role of the processor allows its calls
		callers = append(callers, spec.Permission{StatementID: "rule-alerts", Principal: "iot.amazonaws.com",
			SourceARN: b.arn.rule(b.names.rule("alerts")), SourceAccount: b.env.AccountID})
	}
	return callers
}

// alertsDecode reports whether the alerts function decodes what devices send; else conditions see the payload as it was
// sent. With telemetry.select, the settings describe what the telemetry rule selects, and the alerts rule does not
// select that.
func (b *builder) alertsDecode() bool {
	t := b.config.Telemetry
	return t.Select == nil && t.options(nil) != ""
}

// alertsEnvironment tells the function how to read payloads where that is not the default.
func (b *builder) alertsEnvironment() map[string]string {
	e := map[string]string{
		contract.EnvAlertTopicARN: b.arn.topic(b.names.alertTopic()),
		contract.EnvDataEndpoint:  b.env.DataEndpoint,
	}
	if b.hasEdge() {
		e[contract.EnvGateways] = contract.GatewayValue
	}
	if b.alertsDecode() {
		e[contract.EnvTelemetry] = b.telemetry
	}
	t := b.config.Telemetry
	if t.Select == nil && (*t.DataField != DefaultDataField || *t.TimeField != DefaultTimeField) {
		e[contract.EnvDataField], e[contract.EnvTimeField] = *t.DataField, *t.TimeField
	}
	return e
}

func (b *builder) alertTopic() assembly.Part {
	name := b.names.alertTopic()
	return b.part("alert_topic", spec.KindTopic, name, b.arn.topic(name), nil, spec.Topic{
		DisplayName: b.config.Name,
		KMSKeyID:    cmp.Or(b.arn.key(deref(b.alertKey())), managedTopicKey),
		Policy:      b.alertTopicPolicy(),
		Tags:        b.env.Tags,
	})
}

// alertKey is the user's own key of the alert topic, or nil.
func (b *builder) alertKey() *string {
	if b.config.Alerts == nil {
		return nil
	}
	return b.config.Alerts.KMSKeyID
}

// alertTopicPolicy leaves it to this account's IAM who may publish, and names the roles that do: an ARN in the
// principal would have to exist first, and AWS would replace it by an ID when the role is created again.
func (b *builder) alertTopicPolicy() string {
	topic := b.arn.topic(b.names.alertTopic())
	var roles []string
	if b.config.Alerts != nil || b.hasAlarms() {
		roles = append(roles, b.arn.role(b.names.role("alerts")))
	}
	if b.hasMonitoring() {
		roles = append(roles, b.arn.role(b.names.role("watch")))
	}
	publish := statement{Sid: "AlertsFunction", Effect: "Allow", Principal: principal{AWS: b.arn.root()},
		Action: []string{"sns:Publish"}, Resource: []string{topic},
		Condition: conditions{"ArnEquals": {"aws:PrincipalArn": roles}}}
	return policy(publish, denyPlain("sns:Publish", topic))
}

// subscriptions have keys that depend on the endpoint and not on the place in the list, so that removing one does not
// affect the others.
func (b *builder) subscriptions() []assembly.Part {
	if b.config.Alerts == nil {
		return nil
	}
	var list []SubscriptionSpec
	for _, address := range b.config.Alerts.Emails {
		list = append(list, SubscriptionSpec{Protocol: "email", Endpoint: address})
	}
	list = append(list, b.config.Alerts.Subscriptions...)
	topic := b.arn.topic(b.names.alertTopic())
	parts := make([]assembly.Part, len(list))
	for i, s := range list {
		parts[i] = b.part(subscriptionKey(s), spec.KindSubscription, spec.NameIn(topic, s.Protocol, s.Endpoint), "",
			[]string{"alert_topic"}, spec.Subscription{TopicARN: topic, Protocol: s.Protocol, Endpoint: s.Endpoint,
				FilterPolicy: filterPolicy(s.Severities)})
	}
	return parts
}

func subscriptionKey(s SubscriptionSpec) string {
	return "subscription/" + s.Protocol + "-" + shortHash(s.Endpoint)
}

// filterPolicy selects alerts by the message attribute that the alerts function sets.
func filterPolicy(severities []string) string {
	if len(severities) == 0 {
		return ""
	}
	return encode(map[string][]string{"severity": sorted(slices.Clone(severities))})
}

// alertRule passes messages for which an alert may be due to the alerts function.
func (b *builder) alertRule() ownRule {
	return ownRule{
		key: "alerts", topic: "telemetry",
		description: "Messages of pipeline " + b.config.Name + " that may be alerts",
		sql:         b.alertSQL,
		actions: constantAction(spec.Action{Lambda: &spec.LambdaAction{
			FunctionARN: b.arn.function(b.names.function("alerts"))}}),
		needs: []string{"function/alerts", "alert_rules", "alert_topic"},
	}
}

// alertSQL selects what the alerts function works on (docs/design/contracts.md). The rules engine does not know the
// telemetry settings: with any, the function decides on every message. A record of the stream does not say which client
// sent it.
func (b *builder) alertSQL() (string, error) {
	sender := "clientid() AS client_id, "
	if b.alertsInStream() {
		sender = "'" + contract.EvaluatedInStream + "' AS evaluated, "
	}
	sql := "SELECT encode(*, 'base64') AS payload, topic() AS topic, " + b.thingCall() + " AS thing, " + sender +
		"timestamp() AS received_at, traceid() AS trace_id FROM " + b.from("telemetry")
	if b.alertsDecode() {
		return sql, nil
	}
	where, err := alertWhere(b.config.Alerts.Rules, b.thingLevel())
	if err != nil {
		return "", err
	}
	if where != "" {
		sql += " WHERE " + where
	}
	return sql, nil
}

// alertRules is the table item that the alerts function reads its rules from, and the processor its statement.
func (b *builder) alertRules() assembly.Part {
	table := b.names.pipeline
	part := b.part("alert_rules", spec.KindTableItem, spec.NameIn(table, contract.RulesItem), "",
		[]string{"device_table"}, nil)
	// A plan may be built before the conditions are known.
	part.Want = func(assembly.Upstream) (any, error) {
		document, err := b.rulesDocument()
		return spec.TableItem{Table: table, HashKey: contract.DeviceKey, Key: contract.RulesItem,
			Document: document}, err
	}
	return part
}

func (b *builder) rulesDocument() (string, error) {
	d := contract.AlertRules[float64]{
		Version:    contract.AlertRulesVersion,
		Thresholds: b.config.Alerts.Thresholds,
		Rules:      map[string]contract.AlertRule{},
	}
	for key, r := range b.config.Alerts.Rules {
		d.Rules[key] = contract.AlertRule{When: strings.TrimSpace(r.When), Severity: *r.Severity, Message: *r.Message,
			Command: deref(r.Command), CooldownSeconds: *r.CooldownSeconds, NotifyResolved: *r.NotifyResolved}
	}
	var err error
	if b.alertsInStream() {
		d.Stream, err = b.alertSQL()
	}
	return encode(d), err
}
