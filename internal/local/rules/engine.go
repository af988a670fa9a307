// Package rules is the rules engine of AWS IoT Core on one machine: it evaluates topic rules with iotsql and performs
// their actions against an endpoint; what fails goes to the rule's error action. [IoT-SQL 17]
//
// It does not know where rules and messages come from, nor how functions run.
package rules

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/clients"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/event"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/pending"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

const (
	// lanes is how many actions run at once; the messages of one topic stay in one lane, hence in order.
	lanes = 16
	// laneLength bounds what waits in a lane. A full lane makes the publisher wait; nothing is dropped.
	laneLength = 256
)

// A Rule is a topic rule as the IoT API gives it.
type Rule = types.TopicRule

// Options are what the engine works with.
type Options struct {
	Clients   *clients.Set
	AccountID string
	// Publish sends a republished message.
	Publish func(message.Message) error
	// Invoke accepts an event for a function, by the ARN in the rule.
	Invoke func(ctx context.Context, functionARN string, payload []byte) error
	// Call runs a function and waits for its answer; for aws_lambda() in SQL.
	Call func(ctx context.Context, functionARN string, payload []byte) ([]byte, error)
	// Stored is told the name of a stream that has got records; it may be nil.
	Stored func(stream string)
	Events event.Sink
	// RetryFor is how long an action is retried when its service is throttled or unwell; 0 means 30 seconds.
	RetryFor time.Duration
}

// An Engine runs rules until it is closed.
type Engine struct {
	options  Options
	external *external
	rules    atomic.Pointer[ruleSet]
	seed     maphash.Seed
	lanes    [lanes]chan job
	workers  sync.WaitGroup
	pending  pending.Counter // executions with an action that is not done
	ctx      context.Context
	cancel   context.CancelFunc

	mu      sync.Mutex
	streams map[string]*batcher
}

type ruleSet struct {
	all    []*rule
	byName map[string]*rule
}

// rule is a compiled topic rule, immutable.
type rule struct {
	name        string
	query       *iotsql.Query
	disabled    bool
	actions     []action
	errorAction action // nil without one
}

type job struct {
	execution *execution
	action    action
	input     *input
	onError   bool // the action is the error action
}

// New returns an engine without rules.
func New(o Options) *Engine {
	if o.RetryFor == 0 {
		o.RetryFor = 30 * time.Second
	}
	e := &Engine{options: o, external: &external{clients: o.Clients, call: o.Call}, seed: maphash.MakeSeed(), streams: map[string]*batcher{}}
	e.rules.Store(&ruleSet{byName: map[string]*rule{}})
	e.ctx, e.cancel = context.WithCancel(context.Background())
	for i := range e.lanes {
		e.lanes[i] = make(chan job, laneLength)
		e.workers.Go(func() { e.work(e.lanes[i]) })
	}
	return e
}

// Set replaces the rules; messages in progress end under the old ones. The error joins one error per rule that does not
// compile; the other rules run all the same.
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
	o := iotsql.Options{RuleName: *r.RuleName, Version: "2015-10-08"} // [IoT-SQL 1] what the API uses when the property is unset
	if r.AwsIotSqlVersion != nil {
		o.Version = *r.AwsIotSqlVersion
	}
	query, err := iotsql.Compile(*r.Sql, o)
	if err != nil {
		return nil, err
	}
	c := &rule{name: *r.RuleName, query: query, disabled: r.RuleDisabled != nil && *r.RuleDisabled}
	p := preparer{engine: e, options: o}
	for _, a := range r.Actions {
		c.actions = append(c.actions, p.prepare(a))
	}
	if r.ErrorAction != nil {
		c.errorAction = p.prepare(*r.ErrorAction)
	}
	return c, p.err()
}

// Handle evaluates the rules for a message and hands their actions on. It returns when the actions are on their way,
// which may have to wait for others.
func (e *Engine) Handle(m message.Message) {
	set := e.rules.Load()
	sql := e.sqlMessage(&m)
	if name, _, basic := topic.TrimBasicIngest(m.Topic); basic {
		r := set.byName[name]
		if r == nil || r.disabled {
			e.options.Events.Send(event.Event{Kind: event.Failed, Thing: m.ClientID, Topic: m.Topic, Rule: name, Error: "RuleNotFound: no such rule, or it is disabled"})
			return
		}
		e.execute(r, &m, sql)
		return
	}
	for _, r := range set.all {
		if !r.disabled && topic.MatchRule(r.query.Topic(), m.Topic) {
			e.execute(r, &m, sql)
		}
	}
}

func (e *Engine) sqlMessage(m *message.Message) *iotsql.Message {
	s := &iotsql.Message{
		Topic: m.Topic, Payload: m.Payload, ClientID: m.ClientID, Principal: m.Principal, SourceIP: m.SourceIP, AccountID: e.options.AccountID,
		TraceID: m.TraceID, Time: m.Time, External: e.external,
	}
	if p := m.Properties; p != nil {
		s.MQTT5 = &iotsql.Properties{UTF8: p.PayloadFormatUTF8, ContentType: p.ContentType, ResponseTopic: p.ResponseTopic, CorrelationData: p.CorrelationData}
		for _, u := range p.User {
			s.MQTT5.User = append(s.MQTT5.User, iotsql.UserProperty{Key: u.Key, Value: u.Value})
		}
	}
	return s
}

// execute evaluates one rule and dispatches its actions.
func (e *Engine) execute(r *rule, m *message.Message, sql *iotsql.Message) {
	result, err := r.query.Eval(e.ctx, sql)
	if err != nil {
		e.options.Events.Send(event.Event{Kind: event.Failed, Thing: m.ClientID, Topic: m.Topic, Rule: r.name, Error: "evaluating the rule: " + err.Error()})
		return
	}
	if !result.Matched || len(r.actions) == 0 {
		return
	}
	x := &execution{engine: e, rule: r, message: m, sql: sql}
	x.left.Store(int32(len(r.actions)))
	e.pending.Begin()
	in := &input{execution: x, payload: result.Payload, json: result.JSON}
	for _, a := range r.actions {
		e.dispatch(job{execution: x, action: a, input: in})
	}
}

// dispatch gives the action to its stream's batcher or to a lane, and waits while that is full.
func (e *Engine) dispatch(j job) {
	if k, ok := j.action.(*kinesisAction); ok {
		k.enqueue(j)
		return
	}
	lane := maphash.String(e.seed, j.execution.message.Topic) % lanes
	select {
	case e.lanes[lane] <- j:
	case <-e.ctx.Done():
		j.execution.done(j, time.Now(), "", e.ctx.Err())
	}
}

func (e *Engine) work(lane chan job) {
	for {
		select {
		case j := <-lane:
			began := time.Now()
			resource, err := j.action.do(e.ctx, j.input)
			j.execution.done(j, began, resource, err)
		case <-e.ctx.Done():
			return
		}
	}
}

// Wait returns when every action of every message handled so far is done, its error action included.
func (e *Engine) Wait(ctx context.Context) error { return e.pending.Wait(ctx) }

// Close gives up what is not done; call Wait first to lose nothing.
func (e *Engine) Close() {
	e.cancel()
	e.workers.Wait()
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
