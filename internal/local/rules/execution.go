package rules

import (
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

// An execution is one run of one rule for one message.
type execution struct {
	engine  *Engine
	rule    *rule
	message *message.Message
	left    atomic.Int32 // unfinished actions

	mu       sync.Mutex
	failures []failure
}

// input is what an action works on: the result of the SELECT, or the document of an error action.
type input struct {
	execution *execution
	payload   []byte
	json      bool
}

type failure struct {
	Action   string `json:"failedAction"`
	Resource string `json:"failedResource"`
	Message  string `json:"errorMessage"`
}

// A job is one action started for one input.
type job struct {
	kind
	input   *input
	onError bool   // the action is the rule's error action
	record  string // the sequence number that a stream gave the input
}

// done records the outcome of the job; it is called once. After the last action of the rule, the error action starts if
// any of them failed: once per rule and message, with all failures in one document. [AWS 2.1 ERRA]
func (j job) done(began time.Time, resource string, err error) {
	x := j.input.execution
	e := runlog.Event{
		Kind:     runlog.Acted,
		Thing:    x.message.ClientID,
		Topic:    x.message.Topic,
		Rule:     x.rule.name,
		Action:   j.key,
		Target:   resource,
		Duration: time.Since(began),
		Trace:    x.message.TraceID,
		Payload:  j.input.payload,
	}
	if j.record != "" {
		e.Records = []string{j.record}
	}
	if err != nil {
		e.Error = err.Error()
	}
	if j.onError {
		e.Detail = "error action"
	}
	x.engine.options.Events.Send(e)
	if j.onError {
		x.engine.executions.End()
		return
	}
	if err != nil {
		x.mu.Lock()
		x.failures = append(x.failures, failure{Action: j.aws, Resource: resource, Message: err.Error()})
		x.mu.Unlock()
	}
	if x.left.Add(-1) > 0 {
		return
	}
	a := x.rule.errorAction
	if len(x.failures) == 0 || a == nil {
		x.engine.executions.End()
		return
	}
	// In a new goroutine: this one may belong to the very queue that start has to wait for.
	go a.start(job{kind: a.names(), input: x.errorInput(), onError: true})
}

// errorInput is AWS IoT's document for an error action. [IoT-SQL 17 Error action]
func (x *execution) errorInput() *input {
	name := x.message.Topic
	if _, rest, ok := topic.TrimBasicIngest(name); ok {
		name = rest
	}
	document, _ := json.Marshal(struct { // strings and bytes always marshal
		RuleName string    `json:"ruleName"`
		Topic    string    `json:"topic"`
		TraceID  string    `json:"cloudwatchTraceId"`
		ClientID string    `json:"clientId"`
		SourceIP string    `json:"sourceIp"`
		Payload  []byte    `json:"base64OriginalPayload"`
		Failures []failure `json:"failures"`
	}{x.rule.name, name, x.message.TraceID, x.message.ClientID, x.message.SourceIP, x.message.Payload, x.failures})
	return &input{execution: x, payload: document, json: true}
}
