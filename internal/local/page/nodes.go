package page

import (
	"encoding/base64"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/calls"
)

// IDs of the diagram's nodes. A prefix is followed by a name; of a store by the service, a colon and the name.
const (
	nodeDevices  = "devices"
	nodeBroker   = "broker"
	nodeEvents   = "events" // whatever invokes a function with an event: rules, schedules, alarms, applications
	nodeRule     = "rule:"
	nodeFunction = "function:"
	nodeStream   = "stream:"
	nodeDelivery = "delivery:"
	nodeStore    = "store:"
)

// targetNode is the node that a rule's action works on.
func targetNode(action, target string) string {
	switch action {
	case "kinesis":
		return nodeStream + target
	case "lambda":
		return nodeFunction + target
	case "s3":
		bucket, _, _ := strings.Cut(target, "/")
		return nodeStore + "s3:" + bucket
	case "sqs", "sns", "firehose":
		return nodeStore + action + ":" + path.Base(target[strings.LastIndexByte(target, ':')+1:])
	case "dynamodb", "dynamodbv2":
		return nodeStore + "dynamodb:" + target
	case "republish":
		return nodeStore + "mqtt:republish" // one node: a topic may hold the device's name
	case "timestream":
		return nodeStore + "timestream:" + strings.ReplaceAll(target, "/", ".")
	}
	return nodeStore + action + ":" + target
}

// shown is a payload as the page shows it: text, or base64 after "base64:".
func shown(payload []byte) string {
	const most = 4 << 10
	cut := payload[:min(len(payload), most)]
	for len(cut) > 0 && len(cut) < len(payload) && !utf8.RuneStart(payload[len(cut)]) {
		cut = cut[:len(cut)-1] // not in the middle of a character
	}
	text := string(cut)
	if !utf8.Valid(cut) {
		text = "base64:" + base64.StdEncoding.EncodeToString(cut)
	}
	if len(cut) < len(payload) {
		text += "… (" + strconv.Itoa(len(payload)) + " bytes)"
	}
	return text
}

func httpStatus(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}

// numbered finds the sequence numbers of records in what a function writes: in items of recent readings and their range
// keys, in dead letters and in rows of the archive.
var numbered = regexp.MustCompile(`(?:Z#|sequence_number\\*":\s*(?:\{"S":)?\\*")(\d+)\\*"`)

// sequenceNumbers yields the numbers without the zeros in front, each once.
func sequenceNumbers(body []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		seen := map[string]bool{}
		for _, match := range numbered.FindAllSubmatch(body, -1) {
			number := bare(string(match[1]))
			if seen[number] {
				continue
			}
			seen[number] = true
			if !yield(number) {
				return
			}
		}
	}
}

// bare is a sequence number without the zeros in front, which some writers add.
func bare(number string) string { return strings.TrimLeft(number, "0") }

// readNotice reads a Publish of SNS. Its message has a form for each kind of subscriber.
func readNotice(c calls.Call) (Notice, bool) {
	form, err := url.ParseQuery(string(c.Request))
	if err != nil || form.Get("Action") != "Publish" {
		return Notice{}, false
	}
	n := Notice{Time: c.Began, Topic: c.Resource, Subject: form.Get("Subject"), Text: form.Get("Message")}
	var forms map[string]string
	if form.Get("MessageStructure") == "json" && json.Unmarshal([]byte(n.Text), &forms) == nil {
		n.Text = first(forms["email"], forms["default"])
		if document := forms["email-json"]; json.Valid([]byte(document)) {
			n.Document = json.RawMessage(document)
		}
	}
	return n, true
}

// trace is the trace ID of the message that the notice is about; "" if it does not say.
func (n Notice) trace() string {
	var document struct {
		Trace string `json:"trace_id"`
	}
	if json.Unmarshal(n.Document, &document) != nil {
		return ""
	}
	return document.Trace
}
