package alerts

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/thing"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// event is one message, as the alerts rule passes it on.
type event struct {
	payload    []byte
	topic      string
	thing      string // from the topic, which the IoT policy guards
	clientID   string
	receivedAt time.Time
	traceID    string
	inStream   bool // the processor has passed it on, and its trace ID is that of the record
}

// parseEvent reads the output of the rule's SQL. After an error, a retry cannot help; parseEvent then returns what it
// could read.
func parseEvent(text []byte, now time.Time) (event, error) {
	var raw struct {
		Payload    *string `json:"payload"`
		Topic      string  `json:"topic"`
		Thing      string  `json:"thing"`
		ClientID   string  `json:"client_id"`
		ReceivedAt int64   `json:"received_at"`
		TraceID    string  `json:"trace_id"`
		Evaluated  string  `json:"evaluated"`
	}
	e := event{receivedAt: now}
	if err := json.Unmarshal(text, &raw); err != nil {
		return e, fmt.Errorf("the event does not have the form that the alerts rule produces: %w", err)
	}
	e.topic, e.thing, e.clientID, e.traceID = raw.Topic, raw.Thing, raw.ClientID, raw.TraceID
	e.inStream = raw.Evaluated == contract.EvaluatedInStream
	if raw.ReceivedAt > 0 {
		e.receivedAt = time.UnixMilli(raw.ReceivedAt).UTC()
	}
	if !thing.Valid(raw.Thing) {
		return e, errors.New("the event's thing is not a thing's name")
	}
	if raw.Payload == nil {
		return e, errors.New("the event has no payload")
	}
	var err error
	if e.payload, err = base64.StdEncoding.DecodeString(*raw.Payload); err != nil {
		return e, errors.New("the event's payload is not base64")
	}
	return e, nil
}

// view is what conditions and templates see of a message: its payload, or one of its readings.
type view struct {
	event      *event
	thresholds map[string]json.RawMessage
	message    *iotsql.Message
	reading    *telemetry.Reading // nil: the whole payload
}

// views are what the rules see of one message. With telemetry settings, which the rules engine does not know, that is
// each of its readings in decoded form. Without, it is the payload as it was sent, or else its readings.
type views struct {
	handler    *handler
	event      *event
	thresholds map[string]json.RawMessage

	sent    []view // the payload as it was sent; nil with telemetry settings
	decoded []view // in the order of time; nil until they are needed
	err     error  // of decoding: a *telemetry.Error
}

// open prepares the views of a message. The error is a *telemetry.Error if rules can see no more of it.
func (h *handler) open(e *event, thresholds map[string]json.RawMessage) (*views, error) {
	v := &views{handler: h, event: e, thresholds: thresholds}
	if h.decoded {
		if err := v.decode(); err != nil {
			return nil, err
		}
		return v, v.err
	}
	m, err := e.message(e.payload, thresholds)
	v.sent = []view{{event: e, thresholds: thresholds, message: m}}
	return v, err
}

// of returns the views for a rule. A payload that is not a plain object and lacks what the condition reads is decoded;
// if that fails, the condition still sees it as it was sent.
func (v *views) of(ctx context.Context, r *rule) ([]view, error) {
	if v.sent == nil {
		return v.decoded, nil
	}
	if r.undecided == nil {
		return v.sent, nil
	}
	undecided, err := r.undecided.Eval(ctx, v.sent[0].message)
	if err != nil || !undecided {
		return v.sent, err
	}
	if v.decoded == nil && v.err == nil {
		if err := v.decode(); err != nil {
			return nil, err
		}
	}
	if v.err != nil {
		return v.sent, nil
	}
	return v.decoded, nil
}

// decode makes a view of every reading.
func (v *views) decode() error {
	var readings []telemetry.Reading
	readings, v.err = v.handler.decoder.Decode(v.event.payload, v.event.receivedAt)
	if v.err != nil {
		return nil
	}
	slices.SortStableFunc(readings, func(a, b telemetry.Reading) int { return a.Time.Compare(b.Time) })
	v.decoded = make([]view, len(readings))
	for i := range readings {
		payload, err := readings[i].Form()
		if err != nil {
			return err
		}
		m, err := v.event.message(payload, v.thresholds)
		if err != nil {
			return err
		}
		v.decoded[i] = view{event: v.event, thresholds: v.thresholds, message: m, reading: &readings[i]}
	}
	return nil
}

// message converts a payload for the SQL engine and adds the two names that conditions can use besides its own.
func (e *event) message(payload []byte, thresholds map[string]json.RawMessage) (*iotsql.Message, error) {
	all, err := json.Marshal(thresholds)
	if err != nil {
		return nil, err
	}
	name, err := json.Marshal(e.thing)
	if err != nil {
		return nil, err
	}
	return &iotsql.Message{
		Topic: e.topic, Payload: payload, ClientID: e.clientID, TraceID: e.traceID, Time: e.receivedAt,
		Bindings: map[string]json.RawMessage{"thing": name, "threshold": all},
	}, nil
}
