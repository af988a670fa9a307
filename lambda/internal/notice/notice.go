// Package notice publishes notices to the subscribers of the alert topic: people get text, programs JSON, and filter
// policies attributes. It must not know what a notice is about.
package notice

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/sqstext"
)

const (
	maxSubject = 99 // characters [AWS 7.2 Subject]
	// maxForms is below SNS's 256 KiB [AWS 7.2], which the subject and the attributes count for.
	maxForms = 250 << 10
)

// TimeForm is how notices write times.
const TimeForm = "2006-01-02T15:04:05.000Z07:00"

// States of what a notice is about.
const (
	Alert    = "alert"
	Resolved = "resolved"
)

// Notice announces an alert or its end, of one device, of many, or of the pipeline itself.
type Notice struct {
	Pipeline   string                     `json:"pipeline"`
	Rule       string                     `json:"rule"`
	Severity   string                     `json:"severity"`
	State      string                     `json:"state"` // Alert or Resolved
	Thing      string                     `json:"thing"` // empty for many, and for the pipeline
	Topic      string                     `json:"topic"`
	Message    string                     `json:"message"`
	When       string                     `json:"when"`
	Time       string                     `json:"time"`        // the device's, or the broker's
	ReceivedAt string                     `json:"received_at"` // the broker's
	Suppressed int                        `json:"suppressed"`  // alerts held back by the cooldown since the last notice
	Values     map[string]json.RawMessage `json:"values"`
	Thresholds map[string]json.RawMessage `json:"thresholds,omitempty"`
	TraceID    string                     `json:"trace_id,omitempty"`
	// Count is how many devices the notice is about if there are many, Things the names of the first.
	Count  int      `json:"count,omitempty"`
	Things []string `json:"things,omitempty"`
}

// Subject returns the notice as one line that SNS accepts: printable ASCII, fewer than 100 characters.
func (n *Notice) Subject() string {
	state := n.Severity
	if n.State == Resolved {
		state = Resolved
	}
	what := n.Rule
	if n.Thing != "" {
		what += " on " + n.Thing
	}
	text := fmt.Sprintf("[%s] %s: %s", state, what, n.Message)
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

// Text returns the notice for people.
func (n *Notice) Text() string {
	var b strings.Builder
	headline := n.Message
	if n.State == Resolved {
		headline = "Resolved: " + headline
	}
	fmt.Fprintf(&b, "%s\n\nSeverity:   %s\nAlert:      %s\n%sPipeline:   %s\nTime:       %s\nCondition:  %s\n",
		headline, n.Severity, n.Rule, n.devices(), n.Pipeline, n.Time, n.When)
	list(&b, "Values:     ", n.Values)
	list(&b, "Thresholds: ", n.Thresholds)
	if n.Suppressed > 0 {
		fmt.Fprintf(&b, "Suppressed: %d since the last notice\n", n.Suppressed)
	}
	return b.String()
}

// devices is the line that names the device, or the first of many.
func (n *Notice) devices() string {
	if n.Count == 0 && n.Thing == "" {
		return "" // it is about the pipeline
	}
	if n.Count == 0 {
		return "Device:     " + n.Thing + "\n"
	}
	line := "Devices:    " + strings.Join(n.Things, ", ")
	if more := n.Count - len(n.Things); more > 0 {
		line += fmt.Sprintf(" and %d more", more)
	}
	return line + "\n"
}

func list(b *strings.Builder, label string, values map[string]json.RawMessage) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(b, "%s%s = %s\n", label, OneLine(name), OneLine(string(values[name])))
		label = strings.Repeat(" ", len(label))
	}
}

// OneLine replaces what would start a line, control a terminal or change the order of the text by spaces, and what is
// not a character by U+FFFD. A device can then not add lines to a notice that look like the function's own.
func OneLine(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), r == '\u2028', r == '\u2029', unicode.Is(unicode.Bidi_Control, r):
			return ' '
		case r == '\uFFFE' || r == '\uFFFF':
			return utf8.RuneError // SQS takes neither
		}
		return r
	}, text)
}

// Cut shortens text to at most limit bytes, between characters.
func Cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}

// Forms returns the notice in the form of each protocol. It shortens the notice until all of them fit: escapes can
// make a value seven times as long, and a device could silence its own alerts if SNS refused them.
func (n *Notice) Forms() ([]byte, error) {
	for {
		document, err := json.Marshal(n)
		if err != nil {
			return nil, err
		}
		text, object := n.Text(), string(sqstext.Escape(document))
		forms, err := json.Marshal(map[string]string{
			"default": text, "email": text, "email-json": object, "sms": n.Subject(),
			"sqs": object, "lambda": object, "http": object, "https": object, "firehose": object,
		})
		if err != nil || len(forms) <= maxForms || !n.shorten() {
			return forms, err
		}
	}
}

// shorten removes a part of what the notice can best do without, and reports whether there was any.
func (n *Notice) shorten() bool {
	const longWhen, enough = 4096, 512 // bytes
	switch {
	case len(n.When) > longWhen:
		n.When = Cut(n.When, longWhen/2)
	case len(n.Values) > 0:
		n.Values = half(n.Values)
	case len(n.Message) > enough:
		n.Message = Cut(n.Message, len(n.Message)/2)
	case len(n.Thresholds) > 0:
		n.Thresholds = half(n.Thresholds)
	case len(n.Things) > 0:
		n.Things = n.Things[:len(n.Things)/2]
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

// TopicAPI is the part of the SNS client that Publish uses.
type TopicAPI interface {
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

// Publish notifies the subscribers: people get the text, programs the JSON, filter policies the attributes.
func Publish(ctx context.Context, client TopicAPI, topicARN string, n *Notice) error {
	forms, err := n.Forms()
	if err != nil {
		return fmt.Errorf("writing alert %q for %s: %w", n.Rule, n.whom(), err)
	}
	attributes := map[string]types.MessageAttributeValue{
		"severity": attribute(n.Severity), "rule": attribute(n.Rule), "pipeline": attribute(n.Pipeline),
		"state": attribute(n.State),
	}
	if n.Thing != "" { // SNS refuses an attribute without a value
		attributes["thing"] = attribute(n.Thing)
	}
	_, err = client.Publish(ctx, &sns.PublishInput{
		TopicArn: aws.String(topicARN), Subject: aws.String(n.Subject()), Message: aws.String(string(forms)),
		MessageStructure:  aws.String("json"),
		MessageAttributes: attributes,
	})
	if err != nil {
		return fmt.Errorf("publishing alert %q for %s: %w", n.Rule, n.whom(), err)
	}
	return nil
}

func attribute(value string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
}

func (n *Notice) whom() string {
	if n.Count > 0 {
		return fmt.Sprintf("%d devices", n.Count)
	}
	if n.Thing == "" {
		return fmt.Sprintf("pipeline %q", n.Pipeline)
	}
	return fmt.Sprintf("%q", n.Thing)
}
