package rules

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

// rule is a compiled rule and what it remembers.
type rule struct {
	name     string
	source   Rule
	action   string
	query    *iotsql.Query
	from     string
	cleared  *iotsql.Query // of an alert: selects where it ends
	target   *iotsql.Template
	command  renderer // nil without
	ended    renderer // the command when an alert ends; nil without
	priority Priority

	series   map[string]*series
	open     []*series // with an open window, in the order in which they close
	counters RuleCounters
}

// renderer is a compiled template.
type renderer interface {
	Eval(context.Context, *iotsql.Message) (string, error)
}

// compile checks a configuration and compiles its rules, in the order of their names.
func compile(config Config) ([]*rule, []Problem) {
	general := checker{}
	general.config(config)
	problems := general.problems
	prefix := config.Prefix
	if topic.ValidateName(prefix) != nil {
		prefix = "" // one problem is enough
	}
	var rules []*rule
	for _, name := range slices.Sorted(maps.Keys(config.Rules)) {
		c := checker{rule: name}
		source := config.Rules[name]
		c.settings(source)
		r := &rule{name: name, source: source, action: source.action(), priority: source.priority(),
			series: map[string]*series{}}
		c.sql(r, prefix)
		c.commands(r)
		rules, problems = append(rules, r), append(problems, c.problems...)
	}
	return rules, problems
}

func (c *checker) sql(r *rule, prefix string) {
	if strings.TrimSpace(r.source.SQL) == "" {
		c.fail("sql", "it is empty; write SELECT * FROM '%s/+/telemetry' WHERE …", prefix)
		return
	}
	query, err := iotsql.Compile(r.source.SQL, sqlOptions)
	if err != nil {
		c.fail("sql", "%v", err)
		return
	}
	r.query, r.from = query, query.Topic()
	c.filter(r, prefix)
	if r.action != ActionAlert {
		return
	}
	where := query.Where()
	if where == "" {
		c.fail("sql", "an alert needs WHERE: the condition that raises it")
		return
	}
	field, condition := "sql", "NOT ("+where+")"
	if r.source.Alert != nil && r.source.Alert.ClearWhen != "" {
		field, condition = "alert.clear_when", r.source.Alert.ClearWhen
	}
	if r.cleared, err = query.WithWhere(condition, sqlOptions); err != nil {
		c.fail(field, "%v", err)
	}
}

// filter checks FROM: a rule sees messages of children, and a rule that forwards makes telemetry of them.
func (c *checker) filter(r *rule, prefix string) {
	if prefix == "" {
		return
	}
	rest, below := strings.CutPrefix(r.from, prefix+"/")
	switch _, kind, named := strings.Cut(rest, "/"); {
	case r.from == "":
		c.fail("sql", "it has no FROM; write FROM '%s/+/telemetry'", prefix)
	case topic.Reserved(r.from):
		c.fail("sql", "FROM '%s' is a topic of AWS IoT, which no child publishes to; write FROM '%s/+/telemetry'",
			r.from, prefix)
	case !below:
		c.fail("sql", "FROM '%s' is not below the topic prefix; children publish below '%s/<thing>/', so write FROM "+
			"'%s/+/telemetry'", r.from, prefix, prefix)
	case r.action == ActionForward && (!named || strings.ContainsAny(kind, "+#")):
		c.fail("sql", "FROM '%s' covers more than telemetry, and the rule would forward all of it as telemetry; write "+
			"FROM '%s/+/telemetry'", r.from, prefix)
	}
}

func (c *checker) commands(r *rule) {
	command := r.source.Command
	if command == nil {
		if r.action == ActionCommand {
			c.fail("command", "the action command needs it: command = { payload = \"…\" }")
		}
		return
	}
	if command.Child != "" {
		r.target = c.template("command.child", command.Child)
	}
	if command.Payload == "" {
		c.fail("command.payload", "it is empty; write what the child gets, such as {\"fan\":\"on\"}")
	} else {
		r.command = c.renderer("command.payload", command.Payload)
	}
	if command.ClearedPayload != "" {
		if r.action != ActionAlert {
			c.fail("command.cleared_payload", "only an alert ends; remove it, or use the action alert")
		}
		r.ended = c.renderer("command.cleared_payload", command.ClearedPayload)
	}
}

func (c *checker) template(field, text string) *iotsql.Template {
	t, err := iotsql.CompileTemplate(text, textOptions)
	if err != nil {
		c.fail(field, "%v", err)
		return nil
	}
	if v := t.Variables(); len(v) > 0 {
		c.fail(field, "it reads @%s; SET variables exist in the rule's SQL only, so repeat the expression", v[0])
	}
	return t
}

// renderer compiles a command. A command that is JSON remains JSON whatever the device sends, so that a device cannot
// write its own commands. Any other command is plain text, with the values as they are.
func (c *checker) renderer(field, text string) renderer {
	t := c.template(field, text)
	if t == nil {
		return nil
	}
	document, err := t.JSON()
	if err == nil {
		return document
	}
	var list iotsql.ErrorList
	start := strings.TrimSpace(text)
	if (strings.HasPrefix(start, "{") || strings.HasPrefix(start, "[")) && errors.As(err, &list) {
		c.fail(field, "it looks like JSON but is not; an expression is a whole value, or inside a string: %v", list)
	}
	return t
}
