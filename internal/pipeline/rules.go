package pipeline

import (
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

// A rule that every pipeline of its shape has. Its topic is the last level that it listens to.
type pipelineRule struct{ key, topic string }

// pipelineRules are the rules that devices may publish to by Basic Ingest.
func (b *builder) pipelineRules() []pipelineRule {
	rules := []pipelineRule{{"telemetry", "telemetry"}, {"status", "status"}}
	if b.hasAlertRules() {
		rules = append(rules, pipelineRule{"alerts", "telemetry"})
	}
	if *b.spec.Archive.Enabled {
		rules = append(rules, pipelineRule{"archive", "telemetry"})
	}
	return rules
}

// from is the FROM of a pipeline's own rule.
func (b *builder) from(topic string) string { return "'" + b.prefix() + "/+/" + topic + "'" }

// thingLevel is which level of a topic is the device, counted from 1.
func (b *builder) thingLevel() int { return thingLevel(b.prefix()) }

func thingLevel(prefix string) int { return strings.Count(prefix, "/") + 2 }

// thingTemplate is the device in a substitution template.
func (b *builder) thingTemplate() string { return "${" + b.thingCall() + "}" }

// thingCall is the device in SQL.
func (b *builder) thingCall() string { return "topic(" + itoa(b.thingLevel()) + ")" }

// rulesRole is the key of the role of the pipeline's own rules.
const rulesRole = "role/rules"

// rulesRole is one role for all of the pipeline's own rules: their SQL and their targets are the provider's, so a role for each
// would guard against nobody, while every role costs two requests per plan and a place in the account's quota. A
// route has a role of its own.
func (b *builder) rulesRole() assembly.Part {
	rules := []string{"status", "telemetry"}
	grants := append([]statement{allow([]string{"kinesis:PutRecord"}, b.arn.stream(b.names.pipeline))},
		b.useKey("kms:GenerateDataKey", b.spec.Stream.KMSKeyID)...)
	if *b.spec.Archive.Enabled {
		rules = append(rules, "archive")
		grants = append(grants, allow([]string{"s3:PutObject"}, b.arn.bucket(b.names.bucket())+"/"+*b.spec.Archive.Prefix+"*"))
		grants = append(grants, b.encryptWith(b.spec.Archive.KMSKeyID)...)
	}
	if b.hasAlertRules() {
		rules = append(rules, "alerts")
	}
	return b.ruleRole("rules", "Lets the rules of pipeline "+b.spec.Name+" write to its stream, archive and dead-letter queue", sorted(rules), grants...)
}

// streamRules send what devices publish to the stream. The partition key is the
// device, so that its messages stay in order and the processor knows it without
// trusting the message. A status message is wrapped, which tells it apart.
func (b *builder) streamRules() []assembly.Part {
	role := b.rulesRole()
	toStream := object.Action{Kinesis: &object.KinesisAction{
		RoleARN: role.ARN, StreamName: b.names.pipeline, PartitionKey: b.thingTemplate()}}
	return []assembly.Part{role,
		b.rule("telemetry", rulesRole, []string{"stream"}, object.TopicRule{
			SQL:         "SELECT * FROM " + b.from("telemetry"),
			Description: "Telemetry of pipeline " + b.spec.Name + " to its stream",
			Actions:     []object.Action{toStream},
		}),
		b.rule("status", rulesRole, []string{"stream"}, object.TopicRule{
			SQL: "SELECT encode(*, 'base64') AS status_payload, topic() AS status_topic, timestamp() AS received_at FROM " +
				b.from("status"),
			Description: "Status messages of pipeline " + b.spec.Name + " to its stream",
			Actions:     []object.Action{toStream},
		}),
	}
}

// alertSQL selects what the alerts function works on (docs/design/contracts.md).
func (b *builder) alertSQL() (string, error) {
	sql := "SELECT encode(*, 'base64') AS payload, topic() AS topic, " + b.thingCall() + " AS thing, clientid() AS client_id, " +
		"timestamp() AS received_at, traceid() AS trace_id FROM " + b.from("telemetry")
	where, err := alertWhere(b.spec.Alerts.Rules, b.thingLevel())
	if err != nil {
		return "", err
	}
	if where != "" {
		sql += " WHERE " + where
	}
	return sql, nil
}

// alertRule hands messages for which an alert may be due to the alerts
// function. Its SQL is made when it is wanted: a plan may be built before the
// conditions are known.
func (b *builder) alertRule() []assembly.Part {
	function := b.arn.function(b.names.function("alerts"))
	rule := b.rule("alerts", rulesRole, []string{"function/alerts", "alert_rules", "alert_topic"}, object.TopicRule{
		Description: "Messages of pipeline " + b.spec.Name + " that may be alerts",
		Actions:     []object.Action{{Lambda: &object.LambdaAction{FunctionARN: function}}},
	})
	withoutSQL := rule.Want
	rule.Want = func(up assembly.Upstream) (any, error) {
		want, err := withoutSQL(up)
		if err != nil {
			return nil, err
		}
		complete := want.(object.TopicRule)
		complete.SQL, err = b.alertSQL()
		return complete, err
	}
	return []assembly.Part{rule}
}

// archiveRule writes each message to an object of its own, whose key cannot meet another's.
func (b *builder) archiveRule() []assembly.Part {
	bucket, prefix := b.names.bucket(), *b.spec.Archive.Prefix
	key := prefix + `dt=${parse_time("yyyy-MM-dd", timestamp())}/hour=${parse_time("HH", timestamp())}/` +
		b.thingTemplate() + "/${timestamp()}-${newuuid()}.json"
	return []assembly.Part{
		b.rule("archive", rulesRole, []string{"bucket"}, object.TopicRule{
			SQL:         "SELECT * FROM " + b.from("telemetry"),
			Description: "Telemetry of pipeline " + b.spec.Name + " to its archive",
			Actions:     []object.Action{{S3: &object.S3Action{RoleARN: b.arn.role(b.names.role("rules")), Bucket: bucket, Key: key}}},
		}),
	}
}

// route is a rule of the user's own, with a role of its own.
func (b *builder) route(key string, r RouteSpec) []assembly.Part {
	purpose := "route/" + key
	role := b.ruleRole(purpose, "Lets rule "+key+" of pipeline "+b.spec.Name+" reach its targets", []string{key}, b.routeGrants(r)...)
	return []assembly.Part{role,
		b.rule(key, "role/"+purpose, nil, object.TopicRule{
			SQL:         r.SQL,
			Description: deref(r.Description),
			Disabled:    !*or(r.Enabled, true),
			Actions:     routeActions(r, role.ARN),
		}),
	}
}

// rule adds what all rules have: the error action into the dead-letter queue,
// whose URL only AWS knows, and tags.
func (b *builder) rule(key, role string, needs []string, want object.TopicRule) assembly.Part {
	name := b.names.rule(key)
	roleARN := b.arn.role(b.names.role(strings.TrimPrefix(role, "role/")))
	want.Tags = b.env.Tags
	return assembly.Part{
		Key: "rule/" + key, Kind: object.KindTopicRule, Name: name, ARN: b.arn.rule(name),
		Needs: sorted(append([]string{"dead_letters", role}, needs...)),
		Want: func(up assembly.Upstream) (any, error) {
			url, err := queueURL(up)
			if err != nil {
				return nil, err
			}
			w := want
			w.ErrorAction = &object.Action{SQS: &object.SQSAction{RoleARN: roleARN, QueueURL: url}}
			return w, nil
		},
	}
}
