package pipeline

import (
	"reflect"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// reservedRoutes are the keys of the pipeline's own rules, whether it has them or not.
var reservedRoutes = []string{"telemetry", "status", "presence", "alerts", "archive",
	contract.CommandResultsRule, childrenRule}

// ownRule is a topic rule of the pipeline itself.
type ownRule struct {
	key         string // of the part, after "rule/"; end of the rule's name
	topic       string // last level of the device's topics that it selects; devices may publish there by Basic Ingest
	description string
	// sql returns the statement. It is called only when the rule is created or compared: a plan may be built before the
	// alert conditions are known.
	sql func() (string, error)
	// actions returns what the rule does; a queue's URL is known only when the queue exists.
	actions func(up assembly.Upstream) ([]spec.Action, error)
	needs   []string    // besides role and dead-letter queue
	grants  []statement // of the role of the pipeline's own rules
}

func constant(sql string) func() (string, error) {
	return func() (string, error) { return sql, nil }
}

func constantAction(a spec.Action) func(assembly.Upstream) ([]spec.Action, error) {
	return func(assembly.Upstream) ([]spec.Action, error) { return []spec.Action{a}, nil }
}

// ownRules are the rules of all capabilities.
func (b *builder) ownRules() []ownRule {
	var rules []ownRule
	for _, c := range capabilities() {
		if c.rules != nil {
			rules = append(rules, c.rules(b)...)
		}
	}
	return rules
}

// rulesRole is the key of the role of the pipeline's own rules.
const rulesRole = "role/rules"

func (b *builder) rulesRoleARN() string { return b.arn.role(b.names.role("rules")) }

// ownRuleParts are the pipeline's own rules with one role for all of them: the provider defines their SQL and their
// targets, so separate roles would protect nothing, while every role costs two requests per plan and counts against the
// account's quota. A route has a role of its own.
func (b *builder) ownRuleParts() []assembly.Part {
	rules := b.ownRules()
	keys := make([]string, len(rules))
	var grants []statement
	for i, r := range rules {
		keys[i] = r.key
		for _, g := range r.grants {
			if !slices.ContainsFunc(grants, func(other statement) bool { return reflect.DeepEqual(g, other) }) {
				grants = append(grants, g)
			}
		}
	}
	parts := []assembly.Part{b.ruleRole("rules",
		"Lets the rules of pipeline "+b.config.Name+" write to its "+b.source()+", archive and dead-letter queue",
		sorted(keys), grants...)}
	for _, r := range rules {
		parts = append(parts, b.rule(r.key, rulesRole, r.needs, func(up assembly.Upstream) (spec.TopicRule, error) {
			sql, err := r.sql()
			if err != nil {
				return spec.TopicRule{}, err
			}
			actions, err := r.actions(up)
			return spec.TopicRule{SQL: sql, Description: r.description, Actions: actions}, err
		}))
	}
	return parts
}

// rule adds what all rules have: the error action into the dead-letter queue, whose URL only AWS knows, and tags.
func (b *builder) rule(
	key, role string,
	needs []string,
	desired func(assembly.Upstream) (spec.TopicRule, error),
) assembly.Part {
	name := b.names.rule(key)
	roleARN := b.arn.role(b.names.role(strings.TrimPrefix(role, "role/")))
	return assembly.Part{
		Key: contract.KeyRulePrefix + key, Kind: spec.KindTopicRule, Name: name, ARN: b.arn.rule(name),
		Needs: sorted(append([]string{"dead_letters", role}, needs...)),
		Want: func(up assembly.Upstream) (any, error) {
			url, err := deadLettersURL(up)
			if err != nil {
				return nil, err
			}
			rule, err := desired(up)
			rule.ErrorAction = &spec.Action{SQS: &spec.SQSAction{RoleARN: roleARN, QueueURL: url}}
			rule.Tags = b.env.Tags
			return rule, err
		},
	}
}

// from is the FROM clause of a pipeline's own rule.
func (b *builder) from(topic string) string { return "'" + b.prefix() + "/+/" + topic + "'" }

// thingLevel is the level of a topic that holds the device, counted from 1.
func (b *builder) thingLevel() int { return strings.Count(b.prefix(), "/") + 2 }

// thingTemplate is the device in a substitution template.
func (b *builder) thingTemplate() string { return "${" + b.thingCall() + "}" }

// thingCall is the device in SQL.
func (b *builder) thingCall() string { return "topic(" + itoa(b.thingLevel()) + ")" }
