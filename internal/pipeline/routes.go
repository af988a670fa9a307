package pipeline

import (
	"fmt"
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// maxActions is AWS's limit on the actions of a rule [AWS 1.3 topic rules].
const maxActions = 10

// RouteSpec is a topic rule defined by the user. It has at least one action and at most one of each kind; a second
// action of the same kind needs a second route.
type RouteSpec struct {
	SQL         string  `json:"sql"`
	Description *string `json:"description,omitzero"`
	Enabled     *bool   `json:"enabled,omitzero"`
	// KMSKeyARNs are the keys that encrypt the targets. The route's role may use them.
	KMSKeyARNs []string `json:"kms_key_arns,omitzero"`

	Kinesis          *KinesisRoute          `json:"kinesis,omitzero"`
	S3               *S3Route               `json:"s3,omitzero"`
	Lambda           *LambdaRoute           `json:"lambda,omitzero"`
	SNS              *SNSRoute              `json:"sns,omitzero"`
	SQS              *SQSRoute              `json:"sqs,omitzero"`
	DynamoDB         *DynamoDBRoute         `json:"dynamodb,omitzero"`
	DynamoDBv2       *DynamoDBv2Route       `json:"dynamodbv2,omitzero"`
	Firehose         *FirehoseRoute         `json:"firehose,omitzero"`
	Timestream       *TimestreamRoute       `json:"timestream,omitzero"`
	CloudWatchMetric *CloudWatchMetricRoute `json:"cloudwatch_metric,omitzero"`
	CloudWatchLogs   *CloudWatchLogsRoute   `json:"cloudwatch_logs,omitzero"`
	CloudWatchAlarm  *CloudWatchAlarmRoute  `json:"cloudwatch_alarm,omitzero"`
	Republish        *RepublishRoute        `json:"republish,omitzero"`
	HTTP             *HTTPRoute             `json:"http,omitzero"`
	StepFunctions    *StepFunctionsRoute    `json:"step_functions,omitzero"`
	OpenSearch       *OpenSearchRoute       `json:"opensearch,omitzero"`
	Kafka            *KafkaRoute            `json:"kafka,omitzero"`
	IoTSiteWise      *IoTSiteWiseRoute      `json:"iot_sitewise,omitzero"`
	Location         *LocationRoute         `json:"location,omitzero"`
}

// allActions lists every action that a route can have, by the name of its attribute. The action is nil where the
// route does not set the attribute.
func (r RouteSpec) allActions() []namedAction {
	return []namedAction{
		named("kinesis", r.Kinesis),
		named("s3", r.S3),
		named("lambda", r.Lambda),
		named("sns", r.SNS),
		named("sqs", r.SQS),
		named("dynamodb", r.DynamoDB),
		named("dynamodbv2", r.DynamoDBv2),
		named("firehose", r.Firehose),
		named("timestream", r.Timestream),
		named("cloudwatch_metric", r.CloudWatchMetric),
		named("cloudwatch_logs", r.CloudWatchLogs),
		named("cloudwatch_alarm", r.CloudWatchAlarm),
		named("republish", r.Republish),
		named("http", r.HTTP),
		named("step_functions", r.StepFunctions),
		named("opensearch", r.OpenSearch),
		named("kafka", r.Kafka),
		named("iot_sitewise", r.IoTSiteWise),
		named("location", r.Location),
	}
}

// actionPaths are the paths of the actions of every route.
func actionPaths() []string {
	var paths []string
	for _, a := range (RouteSpec{}).allActions() {
		paths = append(paths, "routes.*."+a.name)
	}
	return paths
}

// actions lists the actions that the route has.
func (r RouteSpec) actions() []namedAction {
	return slices.DeleteFunc(r.allActions(), func(a namedAction) bool { return a.routeAction == nil })
}

// routes are the topic rules defined by the user, each with its own role.
func routes() capability {
	return capability{
		shapes: []shape{{arguments: append([]string{"routes", "routes.*"}, actionPaths()...), parts: true,
			outputs: []string{"rule_arns"}}},
		check: func(c *checker, s Spec) { c.checkRoutes(s) },
		parts: func(b *builder) []assembly.Part {
			var parts []assembly.Part
			for _, key := range sortedKeys(b.config.Routes) {
				parts = append(parts, b.route(key, b.config.Routes[key])...)
			}
			return parts
		},
		outputs: func(b *builder, _ assembly.Upstream, out *Outputs) {
			for key := range b.config.Routes {
				out.RuleARNs[key] = b.arn.rule(b.names.rule(key))
			}
		},
	}
}

// route is a rule defined by the user, and its role.
func (b *builder) route(key string, r RouteSpec) []assembly.Part {
	purpose := "route/" + key
	role := b.ruleRole(purpose, "Lets rule "+key+" of pipeline "+b.config.Name+" reach its targets",
		[]string{key}, b.routeGrants(r)...)
	rule := spec.TopicRule{SQL: r.SQL, Description: deref(r.Description), Disabled: !*or(r.Enabled, true)}
	for _, a := range r.actions() {
		rule.Actions = append(rule.Actions, a.desired(role.ARN))
	}
	return []assembly.Part{role,
		b.rule(key, "role/"+purpose, nil, func(assembly.Upstream) (spec.TopicRule, error) { return rule, nil })}
}

// routeGrants are the statements that let a route's role perform the route's actions.
func (b *builder) routeGrants(r RouteSpec) []statement {
	var list []statement
	for _, a := range r.actions() {
		list = append(list, a.grants(b.arn)...)
	}
	if len(r.KMSKeyARNs) > 0 {
		keys := slices.Sorted(slices.Values(r.KMSKeyARNs))
		list = append(list, allow([]string{"kms:Decrypt", "kms:GenerateDataKey"}, keys...))
	}
	return list
}

func (c *checker) checkRoutes(config Spec) {
	names := names{pipeline: config.Name}
	for _, key := range sortedKeys(config.Routes) {
		r, path := config.Routes[key], at("routes", key)
		summary := fmt.Sprintf("Route name %s is not valid", excerpt(key))
		switch {
		case slices.Contains(reservedRoutes, key):
			c.fail(path, summary, "%q is the name of one of the pipeline's own rules. Choose another name.", key)
		case !routePattern.MatchString(key) || len(key) > MaxRouteKey:
			c.fail(path, summary, "The rule's name ends with it, and AWS IoT allows no hyphen there: start with a "+
				"lowercase letter, then use lowercase letters, digits and underscores, %d characters at most.",
				MaxRouteKey)
		}
		query := c.rule(path+".sql", r.SQL, names.rule(key))
		for i, arn := range r.KMSKeyARNs {
			c.text(item(path+".kms_key_arns", i), arn, keyARNPattern,
				"write the key's ARN, arn:aws:kms:<region>:<account>:key/<id>")
		}
		c.checkActionCount(path, key, r)
		for _, a := range r.actions() {
			a.check(&actionChecker{checker: c, path: path + "." + a.name, query: query})
		}
	}
}

func (c *checker) checkActionCount(path, key string, r RouteSpec) {
	unknown := func(a namedAction) bool { return !c.known(path + "." + a.name) }
	switch n := len(r.actions()); {
	case n == 0 && !slices.ContainsFunc(r.allActions(), unknown):
		c.fail(path, fmt.Sprintf("Route %q has no action", key),
			"A rule without an action does nothing. Add one, such as kinesis, s3, lambda, sns or republish.")
	case n > maxActions:
		c.fail(path, fmt.Sprintf("Route %q has too many actions", key),
			"It has %d and AWS IoT allows %d per rule. Move some to a second route with the same sql.", n, maxActions)
	}
}
