package rules

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

// Trial is what a rule would do with a message.
type Trial struct {
	Filter   string // after FROM
	Hears    bool   // the filter matches the topic
	Matched  bool   // the condition holds
	Payload  []byte // the input of the actions
	JSON     bool   // Payload is JSON
	Warnings []iotsql.Diagnostic
	// Actions are the rule's actions with their substitution templates filled in; empty unless Matched.
	Actions []TriedAction
}

// TriedAction is an action with what its templates say for the message.
type TriedAction struct {
	Kind    string          // as in the API: "Kinesis"
	Members json.RawMessage // with the values of templates
	Error   string          // of a template
}

// Try evaluates a rule for a message, whether the rule hears its topic or not. It carries no action out; functions in
// the SQL that call other services do call them. The error is an iotsql.ErrorList if the SQL is wrong.
func (e *Engine) Try(ctx context.Context, r Rule, m message.Message) (Trial, error) {
	version := aws.ToString(r.AwsIotSqlVersion)
	if version == "" {
		version = "2015-10-08" // [IoT-SQL 1] the API's default
	}
	o := iotsql.Options{RuleName: aws.ToString(r.RuleName), Version: version}
	query, err := iotsql.Compile(aws.ToString(r.Sql), o)
	if err != nil {
		return Trial{}, err
	}
	m.AccountID, m.External = e.options.AccountID, e.external
	t := Trial{Filter: query.Topic(), Hears: topic.Match(query.Topic(), m.Topic), Warnings: query.Warnings()}
	if name, _, basic := topic.TrimBasicIngest(m.Topic); basic {
		t.Hears = name == o.RuleName
	}
	result, err := query.Eval(ctx, &m.Message)
	if err != nil || !result.Matched {
		return t, err
	}
	t.Matched, t.Payload, t.JSON = true, result.Payload, result.JSON
	for _, a := range r.Actions {
		t.Actions = append(t.Actions, fillIn(ctx, query, o, a, &m.Message))
	}
	return t, nil
}

// fillIn evaluates every template in an action, whatever its kind.
func fillIn(ctx context.Context, q *iotsql.Query, o iotsql.Options, action any, m *iotsql.Message) TriedAction {
	var tried TriedAction
	text, err := json.Marshal(action)
	var kinds map[string]any
	if err == nil {
		err = json.Unmarshal(text, &kinds)
	}
	for name, members := range kinds {
		if members == nil {
			continue
		}
		var problem error
		tried.Kind = name
		filled := walk(members, func(s string) string {
			template, err := iotsql.CompileTemplate(s, o)
			if err == nil {
				s, err = q.EvalTemplate(ctx, template, m)
			}
			if err != nil {
				problem = err
			}
			return s
		})
		if problem != nil {
			tried.Error = problem.Error()
		}
		tried.Members, err = json.Marshal(filled)
	}
	if err != nil {
		tried.Error = err.Error()
	}
	return tried
}

// walk replaces the templates in a JSON value, and leaves out members that are not set.
func walk(v any, fill func(string) string) any {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, "${") {
			return fill(v)
		}
	case []any:
		for i := range v {
			v[i] = walk(v[i], fill)
		}
	case map[string]any:
		for name, member := range v {
			if member == nil || member == "" {
				delete(v, name)
				continue
			}
			v[name] = walk(member, fill)
		}
	}
	return v
}
