package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/sqstext"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// Bounds on the parts of a notice. They cut what is of little use; forms ensures that the whole fits.
const (
	maxSubject = 99 // characters [AWS 7.2 Subject]
	maxMessage = 8192
	maxValues  = 50
	maxValue   = 256 // bytes of the name or the text of one value
)

// maxForms is below SNS's 256 KiB [AWS 7.2], which the subject and the attributes count for.
const maxForms = 250 << 10

// notice announces an alert or its end.
type notice struct {
	Pipeline   string                     `json:"pipeline"`
	Rule       string                     `json:"rule"`
	Severity   string                     `json:"severity"`
	State      string                     `json:"state"` // "alert" or "resolved"
	Thing      string                     `json:"thing"`
	Topic      string                     `json:"topic"`
	Message    string                     `json:"message"`
	When       string                     `json:"when"`
	Time       string                     `json:"time"`        // the device's, or the broker's
	ReceivedAt string                     `json:"received_at"` // the broker's
	Suppressed int                        `json:"suppressed"`  // alerts held back by the cooldown since the last notice
	Values     map[string]json.RawMessage `json:"values"`
	Thresholds map[string]json.RawMessage `json:"thresholds,omitempty"`
	TraceID    string                     `json:"trace_id,omitempty"`
}

const timeForm = "2006-01-02T15:04:05.000Z07:00"

// newNotice fills in what a notice says about the message itself.
func newNotice(pipeline string, r *rule, v *view, decoder *telemetry.Decoder) *notice {
	e := v.event
	n := &notice{
		Pipeline: pipeline, Rule: r.name, Severity: r.severity, Thing: e.thing, Topic: e.topic, When: r.when,
		Time: e.receivedAt.Format(timeForm), ReceivedAt: e.receivedAt.Format(timeForm),
		Values: map[string]json.RawMessage{}, Thresholds: v.thresholds, TraceID: e.traceID,
	}
	m := v.reading
	if m == nil {
		readings, err := decoder.Decode(e.payload, e.receivedAt)
		if err != nil {
			return n // a payload that is not telemetry has no values to show; its conditions were true anyway
		}
		m = &readings[len(readings)-1]
	}
	n.Time = m.Time.Format(timeForm)
	for _, measure := range m.Measures[:min(len(m.Measures), maxValues)] {
		text := json.RawMessage(measure.Text)
		if measure.Kind == telemetry.String || len(text) > maxValue {
			// A string always has a JSON form.
			text, _ = json.Marshal(cut(measure.Text, maxValue))
		}
		n.Values[cut(measure.Name, maxValue)] = text
	}
	return n
}

// cut shortens text to at most limit bytes, between characters.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}

// subject returns the notice as one line that SNS accepts: printable ASCII, fewer than 100 characters.
func (n *notice) subject() string {
	state := n.Severity
	if n.State == "resolved" {
		state = "resolved"
	}
	text := fmt.Sprintf("[%s] %s on %s: %s", state, n.Rule, n.Thing, n.Message)
	clean := make([]byte, 0, maxSubject)
	space := true // none at the start, none after another
	for _, r := range text {
		if len(clean) == maxSubject {
			break
		}
		switch {
		case r <= ' ' || r == 0x7f || r == 0x85 || r == 0xa0 || r == 0x2028 || r == 0x2029:
			if !space {
				clean = append(clean, ' ')
			}
			space = true
			continue
		case r > '~':
			r = '?'
		}
		clean, space = append(clean, byte(r)), false
	}
	return strings.TrimRight(string(clean), " ")
}

// text returns the notice for people.
func (n *notice) text() string {
	var b strings.Builder
	headline := n.Message
	if n.State == "resolved" {
		headline = "Resolved: " + headline
	}
	fmt.Fprintf(&b,
		"%s\n\nSeverity:   %s\nAlert:      %s\nDevice:     %s\nPipeline:   %s\nTime:       %s\nCondition:  %s\n",
		headline, n.Severity, n.Rule, n.Thing, n.Pipeline, n.Time, n.When)
	list(&b, "Values:     ", n.Values)
	list(&b, "Thresholds: ", n.Thresholds)
	if n.Suppressed > 0 {
		fmt.Fprintf(&b, "Suppressed: %d since the last notice\n", n.Suppressed)
	}
	return b.String()
}

func list(b *strings.Builder, label string, values map[string]json.RawMessage) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(b, "%s%s = %s\n", label, oneLine(name), oneLine(string(values[name])))
		label = strings.Repeat(" ", len(label))
	}
}

// topicAPI is the part of the SNS client that the alert handler uses.
type topicAPI interface {
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

// forms returns the notice in the form of each protocol. It shortens the notice until all of them fit: escapes can
// make a value seven times as long, and a device could silence its own alerts if SNS refused them.
func (n *notice) forms() ([]byte, error) {
	for {
		document, err := json.Marshal(n)
		if err != nil {
			return nil, err
		}
		text, object := n.text(), string(sqstext.Escape(document))
		forms, err := json.Marshal(map[string]string{
			"default": text, "email": text, "email-json": object, "sms": n.subject(),
			"sqs": object, "lambda": object, "http": object, "https": object, "firehose": object,
		})
		if err != nil || len(forms) <= maxForms || !n.shorten() {
			return forms, err
		}
	}
}

// shorten removes a part of what the notice can best do without, and reports whether there was any.
func (n *notice) shorten() bool {
	const longWhen, enough = 4096, 512 // bytes
	switch {
	case len(n.When) > longWhen:
		n.When = cut(n.When, longWhen/2)
	case len(n.Values) > 0:
		n.Values = half(n.Values)
	case len(n.Message) > enough:
		n.Message = cut(n.Message, len(n.Message)/2)
	case len(n.Thresholds) > 0:
		n.Thresholds = half(n.Thresholds)
	default:
		return false
	}
	return true
}

// half returns the first half of the values, by name.
func half(values map[string]json.RawMessage) map[string]json.RawMessage {
	names := slices.Sorted(maps.Keys(values))
	kept := make(map[string]json.RawMessage, len(names)/2)
	for _, name := range names[:len(names)/2] {
		kept[name] = values[name]
	}
	return kept
}

// publish notifies the subscribers: people get the text, programs the JSON, filter policies the attributes.
func publish(ctx context.Context, client topicAPI, topicARN string, n *notice) error {
	forms, err := n.forms()
	if err != nil {
		return fmt.Errorf("writing alert %q for %q: %w", n.Rule, n.Thing, err)
	}
	_, err = client.Publish(ctx, &sns.PublishInput{
		TopicArn: aws.String(topicARN), Subject: aws.String(n.subject()), Message: aws.String(string(forms)),
		MessageStructure: aws.String("json"),
		MessageAttributes: map[string]types.MessageAttributeValue{
			"severity": attribute(n.Severity), "rule": attribute(n.Rule), "pipeline": attribute(n.Pipeline),
			"thing": attribute(n.Thing), "state": attribute(n.State),
		},
	})
	if err != nil {
		return fmt.Errorf("publishing alert %q for %q: %w", n.Rule, n.Thing, err)
	}
	return nil
}

func attribute(value string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
}

// received returns how long ago the broker received the message, in milliseconds.
func (e *event) received(now time.Time) int64 { return now.UnixMilli() - e.receivedAt.UnixMilli() }
