package operate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/deadletters"
	"github.com/iot-pipeline/terraform-provider-iot/internal/deployed"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/envelope"
)

// way is how a letter is sent.
type way int

const (
	wayNone      way = iota
	wayProcessor     // as a record of the processor's event
	wayEvent         // as an event of the function that it is about
	wayStream        // into the stream or the queue
	wayTopic
)

// Limits of one request, below AWS's own: 6 MB of a synchronous invocation [Lambda quotas], 500 records and 5 MB of
// PutRecords [AWS 5]. Payloads grow by a third as base64, twice in an envelope.
const (
	groupLetters = 50
	groupBytes   = 2 << 20
)

// sender sends letters of one pipeline.
type sender struct {
	p         *deployed.Pipeline
	to, topic string
	queued    bool
	bucket    string
	functions []string // names of the pipeline's functions
	publish   publish  // with ToTopic
}

func newSender(ctx context.Context, p *deployed.Pipeline, r Redrive) (*sender, error) {
	s := &sender{p: p, to: r.To, topic: r.Topic, queued: p.Parts[contract.KeyQueue].Name != "",
		bucket: p.Parts[contract.KeyBucket].Name}
	for key, part := range p.Parts {
		if strings.HasPrefix(key, contract.KeyFunctionPrefix) {
			s.functions = append(s.functions, part.Name)
		}
	}
	if r.To != ToTopic || r.DryRun {
		return s, nil
	}
	var err error
	s.publish, err = publisher(ctx, p)
	return s, err
}

// route says how a letter is sent, or why it cannot be.
func (s *sender) route(l *letter) (way, error) {
	switch {
	case l.Kind == deadletters.Unknown:
		return wayNone, errors.New("it is in no known form")
	case l.Payload == nil && l.Location == "":
		return wayNone, errors.New("it holds no message")
	case s.to == ToTopic:
		return s.routeTopic(l)
	case l.Kind == deadletters.Event:
		return s.routeEvent(l)
	case l.Kind == deadletters.Rule:
		return s.routeRule(l)
	case s.to == ToStream && l.Thing == "":
		return wayNone, errors.New("it names no device, and the stream needs one")
	case s.to == ToStream:
		return wayStream, nil
	case l.Kind == deadletters.Record && l.Source != "processor":
		return wayNone, fmt.Errorf("it is from %q, which takes no message again: send it to the stream or to a topic",
			l.Source)
	case l.Reason == "damaged_record" || l.SequenceNumber == "":
		return wayNone, errors.New("its record was damaged before the processor got it")
	}
	return wayProcessor, nil
}

func (s *sender) routeTopic(l *letter) (way, error) {
	switch {
	case l.Kind == deadletters.Event:
		return wayNone, noMessage(l)
	case s.topic == "" && l.Topic == "":
		return wayNone, errors.New("it does not say which topic its message came from: name a topic")
	case s.topic == "" && strings.HasPrefix(l.Topic, "$"):
		return wayNone, fmt.Errorf("its topic %s is AWS's own: name another", l.Topic)
	}
	return wayTopic, nil
}

// routeEvent routes an event that Lambda gave up, or a batch.
func (s *sender) routeEvent(l *letter) (way, error) {
	processor := s.p.Parts[contract.KeyFunctionPrefix+"processor"].Name
	switch {
	case s.to == ToStream:
		return wayNone, noMessage(l)
	case !slices.Contains(s.functions, l.Source):
		return wayNone, fmt.Errorf("it is for function %q, which this pipeline does not have", l.Source)
	case l.key != "" && l.Source != processor:
		return wayNone, fmt.Errorf("it is a batch of function %q, whose windows of time are over", l.Source)
	}
	return wayEvent, nil
}

func noMessage(l *letter) error {
	return fmt.Errorf("it is an event of function %q and no message: its destination is the origin", l.Source)
}

// streamRules are the rules that write to the stream only, and the kinds of their envelopes.
var streamRules = map[string]envelope.Kind{"telemetry": envelope.Telemetry, "status": envelope.Status,
	"presence": envelope.Presence, "command_results": envelope.CommandResult}

// routeRule routes a message that a rule could not pass on. Sent to the stream, it reaches what it did not reach.
func (s *sender) routeRule(l *letter) (way, error) {
	rule := s.rule(l)
	_, ok := streamRules[rule]
	switch {
	case !ok:
		return wayNone, fmt.Errorf("an action of rule %q failed, and not the stream: send it to a topic, which all "+
			"rules see", l.Source)
	case rule == "telemetry" && s.p.Spec.Telemetry.Select != "":
		return wayNone, errors.New("the rule puts what telemetry.select selects into the stream, and the letter " +
			"holds the whole message: send it to its topic, which all rules see")
	case strings.Contains(l.Detail, "FirehoseAction"):
		return wayNone, errors.New("the delivery to the archive failed, and the processor may have the message: send " +
			"it to its topic, which all rules see")
	case l.Thing == "":
		return wayNone, fmt.Errorf("its topic %q names no device", l.Topic)
	}
	return wayStream, nil
}

// rule is the key of the rule that a letter is from; "" if it is another pipeline's.
func (s *sender) rule(l *letter) string {
	_, names := s.p.Rules()
	for key, name := range names {
		if name == l.Source {
			return key
		}
	}
	return ""
}

// describe tells what a dry run would do.
func (s *sender) describe(letters []*letter, tell Progress) {
	var would []*letter
	for _, l := range letters {
		var way way
		if way, l.problem = s.route(l); way != wayNone {
			would = append(would, l)
		}
	}
	tell(fmt.Sprintf("would send %d dead letters to the %s%s", len(would), s.to, perReason(would)))
	if err := problems(letters); err != nil {
		tell(err.Error())
	}
}

// groups divides letters into those of one request each, in the order of their times, so that the messages of a device
// keep theirs. It marks those that cannot be sent.
func (s *sender) groups(letters []*letter) [][]*letter {
	ordered := slices.Clone(letters)
	slices.SortStableFunc(ordered, func(a, b *letter) int {
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.SequenceNumber, b.SequenceNumber))
	})
	var groups [][]*letter
	last, size := wayNone, 0
	for _, l := range ordered {
		way, err := s.route(l)
		if err != nil {
			l.problem = err
			continue
		}
		alone := way == wayEvent || l.Location != ""
		if alone || way != last || len(groups[len(groups)-1]) == groupLetters || size+len(l.Payload) > groupBytes {
			groups, size, last = append(groups, nil), 0, way
		}
		if alone {
			last = wayNone
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], l)
		size += len(l.Payload)
	}
	return groups
}

// send sends the letters of a group, and says of each whether it was sent or why not.
func (s *sender) send(ctx context.Context, group []*letter) {
	if l := group[0]; l.Location != "" { // it is alone
		if l.problem = s.fetch(ctx, l); l.problem != nil {
			return
		}
	}
	way, _ := s.route(group[0])
	switch way {
	case wayProcessor:
		s.toProcessor(ctx, group)
	case wayEvent:
		settle(group, s.toFunction(ctx, group[0]))
	case wayStream:
		s.toStream(ctx, group)
	case wayTopic:
		for _, l := range group {
			settle([]*letter{l}, s.publish(ctx, cmp.Or(s.topic, l.Topic), string(l.Payload)))
		}
	}
}

func settle(letters []*letter, err error) {
	for _, l := range letters {
		l.sent, l.problem = err == nil, err
	}
}

// fetch reads the payload that did not fit the letter. The letter must not lead to a bucket of others.
func (s *sender) fetch(ctx context.Context, l *letter) error {
	bucket, key, ok := location(l.Location)
	if !ok || bucket != s.bucket {
		return fmt.Errorf("its message is at %q, which is not in the pipeline's bucket", l.Location)
	}
	payload, err := readObject(ctx, s.p, bucket, key)
	if err == nil {
		l.Payload = payload
	}
	return err
}
