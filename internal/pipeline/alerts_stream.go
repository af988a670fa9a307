package pipeline

import (
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/syntax"
)

// onlyRules are the functions that only a topic rule can answer: those about what comes with a message, which a record
// of the stream does not hold, and those that call another service with the role of the rule.
var onlyRules = func() []string {
	list := []string{"clientid", "principal", "sourceip", "accountid", "traceid", "get_mqtt_property",
		"get_user_properties"}
	for _, f := range iotsql.Functions() {
		if f.External {
			list = append(list, strings.ToLower(f.Name))
		}
	}
	return list
}()

// checkAlertsInStream refuses what the processor cannot decide as a topic rule does: it sees what is in the stream.
func (c *checker) checkAlertsInStream(config Spec) {
	const path = "alerts.evaluate"
	if t := config.Telemetry; t != nil && (t.Select != nil || t.Where != nil) {
		c.fail(path, "The stream does not hold what the devices send", "With telemetry.select or telemetry.where, the "+
			"stream holds what the telemetry rule selects, and alert conditions are about what devices send. Write "+
			"evaluate = %q, or remove select and where.", EvaluateByRule)
	}
	if p := config.Processor; p != nil && p.Package != nil {
		c.fail(path, "This processor evaluates no alerts", "processor.package replaces the function that evaluates "+
			"alert conditions. Write evaluate = %q, or remove the package.", EvaluateByRule)
	}
	for _, key := range sortedKeys(config.Alerts.Rules) {
		r, rule := config.Alerts.Rules[key], at("alerts.rules", key)
		for _, text := range []struct {
			name, value string
			template    bool
		}{{"when", r.When, false}, {"message", deref(r.Message), true}, {"command", deref(r.Command), true}} {
			if !c.known(rule + "." + text.name) {
				continue
			}
			if calls := onlyByRule(text.value, text.template); len(calls) > 0 {
				c.fail(rule+"."+text.name, "Only a topic rule can answer "+calls[0]+"()", "The processor has the "+
					"message and its topic, but not what %s answers. Write alerts.evaluate = %q, or an expression "+
					"without it.", strings.Join(calls, "(), ")+"()", EvaluateByRule)
			}
		}
	}
}

// onlyByRule returns the functions that a condition or a template calls and only a topic rule can answer. Other checks
// report a text that is wrong.
func onlyByRule(text string, template bool) []string {
	var roots []syntax.Expr
	if template {
		parts, _ := syntax.ParseTemplate(text)
		for _, part := range parts {
			roots = append(roots, part.X)
		}
	} else {
		x, _ := syntax.ParseCondition(text)
		roots = append(roots, x)
	}
	var found []string
	for _, root := range roots {
		found = callsIn(root, found)
	}
	return sorted(found)
}

// callsIn adds the functions of onlyRules that an expression calls, and the queries in it.
func callsIn(x syntax.Expr, found []string) []string {
	if x == nil {
		return found
	}
	if call, ok := x.(*syntax.Call); ok {
		name := strings.ToLower(call.Name)
		if slices.Contains(onlyRules, name) && !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	children := syntax.Children(x)
	switch x := x.(type) {
	case *syntax.Exists:
		children = expressions(x.Query)
	case *syntax.Subquery:
		children = expressions(x.Query)
	}
	for _, child := range children {
		found = callsIn(child, found)
	}
	return found
}

// streamingAlerts are the parts that the processor needs to pass messages to the alerts function.
func (b *builder) streamingAlerts() []string {
	if !b.alertsInStream() {
		return nil
	}
	return []string{"alert_rules", "alert_topic", "function/alerts"}
}
