package page

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/google/uuid"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
)

// attempt is what the playground evaluates.
type attempt struct {
	Rule    string `json:"rule"` // whose actions are shown; "" for none
	SQL     string `json:"sql"`
	Version string `json:"version"`
	Topic   string `json:"topic"`
	Payload string `json:"payload"`
	Base64  bool   `json:"base64"` // the payload is encoded
	Client  string `json:"client"`
}

// outcome is what came of it.
type outcome struct {
	Errors   []remark      `json:"errors,omitempty"` // in the SQL; nothing else is set
	Problem  string        `json:"problem,omitempty"`
	Warnings []remark      `json:"warnings,omitempty"`
	Filter   string        `json:"filter"`
	Hears    bool          `json:"hears"`
	Matched  bool          `json:"matched"`
	Output   string        `json:"output,omitempty"`
	Actions  []filledInJob `json:"actions,omitempty"`
}

// remark is an error or a warning, with its place in the SQL.
type remark struct {
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
	Excerpt string `json:"excerpt"` // the line, and below it a caret
}

// filledInJob is an action as it would be carried out.
type filledInJob struct {
	Kind    string          `json:"kind"`
	Members json.RawMessage `json:"members"`
	Error   string          `json:"error,omitempty"`
}

func remarks(list []iotsql.Diagnostic) []remark {
	all := make([]remark, 0, len(list))
	for _, d := range list {
		all = append(all, remark{d.Line, d.Column, d.Message, d.Excerpt})
	}
	return all
}

// try evaluates SQL for a message with the engine that runs the rules.
func (s *Server) try(r *http.Request) (any, error) {
	var a attempt
	if err := read(r, &a); err != nil {
		return nil, err
	}
	payload := []byte(a.Payload)
	if a.Base64 {
		var err error
		if payload, err = base64.StdEncoding.DecodeString(a.Payload); err != nil {
			return nil, invalid("the payload is not base64: %v", err)
		}
	}
	rule := iottypes.TopicRule{RuleName: aws.String(a.Rule)}
	deployed := s.options.Runtime.Deployed().Rules
	if at := slices.IndexFunc(deployed, func(r iottypes.TopicRule) bool { return *r.RuleName == a.Rule }); at >= 0 {
		rule = deployed[at]
	}
	rule.Sql, rule.AwsIotSqlVersion = &a.SQL, aws.String(first(a.Version, "2016-03-23"))
	m := message.New(a.Topic, payload)
	m.ClientID, m.Time, m.TraceID = a.Client, time.Now(), uuid.NewString()
	trial, err := s.options.Runtime.Try(r.Context(), rule, m)
	var wrong iotsql.ErrorList
	if errors.As(err, &wrong) {
		return outcome{Errors: remarks(wrong)}, nil
	}
	o := outcome{Warnings: remarks(trial.Warnings), Filter: trial.Filter, Hears: trial.Hears, Matched: trial.Matched}
	if err != nil {
		o.Problem = err.Error()
		return o, nil
	}
	o.Output = shown(trial.Payload)
	for _, t := range trial.Actions {
		o.Actions = append(o.Actions, filledInJob(t))
	}
	return o, nil
}
