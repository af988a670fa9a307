// Package shadow serves the reserved MQTT topics of device shadows, classic and named: get, update and delete with
// their answers, delta and documents. The endpoint's IoT data API stores the shadows.
package shadow

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/lane"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

const (
	// maxDocument is the largest shadow document in bytes. [AWS 1.3]
	maxDocument = 8 << 10
	lanes       = 4
	laneLength  = 64
)

// A Service answers shadow requests until it is closed. Requests for one thing are served in order.
type Service struct {
	client  *iotdataplane.Client
	publish func(message.Message) error
	events  runlog.Sink
	lanes   *lane.Executor[request]

	mu    sync.Mutex
	known map[string]known // by the topic without its operation
}

// known is a shadow that a device has asked for, as it was last seen.
type known struct {
	request  request
	document map[string]json.RawMessage // nil: there was none
}

// request is one message on a shadow topic.
type request struct {
	prefix    string // the topic without its operation
	thing     string
	name      *string // nil for the classic shadow
	operation string
	payload   []byte
	reply     chan<- result // of size 1, for a request over HTTP; it gets no rejection as a message
}

// result is the answer to a request over HTTP.
type result struct {
	payload []byte
	err     error
}

// New starts the service; publish sends its answers.
func New(client *iotdataplane.Client, publish func(message.Message) error, events runlog.Sink) *Service {
	s := &Service{client: client, publish: publish, events: events, known: map[string]known{}}
	s.lanes = lane.New(lanes, laneLength, s.serve)
	return s
}

// Handle queues a message if it is a shadow request.
func (s *Service) Handle(m message.Message) {
	if r, ok := parse(m.Topic); ok {
		r.payload = m.Payload
		s.lanes.Submit(r.thing, r)
	}
}

// Update changes a shadow for a request over HTTP; without a name, the classic one. As on AWS, devices hear of it as if
// a device had asked. The error has the data plane's code.
func (s *Service) Update(ctx context.Context, thing, name string, payload []byte) ([]byte, error) {
	reply := make(chan result, 1)
	r := request{prefix: "$aws/things/" + thing + "/shadow", thing: thing, operation: "update", payload: payload,
		reply: reply}
	if name != "" {
		r.prefix, r.name = r.prefix+"/name/"+name, &name
	}
	if !s.lanes.Submit(thing, r) {
		return nil, context.Canceled
	}
	select {
	case got := <-reply:
		return got.payload, got.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Refresh tells devices of changes that somebody made at the endpoint, as AWS IoT does at once. It looks at the shadows
// that devices have asked for.
func (s *Service) Refresh() {
	s.mu.Lock()
	looks := make([]request, 0, len(s.known))
	for _, k := range s.known {
		looks = append(looks, request{prefix: k.request.prefix, thing: k.request.thing, name: k.request.name,
			operation: look})
	}
	s.mu.Unlock()
	for _, r := range looks {
		s.lanes.Submit(r.thing, r)
	}
}

// look is the operation of a request that is nobody's.
const look = "look"

// look publishes what has changed since the shadow was last seen.
func (s *Service) look(ctx context.Context, r request) error {
	now, err := s.document(ctx, r)
	if err != nil && status(err) != http.StatusNotFound {
		return err
	}
	s.mu.Lock()
	before := s.known[r.prefix].document
	s.mu.Unlock()
	s.see(r, now)
	if now == nil || string(now["version"]) == string(before["version"]) {
		return nil
	}
	return errors.Join(s.delta(r, "", now), s.documents(r, "", before, now))
}

// see remembers a shadow.
func (s *Service) see(r request, document map[string]json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[r.prefix] = known{r, document}
}

// Close ends the service and drops queued requests.
func (s *Service) Close() { s.lanes.Close() }

// parse reads $aws/things/<thing>/shadow[/name/<name>]/<operation>.
func parse(topic string) (r request, ok bool) {
	levels := strings.Split(topic, "/")
	if len(levels) < 5 || levels[0] != "$aws" || levels[1] != "things" || levels[3] != "shadow" {
		return r, false
	}
	r = request{thing: levels[2], operation: levels[len(levels)-1], prefix: topic[:strings.LastIndexByte(topic, '/')]}
	switch {
	case len(levels) == 7 && levels[4] == "name":
		r.name = &levels[5]
	case len(levels) != 5:
		return r, false // an answer, such as update/accepted
	}
	return r, r.operation == "get" || r.operation == "update" || r.operation == "delete"
}

func (s *Service) serve(ctx context.Context, r request) {
	began := time.Now()
	if r.operation == look {
		if err := s.look(ctx, r); err != nil && ctx.Err() == nil {
			s.events.Send(runlog.Event{Kind: runlog.Failed, Thing: r.thing, Action: "shadow", Error: err.Error()})
		}
		return
	}
	var token struct {
		ClientToken string `json:"clientToken"`
	}
	_ = json.Unmarshal(r.payload, &token) // a request without JSON has no token; update refuses it below
	var err error
	switch r.operation {
	case "get":
		err = s.get(ctx, r, token.ClientToken)
	case "update":
		err = s.update(ctx, r, token.ClientToken)
	case "delete":
		err = s.delete(ctx, r, token.ClientToken)
	}
	e := runlog.Event{
		Kind:     runlog.Acted,
		Thing:    r.thing,
		Topic:    r.prefix + "/" + r.operation,
		Action:   "shadow",
		Duration: time.Since(began),
	}
	if err != nil {
		e.Error = err.Error()
	}
	switch {
	case err == nil:
	case r.reply != nil:
		r.answer(nil, err)
	default:
		s.reject(r, token.ClientToken, err)
	}
	s.events.Send(e)
}

// answer answers a request over HTTP, once.
func (r request) answer(payload []byte, err error) {
	if r.reply == nil {
		return
	}
	select {
	case r.reply <- result{payload, err}:
	default:
	}
}

func (s *Service) get(ctx context.Context, r request, token string) error {
	document, err := s.document(ctx, r)
	if err == nil || status(err) == http.StatusNotFound {
		s.see(r, document)
	}
	if err != nil {
		return err
	}
	return s.send(r.prefix+"/get/accepted", withToken(document, token))
}

// document reads the shadow.
func (s *Service) document(ctx context.Context, r request) (map[string]json.RawMessage, error) {
	out, err := s.client.GetThingShadow(ctx, &iotdataplane.GetThingShadowInput{ThingName: &r.thing, ShadowName: r.name})
	if err != nil {
		return nil, err
	}
	var document map[string]json.RawMessage
	return document, json.Unmarshal(out.Payload, &document)
}

func (s *Service) update(ctx context.Context, r request, token string) error {
	if len(r.payload) > maxDocument {
		return refusal{http.StatusRequestEntityTooLarge, "The payload exceeds the maximum size allowed"}
	}
	if !json.Valid(r.payload) {
		return refusal{http.StatusBadRequest, "Invalid JSON"}
	}
	before, err := s.document(ctx, r)
	if err != nil && status(err) != http.StatusNotFound {
		return err
	}
	out, err := s.client.UpdateThingShadow(ctx,
		&iotdataplane.UpdateThingShadowInput{ThingName: &r.thing, ShadowName: r.name, Payload: r.payload})
	if err != nil {
		return err
	}
	defer r.answer(out.Payload, nil) // whatever becomes of the messages, the shadow has changed
	var accepted map[string]json.RawMessage
	if err := json.Unmarshal(out.Payload, &accepted); err != nil {
		return err
	}
	if err := s.send(r.prefix+"/update/accepted", withToken(accepted, token)); err != nil {
		return err
	}
	after, err := s.document(ctx, r)
	if err != nil {
		return err
	}
	s.see(r, after)
	return errors.Join(s.delta(r, token, after), s.documents(r, token, before, after))
}

// delta publishes how the desired state differs from the reported one, if it does.
func (s *Service) delta(r request, token string, after map[string]json.RawMessage) error {
	var state, metadata map[string]json.RawMessage
	if json.Unmarshal(after["state"], &state) != nil || len(state["delta"]) == 0 {
		return nil
	}
	delta := map[string]json.RawMessage{
		"version":   after["version"],
		"timestamp": after["timestamp"],
		"state":     state["delta"],
	}
	if json.Unmarshal(after["metadata"], &metadata) == nil && len(metadata["desired"]) > 0 {
		delta["metadata"] = metadata["desired"]
	}
	return s.send(r.prefix+"/update/delta", withToken(delta, token))
}

// documents publishes the whole shadow before and after the update.
func (s *Service) documents(r request, token string, before, after map[string]json.RawMessage) error {
	part := func(d map[string]json.RawMessage) map[string]json.RawMessage {
		var state map[string]json.RawMessage
		if json.Unmarshal(d["state"], &state) == nil {
			delete(state, "delta")
		}
		text, _ := json.Marshal(state) // made of JSON
		return map[string]json.RawMessage{"state": text, "metadata": d["metadata"], "version": d["version"]}
	}
	body := map[string]any{"current": part(after), "timestamp": after["timestamp"]}
	if before != nil {
		body["previous"] = part(before)
	}
	if token != "" {
		body["clientToken"] = token
	}
	return s.send(r.prefix+"/update/documents", body)
}

func (s *Service) delete(ctx context.Context, r request, token string) error {
	out, err := s.client.DeleteThingShadow(ctx,
		&iotdataplane.DeleteThingShadowInput{ThingName: &r.thing, ShadowName: r.name})
	if err != nil {
		return err
	}
	var document map[string]json.RawMessage
	if err := json.Unmarshal(out.Payload, &document); err != nil {
		return err
	}
	return s.send(r.prefix+"/delete/accepted",
		withToken(map[string]json.RawMessage{"version": document["version"], "timestamp": document["timestamp"]},
			token))
}

// refusal is an invalid request, with the data plane's code and text.
type refusal struct {
	code int
	text string
}

// Error is the message for the device.
func (r refusal) Error() string { return r.text }

// HTTPStatusCode is the status of the answer over HTTP.
func (r refusal) HTTPStatusCode() int { return r.code }

// status is the HTTP status of a failed call, which is also the code of a rejection.
func status(err error) int {
	var own refusal
	if errors.As(err, &own) {
		return own.code
	}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return http.StatusInternalServerError
}

func (s *Service) reject(r request, token string, err error) {
	text := err.Error()
	var api smithy.APIError
	if errors.As(err, &api) {
		text = api.ErrorMessage()
	}
	body := map[string]any{"code": status(err), "message": text, "timestamp": time.Now().Unix()}
	if token != "" {
		body["clientToken"] = token
	}
	if err := s.send(r.prefix+"/"+r.operation+"/rejected", body); err != nil {
		s.events.Send(runlog.Event{Kind: runlog.Failed, Thing: r.thing, Action: "shadow", Error: err.Error()})
	}
}

func withToken(document map[string]json.RawMessage, token string) map[string]json.RawMessage {
	if token != "" {
		text, _ := json.Marshal(token) // a string always marshals
		document["clientToken"] = text
	}
	for name, value := range document {
		if value == nil {
			delete(document, name)
		}
	}
	return document
}

func (s *Service) send(topic string, body any) error {
	payload, err := json.Marshal(body)
	if err != nil {
		return err
	}
	m := message.New(topic, payload)
	m.QoS = 1
	return s.publish(m)
}
