package rules

import (
	"context"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// States of an alert, as the measure alerts.<rule> has them.
const (
	Raised  = "raised"
	Cleared = "cleared"
)

// alertMeasure begins the name of the measure that says an alert's state.
const alertMeasure = "alerts."

// maxPayload is the size of an MQTT payload in bytes [AWS 1.3].
const maxPayload = 128 << 10

// alert raises or clears the alert of the child that sent the message in progress.
func (e *Engine) alert(dst []Output, r *rule, child string, at Time) []Output {
	if !topic.Match(r.from, e.message.Topic) {
		return dst
	}
	s := e.seriesOf(r, child, at)
	if s == nil {
		return dst // counted as overflow
	}
	query, state, command := r.query, Raised, r.command
	if s.raised {
		query, state, command = r.cleared, Cleared, r.ended
	}
	result, ok := r.eval(query, &e.message)
	if !ok {
		return dst
	}
	s.raised = !s.raised
	if s.raised {
		r.counters.Matched++
		r.counters.Raised++
	} else {
		r.counters.Cleared++
	}
	dst = e.state(dst, r, child, state, result.Payload, at)
	return e.command(dst, r, command, child)
}

// state forwards an alert's state, with what the SELECT says about the message.
func (e *Engine) state(dst []Output, r *rule, child, state string, payload []byte, at Time) []Output {
	when, measures := at.Wall, []telemetry.Measure(nil)
	readings, err := e.decode(payload, at)
	if err != nil {
		r.counters.Unreadable++
	} else {
		newest := slices.MaxFunc(readings, func(a, b telemetry.Reading) int { return a.Time.Compare(b.Time) })
		when, measures = newest.Time, slices.Clone(newest.Measures)
	}
	return e.passed(dst, r, child, when,
		append(measures, alertState(r.name, state)))
}

// alertState is the measure that says an alert's state.
func alertState(name, state string) telemetry.Measure {
	return telemetry.Measure{Name: alertMeasure + name, Kind: telemetry.String, Text: state}
}

// commandOf sends the command of a command rule.
func (e *Engine) commandOf(dst []Output, r *rule, child string, at Time) []Output {
	if s := e.seriesOf(r, child, at); !s.allow(r, at) {
		return dst
	}
	return e.command(dst, r, r.command, child)
}

// command renders a command and appends it.
func (e *Engine) command(dst []Output, r *rule, payload renderer, child string) []Output {
	if payload == nil {
		return dst
	}
	m := e.message
	m.Bindings = thing(child)
	target := child
	if r.target != nil {
		text, err := r.target.Eval(context.Background(), &m)
		if err != nil {
			r.fail("rendering command.child: %v", err)
			return dst
		}
		target = text
	}
	if rest, ok := strings.CutPrefix(target, e.config.Gateway+":"); !ok || rest == "" || !topicLevel(target) {
		r.fail("command.child is %q, which is no child of %s: their names begin with %s:", cut(target),
			e.config.Gateway, e.config.Gateway)
		return dst
	}
	text, err := payload.Eval(context.Background(), &m)
	switch {
	case err != nil:
		r.fail("rendering the command: %v", err)
		return dst
	case len(text) > maxPayload:
		r.fail("the command has %d bytes, and a message has at most %d", len(text), maxPayload)
		return dst
	}
	r.counters.Commands++
	return append(dst, Output{Kind: ToChild, Child: target, Topic: e.config.Prefix + "/" + target + commandTopic,
		Payload: []byte(text), Priority: r.priority, Rule: r.name})
}

// topicLevel reports whether text can be one level of a topic.
func topicLevel(text string) bool {
	return topic.ValidateName(text) == nil && !strings.Contains(text, "/")
}

// cut shortens a text for an error.
func cut(text string) string {
	const most = 128
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
