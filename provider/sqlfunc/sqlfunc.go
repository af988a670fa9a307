// Package sqlfunc holds the provider functions about rules: AWS IoT SQL evaluated and
// checked on this machine, without an account. The meaning of SQL is in internal/iotsql.
package sqlfunc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

// All are the constructors of the functions.
func All() []func() function.Function {
	return []func() function.Function{
		func() function.Function { return eval{} },
		func() function.Function { return check{} },
		func() function.Function { return matches{} },
	}
}

type eval struct{}

func (eval) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "sql_eval"
}

func (eval) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Evaluates an AWS IoT SQL statement on one message",
		MarkdownDescription: "Evaluates a statement as the rules engine would. `matched` is whether the topic " +
			"matches the FROM clause and the WHERE clause is true; `output` is the JSON input of the rule's actions, " +
			"or null. It runs locally, so functions that call AWS, such as `get_thing_shadow`, are errors.",
		Parameters: []function.Parameter{
			function.StringParameter{
				Name:                "sql",
				MarkdownDescription: "Statement, such as `SELECT * FROM 'farm/+/telemetry' WHERE humidity < 35`.",
			},
			function.StringParameter{Name: "topic", MarkdownDescription: "Topic of the message."},
			function.StringParameter{
				Name:                "payload_json",
				MarkdownDescription: "Payload of the message; `jsonencode({…})` or any text.",
			},
		},
		VariadicParameter: function.DynamicParameter{
			Name: "context",
			MarkdownDescription: "At most one object with the message's other properties, all optional: " +
				"`client_id`, `principal`, `source_ip`, `account_id`, `trace_id`, `time` (RFC 3339; default: now), " +
				"`sql_version`.",
		},
		Return: function.ObjectReturn{AttributeTypes: resultTypes},
	}
}

var resultTypes = map[string]attr.Type{"matched": types.BoolType, "output": types.StringType}

func (eval) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var sql, topicName, payload string
	var extra []types.Dynamic
	if resp.Error = req.Arguments.Get(ctx, &sql, &topicName, &payload, &extra); resp.Error != nil {
		return
	}
	message, version, err := messageOf(extra)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(3, err.Error())
		return
	}
	query, err := iotsql.Compile(sql, iotsql.Options{Version: version})
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, err.Error())
		return
	}
	message.Topic, message.Payload = topicName, []byte(payload)
	result, err := query.Eval(ctx, message)
	if err != nil {
		resp.Error = function.NewFuncError(fmt.Sprintf("Evaluating the statement on topic %q: %s", topicName, err))
		return
	}
	resp.Error = resp.Result.Set(ctx, resultOf(result))
}

func resultOf(r iotsql.Result) types.Object {
	output := types.StringNull()
	if r.Matched {
		output = types.StringValue(string(r.Payload))
	}
	return types.ObjectValueMust(resultTypes,
		map[string]attr.Value{"matched": types.BoolValue(r.Matched), "output": output})
}

// surroundings is what a message has besides topic and payload.
type surroundings struct {
	ClientID   string
	Principal  string
	SourceIP   string
	AccountID  string
	TraceID    string
	Time       string
	SQLVersion string
}

func messageOf(extra []types.Dynamic) (*iotsql.Message, string, error) {
	var s surroundings
	switch {
	case len(extra) > 1:
		return nil, "", fmt.Errorf("one context at most, got %d", len(extra))
	case len(extra) == 1:
		if err := decode(extra[0].UnderlyingValue(), &s); err != nil {
			return nil, "", err
		}
	}
	at := time.Now()
	if s.Time != "" {
		var err error
		if at, err = time.Parse(time.RFC3339Nano, s.Time); err != nil {
			return nil, "", fmt.Errorf("context.time: %q is not like \"2026-01-31T12:00:00Z\"", s.Time)
		}
	}
	return &iotsql.Message{
		ClientID: s.ClientID, Principal: s.Principal, SourceIP: s.SourceIP, AccountID: s.AccountID, TraceID: s.TraceID,
		Time: at,
	}, s.SQLVersion, nil
}

// decode reads an object of strings; an unknown member is an error that names the known ones.
func decode(v attr.Value, s *surroundings) error {
	object, ok := v.(types.Object)
	if !ok {
		return errors.New("the context must be an object, such as { client_id = \"soil-001\" }")
	}
	members := map[string]string{}
	for name, value := range object.Attributes() {
		text, ok := value.(types.String)
		if !ok {
			return fmt.Errorf("context.%s must be a string", name)
		}
		if !text.IsNull() {
			members[name] = text.ValueString()
		}
	}
	return strict(members, s)
}

func strict(members map[string]string, s *surroundings) error {
	fields := map[string]*string{
		"client_id":   &s.ClientID,
		"principal":   &s.Principal,
		"source_ip":   &s.SourceIP,
		"account_id":  &s.AccountID,
		"trace_id":    &s.TraceID,
		"time":        &s.Time,
		"sql_version": &s.SQLVersion,
	}
	for name, value := range members {
		field, ok := fields[name]
		if !ok {
			return fmt.Errorf(
				"context has no member %q; it has client_id, principal, source_ip, account_id, trace_id, time and "+
					"sql_version",
				name,
			)
		}
		*field = value
	}
	return nil
}

type check struct{}

func (check) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "sql_errors"
}

func (check) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Lists the errors in an AWS IoT SQL statement",
		MarkdownDescription: "Returns up to ten messages with line and column, in the order of the text. An empty " +
			"list means that the statement is valid.",
		Parameters: []function.Parameter{
			function.StringParameter{Name: "sql", MarkdownDescription: "Statement."},
		},
		Return: function.ListReturn{ElementType: types.StringType},
	}
}

func (check) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var sql string
	if resp.Error = req.Arguments.Get(ctx, &sql); resp.Error != nil {
		return
	}
	messages := []string{}
	_, err := iotsql.Compile(sql, iotsql.Options{})
	var list iotsql.ErrorList
	switch {
	case errors.As(err, &list):
		for _, d := range list {
			messages = append(messages, fmt.Sprintf("%d:%d: %s", d.Line, d.Column, d.Message))
		}
	case err != nil:
		messages = append(messages, err.Error())
	}
	resp.Error = resp.Result.Set(ctx, messages)
}

type matches struct{}

func (matches) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "topic_matches"
}

func (matches) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Reports whether a topic matches a topic filter",
		MarkdownDescription: "Matches topics as the rules engine does: `+` matches one level, `#` one or more levels " +
			"at the end, and `farm/#` does not match `farm`.",
		Parameters: []function.Parameter{
			function.StringParameter{Name: "filter", MarkdownDescription: "Topic filter, such as `farm/+/telemetry`."},
			function.StringParameter{Name: "topic", MarkdownDescription: "Topic, such as `farm/soil-001/telemetry`."},
		},
		Return: function.BoolReturn{},
	}
}

func (matches) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var filter, name string
	if resp.Error = req.Arguments.Get(ctx, &filter, &name); resp.Error != nil {
		return
	}
	if err := topic.ValidateFilter(filter); err != nil {
		resp.Error = function.NewArgumentFuncError(0, err.Error())
		return
	}
	if err := topic.ValidateName(name); err != nil {
		resp.Error = function.NewArgumentFuncError(1, err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, topic.Match(filter, name))
}
