// Package deadletters reads what a pipeline's dead-letter queue holds. Four senders write to it, each in a form of its
// own: functions, topic rules, Lambda and SQS.
//
// It is pure: it must not know AWS clients, and not what is done with a letter.
package deadletters

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// Kind says who wrote a letter.
type Kind int

// Kinds of letters.
const (
	Unknown Kind = iota // in none of the forms
	Record              // a function, about a message that it cannot handle
	Rule                // a topic rule whose action failed
	Event               // Lambda, about an asynchronous event that its function could not process
	Message             // SQS: a message of the pipeline's queue whose retries are exhausted
)

// Reasons of letters that name none.
const (
	ReasonUnknown   = "unknown"          // in none of the forms
	ReasonRule      = "rule_failed"      // of a topic rule
	ReasonExhausted = "RetriesExhausted" // of SQS; Lambda itself says so as well
)

// Letter is a dead letter.
type Letter struct {
	Kind           Kind
	Source         string // the name of the function, or of the topic rule
	Thing          string // for a rule the client's ID
	Topic          string
	Time           time.Time // when the message arrived; for an event when Lambda gave it up; zero if nobody says
	SequenceNumber string    // what names the message
	Reason, Detail string
	Payload        []byte // as it was published; of an event, the event; nil: it is at Location, or there is none
	Location       string // of a payload that does not fit: s3://bucket/key
	Function       string // ARN of the function whose event it is, without a version
	Body           string // as the queue has it
}

// raw has the members of all forms.
type raw struct {
	Source         string          `json:"source"`
	Thing          string          `json:"thing"`
	Topic          string          `json:"topic"`
	ArrivedAt      string          `json:"arrived_at"`
	SequenceNumber string          `json:"sequence_number"`
	Reason         string          `json:"reason"`
	Detail         string          `json:"detail"`
	Payload        *[]byte         `json:"payload_base64"`
	PayloadS3      string          `json:"payload_s3"`
	RuleName       string          `json:"ruleName"`
	ClientID       string          `json:"clientId"`
	Original       *[]byte         `json:"base64OriginalPayload"`
	Failures       []failure       `json:"failures"`
	Timestamp      string          `json:"timestamp"`
	Request        json.RawMessage `json:"requestPayload"`
	Invocation     struct {
		Function  string `json:"functionArn"`
		Condition string `json:"condition"`
	} `json:"requestContext"`
	Response   json.RawMessage `json:"responsePayload"`
	MessageID  string          `json:"message_id"`
	ReceivedAt int64           `json:"received_at"`
}

type failure struct {
	Action   string `json:"failedAction"`
	Resource string `json:"failedResource"`
	Message  string `json:"errorMessage"`
}

// Read reads the body of a message of the queue. What is in none of the forms is Unknown.
func Read(body string) Letter {
	var r raw
	if json.Unmarshal([]byte(body), &r) != nil {
		return Letter{Reason: ReasonUnknown, Body: body}
	}
	l := Letter{Source: r.Source, Thing: r.Thing, Topic: r.Topic, SequenceNumber: r.SequenceNumber, Reason: r.Reason,
		Detail: r.Detail, Body: body}
	l.Time, _ = time.Parse(time.RFC3339, cmp.Or(r.ArrivedAt, r.Timestamp)) // none is zero
	switch {
	case r.Payload != nil || r.PayloadS3 != "":
		l.Kind, l.Location = Record, r.PayloadS3
		if r.Payload != nil {
			l.Payload = *r.Payload
		}
	case r.RuleName != "":
		l.readRule(&r)
	case r.Invocation.Function != "":
		l.readEvent(&r)
	case r.MessageID != "" && r.Thing != "" && r.Reason == "":
		l.readMessage(&r)
	default:
		l.Reason = cmp.Or(l.Reason, ReasonUnknown)
	}
	return l
}

func (l *Letter) readRule(r *raw) {
	l.Kind, l.Source, l.Thing, l.Reason = Rule, r.RuleName, r.ClientID, ReasonRule
	for _, f := range r.Failures {
		l.Detail += strings.TrimSpace(f.Action+" "+f.Resource+": "+f.Message) + "\n"
	}
	if r.Original != nil {
		l.Payload = *r.Original
	}
}

func (l *Letter) readEvent(r *raw) {
	l.Kind, l.Function = Event, strings.TrimSuffix(r.Invocation.Function, ":$LATEST")
	l.Source = l.Function[strings.LastIndex(l.Function, ":")+1:]
	l.Reason, l.Payload = r.Invocation.Condition, r.Request
	var response struct{ ErrorMessage string }
	if json.Unmarshal(r.Response, &response) == nil { // else the function answered something else
		l.Detail = response.ErrorMessage
	}
}

// readMessage reads the envelope that a rule sent to the queue.
func (l *Letter) readMessage(r *raw) {
	l.Kind, l.SequenceNumber, l.Reason, l.Source = Message, r.MessageID, ReasonExhausted, "processor"
	l.Time = time.UnixMilli(r.ReceivedAt).UTC()
	var members map[string]any
	if json.Unmarshal([]byte(l.Body), &members) != nil {
		return
	}
	for key, value := range members {
		text, _ := value.(string)
		switch {
		case strings.HasSuffix(key, "_topic"):
			l.Topic = text
		case strings.HasSuffix(key, "_payload"):
			if payload, err := base64.StdEncoding.DecodeString(text); err == nil {
				l.Payload = payload
			}
		}
	}
}
