package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/thing"
)

// event is one message, as the alerts rule passes it on.
type event struct {
	payload    []byte
	topic      string
	thing      string // from the topic, which the IoT policy guards
	clientID   string
	receivedAt time.Time
	traceID    string
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
	}
	e := event{receivedAt: now}
	if err := json.Unmarshal(text, &raw); err != nil {
		return e, fmt.Errorf("the event does not have the form that the alerts rule produces: %w", err)
	}
	e.topic, e.thing, e.clientID, e.traceID = raw.Topic, raw.Thing, raw.ClientID, raw.TraceID
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

// message converts the event for the SQL engine and adds the two names that conditions can use besides the payload's.
func (e *event) message(thresholds map[string]json.RawMessage) (*iotsql.Message, error) {
	all, err := json.Marshal(thresholds)
	if err != nil {
		return nil, err
	}
	name, err := json.Marshal(e.thing)
	if err != nil {
		return nil, err
	}
	return &iotsql.Message{
		Topic: e.topic, Payload: e.payload, ClientID: e.clientID, TraceID: e.traceID, Time: e.receivedAt,
		Bindings: map[string]json.RawMessage{"thing": name, "threshold": all},
	}, nil
}
