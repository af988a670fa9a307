package rules

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// Time is one moment by two clocks. Rules measure lengths of time with Elapsed, which never jumps, and write Wall into
// messages.
type Time struct {
	Wall    time.Time     // the gateway's clock, which can be wrong and can jump
	Elapsed time.Duration // since an arbitrary start, the same for the life of an Engine
}

// SystemClock returns a clock that starts now.
func SystemClock() func() Time {
	start := time.Now()
	return func() Time {
		now := time.Now()
		return Time{Wall: now, Elapsed: now.Sub(start)} // Sub reads the monotonic clock
	}
}

// Kind says what an Output is.
type Kind int8

const (
	// Forward is a message for the cloud, to be queued under Priority.
	Forward Kind = iota
	// ToChild is a command for a child, to be published on the local network.
	ToChild
)

// Output is one message that leaves the engine.
type Output struct {
	Kind     Kind
	Child    string // the thing's name of the child that it is from, or of a command, that it is for
	Topic    string // the whole name
	Payload  []byte // may share memory with the payload that was given to Message
	Priority Priority
	Rule     string // "" for a message that no rule took
	// Once says that the engine remembers to have said this: it does not say it again when the message comes again.
	Once bool
}

// Engine applies rules to messages. One goroutine at a time may use it.
type Engine struct {
	config    Config
	rules     []*rule
	decoder   *telemetry.Decoder
	dataField string
	timeField string
	counters  Counters
	used      int            // series
	shares    map[string]int // of used, by child
	swept     time.Duration
	written   int              // bytes of the last snapshot
	stamps    map[string]int64 // the latest time that a child's message got here, in milliseconds

	message  iotsql.Message      // the one in progress
	stamped  int64               // the time that it got here; 0: none
	readings []telemetry.Reading // scratch
}

// New compiles a configuration. The error joins every Problem.
func New(config Config) (*Engine, error) {
	rules, problems := compile(config)
	if len(problems) > 0 {
		return nil, config.Check()
	}
	if config.MaxSeries == 0 {
		config.MaxSeries = DefaultMaxSeries
	}
	e := &Engine{config: config, rules: rules, stamps: map[string]int64{}, shares: map[string]int{}}
	e.dataField, e.timeField = config.fields()
	decoder, err := telemetry.New(telemetry.Options{DataField: e.dataField, TimeField: e.timeField})
	if err != nil {
		return nil, fmt.Errorf("reading telemetry: %w", err)
	}
	e.decoder = decoder
	return e, nil
}

// Message applies the rules to a message that a child published, and appends what leaves the engine to dst. First, it
// closes the windows that end before: so the result does not depend on when Tick is called.
func (e *Engine) Message(dst []Output, topicName string, payload []byte, at Time) []Output {
	dst = e.Tick(dst, at)
	e.counters.Messages++
	e.stamped = 0
	child, ok := e.child(topicName)
	if !ok {
		return e.unmatched(dst, "", topicName, payload, at)
	}
	e.message = iotsql.Message{Topic: topicName, Payload: payload, ClientID: e.config.Gateway,
		AccountID: e.config.AccountID, Time: at.Wall}
	dropped := e.dropped()
	taken := dropped
	for _, r := range e.rules {
		switch r.action {
		case ActionForward:
			if dropped {
				continue
			}
			if result, ok := r.eval(r.query, &e.message); ok {
				r.counters.Matched++
				taken = true
				dst = e.forward(dst, r, child, result.Payload, at)
			}
		case ActionCommand:
			if _, ok := r.eval(r.query, &e.message); ok {
				r.counters.Matched++
				dst = e.commandOf(dst, r, child, at)
			}
		case ActionAlert:
			dst = e.alert(dst, r, child, at)
		}
	}
	if taken {
		return dst
	}
	return e.unmatched(dst, child, topicName, payload, at)
}

// child returns the level of a topic after the prefix, which identifies who published.
func (e *Engine) child(topicName string) (string, bool) {
	p := e.config.Prefix
	if len(topicName) <= len(p) || topicName[len(p)] != '/' || topicName[:len(p)] != p {
		return "", false
	}
	child, _, more := strings.Cut(topicName[len(p)+1:], "/")
	return child, more && child != ""
}

// dropped reports whether a rule drops the message in progress.
func (e *Engine) dropped() bool {
	dropped := false
	for _, r := range e.rules {
		if r.action != ActionDrop {
			continue
		}
		if _, ok := r.eval(r.query, &e.message); ok {
			r.counters.Matched++
			r.counters.Dropped++
			dropped = true
		}
	}
	return dropped
}

// eval runs SQL for a message. A rule that fails takes no message: it is counted, and the message goes its way.
func (r *rule) eval(q *iotsql.Query, m *iotsql.Message) (iotsql.Result, bool) {
	result, err := q.Eval(context.Background(), m)
	if err != nil {
		r.fail("evaluating the SQL: %v", err)
		return iotsql.Result{}, false
	}
	return result, result.Matched
}

func (r *rule) fail(format string, args ...any) {
	r.counters.Failed++
	r.counters.LastError = fmt.Sprintf(format, args...)
}

// unmatched is what becomes of a message that no rule takes.
func (e *Engine) unmatched(dst []Output, child, topicName string, payload []byte, at Time) []Output {
	if e.config.Unmatched == ActionDrop {
		e.counters.UnmatchedDropped++
		return dst
	}
	e.counters.UnmatchedForwarded++
	if child != "" && topicName[len(e.config.Prefix)+1+len(child):] == telemetryTopic {
		payload = e.readAndStamp(child, payload, at)
	}
	return append(dst, Output{Child: child, Topic: topicName, Payload: payload})
}

// telemetryTopic ends the topic of telemetry, commandTopic that of commands.
const (
	telemetryTopic = "/telemetry"
	commandTopic   = "/commands"
)

// out appends telemetry of a child.
func (e *Engine) out(dst []Output, r *rule, child string, payload []byte) []Output {
	if len(payload) > maxPayload {
		r.fail("the result has %d bytes, and a message has at most %d: select less", len(payload), maxPayload)
		return dst
	}
	r.counters.Forwarded++
	return append(dst, Output{Child: child, Topic: e.config.Prefix + "/" + child + telemetryTopic, Payload: payload,
		Priority: r.priority, Rule: r.name, Once: r.remembers()})
}

// forward does what a forward rule does with the result of its SELECT.
func (e *Engine) forward(dst []Output, r *rule, child string, payload []byte, at Time) []Output {
	s := e.seriesOf(r, child, at)
	if r.source.Window == nil && r.source.Report == nil {
		if s.allow(r, at) {
			dst = e.out(dst, r, child, e.readAndStamp(child, payload, at))
		}
		return dst
	}
	readings, err := e.decode(payload, at)
	if err != nil {
		r.counters.Unreadable++
		if !s.allow(r, at) {
			return dst
		}
		return e.out(dst, r, child, payload)
	}
	if s == nil {
		return e.out(dst, r, child, e.stamp(child, payload, readings, at))
	}
	if r.source.Window != nil {
		return e.gather(dst, r, s, readings, at)
	}
	if !s.report(e, r, readings, at) {
		return dst
	}
	return e.out(dst, r, child, e.stamp(child, payload, readings, at))
}

// decode reads telemetry as the functions in the cloud do.
func (e *Engine) decode(payload []byte, at Time) ([]telemetry.Reading, error) {
	readings, err := e.decoder.Append(e.readings[:0], string(payload), at.Wall)
	e.readings = readings[:0]
	return readings, err
}

// Tick closes the windows that have ended, and appends their results to dst.
func (e *Engine) Tick(dst []Output, at Time) []Output {
	for _, r := range e.rules {
		for len(r.open) > 0 && r.open[0].window.closes <= at.Elapsed {
			s := r.open[0]
			r.open[0] = nil
			r.open = r.open[1:]
			dst = e.close(dst, r, s, at)
		}
	}
	if at.Elapsed-e.swept >= sweepEvery {
		e.sweep(at)
	}
	return dst
}

// Next returns when the next window ends, and whether there is one.
func (e *Engine) Next() (time.Duration, bool) {
	next, any := time.Duration(0), false
	for _, r := range e.rules {
		if len(r.open) > 0 && (!any || r.open[0].window.closes < next) {
			next, any = r.open[0].window.closes, true
		}
	}
	return next, any
}

// Flush closes all windows before their end, as when a gateway is taken out of use.
func (e *Engine) Flush(dst []Output, at Time) []Output {
	for _, r := range e.rules {
		for _, s := range r.open {
			dst = e.close(dst, r, s, at)
		}
		r.open = nil
	}
	return dst
}

const (
	sweepEvery = time.Hour
	// forgetAfter is how long a child may be silent until the engine forgets its dead band.
	forgetAfter = 48 * time.Hour
)

// sweep forgets children that have been silent for long, unless they have an alert or an open window.
func (e *Engine) sweep(at Time) {
	e.swept = at.Elapsed
	for _, r := range e.rules {
		for name, s := range r.series {
			if s.raised || s.window.open || at.Elapsed-s.seen < forgetAfter {
				continue
			}
			e.release(name, s.size())
			delete(r.series, name)
		}
	}
}

// seriesOf returns what a rule remembers of a child; nil if it need not or cannot remember anything.
func (e *Engine) seriesOf(r *rule, child string, at Time) *series {
	if !r.remembers() {
		return nil
	}
	s := r.series[child]
	if s == nil {
		if !e.reserve(r, child, 1) {
			return nil
		}
		s = &series{child: strings.Clone(child)}
		r.series[s.child] = s
	}
	s.seen = at.Elapsed
	return s
}

func (r *rule) remembers() bool {
	s := r.source
	return s.Window != nil || s.Report != nil || s.RateLimit != nil || s.action() == ActionAlert
}

const (
	// seriesBytes is how long the name and the text of a measure may be to count as one series.
	seriesBytes = 256
	// leastShare is what one child may have of the series in any case; of many, it may have a quarter.
	leastShare = 1000
)

// sizeOf is how many series a measure counts as.
func sizeOf(name, text string) int { return 1 + (len(name)+len(text))/seriesBytes }

// reserve takes room for series of a child.
func (e *Engine) reserve(r *rule, child string, n int) bool {
	if n == 0 {
		return true
	}
	share := max(leastShare, e.config.MaxSeries/4)
	if n > 0 && (e.used+n > e.config.MaxSeries || e.shares[child]+n > share) {
		r.counters.Overflowed++
		return false
	}
	e.take(child, n)
	return true
}

// take counts series that there need not be room for.
func (e *Engine) take(child string, n int) {
	e.used += n
	if _, known := e.shares[child]; !known {
		child = strings.Clone(child) // it is a part of the message's topic
	}
	e.shares[child] += n
}

// release gives the room of series back.
func (e *Engine) release(child string, n int) {
	e.used -= n
	if e.shares[child] -= n; e.shares[child] == 0 {
		delete(e.shares, child)
	}
}

// readAndStamp is stamp for a payload that has not been read yet.
func (e *Engine) readAndStamp(child string, payload []byte, at Time) []byte {
	readings, err := e.decode(payload, at)
	if err != nil {
		return payload
	}
	return e.stamp(child, payload, readings, at)
}

// stamp adds the time to a message that has none of its own. It may wait in the queue for hours, and the cloud takes
// the time of arrival for that of a message without time. Only an object can get one; other messages stay as they are.
func (e *Engine) stamp(child string, payload []byte, readings []telemetry.Reading, at Time) []byte {
	if slices.ContainsFunc(readings, func(r telemetry.Reading) bool { return r.HasTime || r.Implausible }) {
		return payload
	}
	start := 0
	for start < len(payload) && payload[start] <= ' ' {
		start++
	}
	if start == len(payload) || payload[start] != '{' || len(readings[0].Measures) == 0 {
		e.counters.Unstamped++
		return payload
	}
	stamped := make([]byte, 0, len(payload)+len(e.timeField)+20)
	stamped = appendMember(append(stamped, '{'), e.timeField)
	stamped = appendMillis(stamped, time.UnixMilli(e.distinct(child, at.Wall.UnixMilli())))
	stamped = append(append(stamped, ','), payload[start+1:]...)
	if len(stamped) > maxPayload {
		e.counters.Unstamped++
		return payload
	}
	return stamped
}

// mostAhead is how far a child's times may get ahead of the clock. When it goes back by more, they follow.
const mostAhead = 60_000

// distinct returns a time for the child's message in progress that no other message of it has got: stores keep one
// reading for a time.
func (e *Engine) distinct(child string, ms int64) int64 {
	if e.stamped != 0 {
		return e.stamped
	}
	last, known := e.stamps[child]
	if known && ms <= last && last-ms < mostAhead {
		ms = last + 1
	}
	if !known {
		child = strings.Clone(child) // it is a part of the message's topic
	}
	e.stamps[child], e.stamped = ms, ms
	return ms
}
