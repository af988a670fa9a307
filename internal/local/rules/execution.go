package rules

import (
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/event"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

// An execution is one rule run for one message.
type execution struct {
	engine  *Engine
	rule    *rule
	message *message.Message
	sql     *iotsql.Message
	left    atomic.Int32 // actions that are not done

	mu       sync.Mutex
	failures []failure
}

// input is what an action gets: the output of the SELECT, or the document of an error action.
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

// done takes the outcome of one action; after the last, what failed goes to the error action. It runs once per rule and
// message, with all failures in one document. [AWS 2.1 ERRA]
func (x *execution) done(j job, began time.Time, resource string, err error) {
	e := event.Event{Kind: event.Acted, Thing: x.message.ClientID, Topic: x.message.Topic, Rule: x.rule.name, Action: j.action.label(), Target: resource, Duration: time.Since(began)}
	if err != nil {
		e.Error = err.Error()
	}
	if j.onError {
		e.Detail = "error action"
	}
	x.engine.options.Events.Send(e)
	if j.onError {
		x.engine.pending.End()
		return
	}
	if err != nil {
		x.mu.Lock()
		x.failures = append(x.failures, failure{Action: j.action.name(), Resource: resource, Message: err.Error()})
		x.mu.Unlock()
	}
	if x.left.Add(-1) > 0 {
		return
	}
	if len(x.failures) == 0 || x.rule.errorAction == nil {
		x.engine.pending.End()
		return
	}
	// Not from a lane's own goroutine: a full lane would wait for itself.
	go x.engine.dispatch(job{execution: x, action: x.rule.errorAction, input: x.errorInput(), onError: true})
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
