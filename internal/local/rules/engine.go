// Package rules is a local rules engine for AWS IoT Core: it evaluates topic rules with iotsql and performs their
// actions against an AWS-compatible endpoint. When actions fail, the rule's error action runs. [IoT-SQL 17]
//
// It does not know where rules and messages come from, nor how functions run.
package rules

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/lane"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

const (
	// lanes is how many actions run at once. The actions for one topic share a lane, so they run in order.
	lanes = 16
	// laneLength is how many actions a lane queues. A full lane blocks the publisher; nothing is dropped.
	laneLength = 256
)

// A Rule is a topic rule as the IoT API returns it.
type Rule = types.TopicRule

// Options configure an engine.
type Options struct {
	Clients *awsapi.Clients
	// Credentials sign HTTP actions that use SigV4.
	Credentials aws.CredentialsProvider
	AccountID   string
	// Publish sends a republished message.
	Publish func(message.Message) error
	// Invoke queues an event for a function, by the ARN in the rule.
	Invoke func(ctx context.Context, functionARN string, payload []byte) error
	// Call runs a function and returns its answer; for aws_lambda() in SQL.
	Call func(ctx context.Context, functionARN string, payload []byte) ([]byte, error)
	// Stored reports the name of a stream that received records; it may be nil.
	Stored func(stream string)
	// Sent reports the name of a queue that received a message; it may be nil.
	Sent func(queue string)
	// Deliver takes a record for a delivery stream, or returns false: then Firehose gets it. It may be nil.
	Deliver func(stream string, data []byte) bool
	Events  runlog.Sink
	// RetryFor is how long a throttled or unavailable service is retried; 0 means 30 seconds.
	RetryFor time.Duration
}

// An Engine runs rules until it is closed.
type Engine struct {
	options    Options
	external   *external
	rules      atomic.Pointer[ruleSet]
	lanes      *lane.Executor[laneJob]
	executions lane.Counter // executions with an unfinished action
	ctx        context.Context
	cancel     context.CancelFunc

	mu      sync.Mutex
	streams map[string]*batcher
}

type ruleSet struct {
	all    []*rule
	byName map[string]*rule
}

// rule is a compiled topic rule; it is immutable.
type rule struct {
	name        string
	query       *iotsql.Query
	disabled    bool
	actions     []action
	errorAction action // nil without one
}

// New returns an engine without rules.
func New(o Options) *Engine {
	if o.RetryFor == 0 {
		o.RetryFor = 30 * time.Second
	}
	e := &Engine{
		options:  o,
		external: &external{clients: o.Clients, call: o.Call},
		lanes:    lane.New(lanes, laneLength, runInLane),
		streams:  map[string]*batcher{},
	}
	e.rules.Store(&ruleSet{byName: map[string]*rule{}})
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e
}

// Set replaces the rules; messages in progress finish under the old ones. The error joins one error per rule that does
// not compile; the other rules run anyway.
func (e *Engine) Set(rules []Rule) error {
	set := &ruleSet{byName: map[string]*rule{}}
	var problems []error
	for _, r := range rules {
		c, err := e.compile(r)
		if err != nil {
			problems = append(problems, fmt.Errorf("compiling topic rule %q: %w", *r.RuleName, err))
			continue
		}
		set.all = append(set.all, c)
		set.byName[c.name] = c
	}
	e.rules.Store(set)
	return errors.Join(problems...)
}

func (e *Engine) compile(r Rule) (*rule, error) {
	o := iotsql.Options{RuleName: *r.RuleName, Version: "2015-10-08"} // [IoT-SQL 1] the API's default
	if r.AwsIotSqlVersion != nil {
		o.Version = *r.AwsIotSqlVersion
	}
	query, err := iotsql.Compile(*r.Sql, o)
	if err != nil {
		return nil, err
	}
	c := &rule{name: *r.RuleName, query: query, disabled: aws.ToBool(r.RuleDisabled)}
	p := preparer{engine: e, options: o}
	for _, a := range r.Actions {
		c.actions = append(c.actions, p.prepare(a))
	}
	if r.ErrorAction != nil {
		c.errorAction = p.prepare(*r.ErrorAction)
	}
	return c, p.err()
}

// Handle evaluates the rules for a message and starts their actions. It returns once all of them are queued, which may
// mean waiting for earlier ones.
func (e *Engine) Handle(m message.Message) {
	set := e.rules.Load()
	m.AccountID, m.External = e.options.AccountID, e.external
	if name, _, basic := topic.TrimBasicIngest(m.Topic); basic {
		r := set.byName[name]
		if r == nil || r.disabled {
			e.fail(name, &m, "RuleNotFound: the rule does not exist or is disabled")
			return
		}
		e.execute(r, &m)
		return
	}
	for _, r := range set.all {
		if !r.disabled && topic.Match(r.query.Topic(), m.Topic) {
			e.execute(r, &m)
		}
	}
}

// execute evaluates one rule and starts its actions.
func (e *Engine) execute(r *rule, m *message.Message) {
	result, err := r.query.Eval(e.ctx, &m.Message)
	if err != nil {
		e.fail(r.name, m, "evaluating the rule: "+err.Error())
		return
	}
	if !result.Matched || len(r.actions) == 0 {
		return
	}
	x := &execution{engine: e, rule: r, message: m}
	x.left.Store(int32(len(r.actions)))
	e.executions.Begin()
	in := &input{execution: x, payload: result.Payload, json: result.JSON}
	for _, a := range r.actions {
		a.start(job{kind: a.names(), input: in})
	}
}

// fail logs a rule that could not be run for a message.
func (e *Engine) fail(rule string, m *message.Message, problem string) {
	e.options.Events.Send(
		runlog.Event{Kind: runlog.Failed, Thing: m.ClientID, Topic: m.Topic, Rule: rule, Error: problem},
	)
}

// Wait returns once every action of every message handled so far is done, error actions included.
func (e *Engine) Wait(ctx context.Context) error { return e.executions.Wait(ctx) }

// Close drops unfinished actions; call Wait first to lose nothing.
func (e *Engine) Close() {
	e.cancel()
	e.lanes.Close()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, b := range e.streams {
		b.stop()
	}
}

// stream returns the batcher of a stream.
func (e *Engine) stream(name string) *batcher {
	e.mu.Lock()
	defer e.mu.Unlock()
	b := e.streams[name]
	if b == nil {
		b = startBatcher(e, name)
		e.streams[name] = b
	}
	return b
}

// functionName is the name in a function's ARN, without version or alias.
func functionName(arn string) string {
	if _, rest, ok := strings.Cut(arn, ":function:"); ok {
		arn = rest
	}
	name, _, _ := strings.Cut(arn, ":")
	return name
}
