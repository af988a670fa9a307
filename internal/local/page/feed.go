package page

import (
	"bytes"
	"encoding/json"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/calls"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/streams"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// How much a feed keeps. What is older is forgotten, so that a pipeline can run for days.
const (
	keptMessages = 2000
	keptSteps    = 40 // of one edge, and of one message
	keptLines    = 2000
	keptNotices  = 200
	keptPayload  = 16 << 10 // bytes of one payload
	keptValues   = 24       // of a device's first measure
	keptPresence = 20       // connects and disconnects of one device
)

// A Feed turns what a runtime tells into what the page shows. It is made before the runtime, whose observer it is.
type Feed struct {
	mu       sync.Mutex
	decoder  *telemetry.Decoder // nil: payloads are not telemetry that can be read
	began    time.Time
	received uint64
	edges    map[edgeKey]*edge
	messages ring[*Message]
	byTrace  map[string]*Message
	byRecord map[string]*Message // by sequence number
	devices  map[string]*device
	lines    ring[Line]
	notices  ring[Notice]
	changes  int               // of what is deployed
	sources  map[string]string // of functions: the stream that they read
}

// NewFeed returns an empty feed.
func NewFeed() *Feed {
	decoder, _ := telemetry.New(telemetry.Options{}) // the defaults are valid
	return &Feed{
		decoder:  decoder,
		began:    time.Now(),
		edges:    map[edgeKey]*edge{},
		messages: ring[*Message]{size: keptMessages},
		byTrace:  map[string]*Message{},
		byRecord: map[string]*Message{},
		devices:  map[string]*device{},
		lines:    ring[Line]{size: keptLines},
		notices:  ring[Notice]{size: keptNotices},
	}
}

// edgeKey names an edge of the diagram by its ends, which are IDs of nodes.
type edgeKey struct{ from, to string }

// edge is what has gone along an edge.
type edge struct {
	count, errors uint64
	time          time.Duration // sum over count
	steps         ring[Step]
}

// Step is one thing that happened to a message, on one edge of the diagram.
type Step struct {
	Time   time.Time `json:"time"`
	From   string    `json:"from"`
	To     string    `json:"to"`
	What   string    `json:"what,omitempty"`
	Millis float64   `json:"ms"`
	Error  string    `json:"error,omitempty"`
	Items  int       `json:"items,omitempty"`
	Trace  string    `json:"trace,omitempty"`
	Thing  string    `json:"thing,omitempty"`
	Topic  string    `json:"topic,omitempty"`
	Text   string    `json:"text,omitempty"` // payload
}

// Message is a published message and what became of it.
type Message struct {
	Number  uint64    `json:"number"`
	Time    time.Time `json:"time"`
	Trace   string    `json:"trace"`
	Thing   string    `json:"thing"`
	Topic   string    `json:"topic"`
	Bytes   int       `json:"bytes"`
	Cut     bool      `json:"cut,omitempty"` // the payload is not all there
	Steps   []Step    `json:"steps"`
	payload []byte
	records []string
}

// Line is a line of the log.
type Line struct {
	Number uint64    `json:"number"`
	Time   time.Time `json:"time"`
	Kind   string    `json:"kind"`
	Source string    `json:"source,omitempty"` // function, rule or device
	Text   string    `json:"text"`
	Error  bool      `json:"error,omitempty"`
}

// Notice is what a function published to the topic for people.
type Notice struct {
	Number   uint64          `json:"number"`
	Time     time.Time       `json:"time"`
	Topic    string          `json:"topic"`
	Subject  string          `json:"subject,omitempty"`
	Text     string          `json:"text"` // as an email says it
	Document json.RawMessage `json:"document,omitempty"`
}

// device is what the feed knows of a device.
type device struct {
	seen      time.Time
	connected bool
	count     uint64
	values    []float64 // of the first measure, the latest last
	presence  []Presence
	touched   bool // since the last tick
}

// Presence is a device's connect or disconnect.
type Presence struct {
	Time   time.Time `json:"time"`
	Kind   string    `json:"kind"`
	Detail string    `json:"detail,omitempty"`
}

// Decode sets how payloads are read; nil means the defaults.
func (f *Feed) Decode(o *telemetry.Options) {
	if o == nil {
		return
	}
	if d, err := telemetry.New(*o); err == nil {
		f.mu.Lock()
		f.decoder = d
		f.mu.Unlock()
	}
}

// read sets which stream each function reads.
func (f *Feed) read(mappings []streams.Mapping) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sources = map[string]string{}
	for _, m := range mappings {
		f.sources[m.Function] = afterSlash(m.StreamARN)
	}
}

// Note takes an event of the runtime.
func (f *Feed) Note(e runlog.Event) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch e.Kind {
	case runlog.Received:
		f.receive(e)
		return // a line for each message would hide the others
	case runlog.Acted:
		f.act(e)
		if e.Error == "" {
			return
		}
	case runlog.Invoked:
		f.invoke(e)
		if e.Error == "" {
			return
		}
	case runlog.Connected, runlog.Disconnected:
		d := f.device(e.Thing)
		d.connected, d.touched = e.Kind == runlog.Connected, true
		d.presence = last(append(d.presence, Presence{e.Time, string(e.Kind), e.Detail}), keptPresence)
	case runlog.Changed:
		f.changes++
	}
	f.lines.add(Line{Time: e.Time, Kind: string(e.Kind), Source: first(e.Action, e.Rule, e.Thing), Text: text(e),
		Error: e.Error != ""}, func(l *Line, n uint64) { l.Number = n })
}

func text(e runlog.Event) string {
	parts := make([]string, 0, 5)
	for _, s := range []string{e.Thing, e.Topic, e.Rule, e.Target, e.Detail, e.Error} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "  ")
}

func first(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

func last[T any](list []T, n int) []T { return list[max(0, len(list)-n):] }

func (f *Feed) device(name string) *device {
	d := f.devices[name]
	if d == nil {
		d = &device{}
		f.devices[name] = d
	}
	return d
}

func (f *Feed) receive(e runlog.Event) {
	f.received++
	m := &Message{Time: e.Time, Trace: e.Trace, Thing: e.Thing, Topic: e.Topic, Bytes: e.Bytes, payload: e.Payload}
	if len(m.payload) > keptPayload {
		m.payload, m.Cut = bytes.Clone(m.payload[:keptPayload]), true
	}
	f.keep(m)
	f.count(Step{Time: e.Time, From: nodeDevices, To: nodeBroker, Trace: e.Trace, Thing: e.Thing, Topic: e.Topic,
		Text: shown(m.payload)}, 1)
	d := f.device(e.Thing)
	d.seen, d.touched, d.count = e.Time, true, d.count+1
	if path.Base(e.Topic) != "telemetry" && !strings.HasPrefix(e.Topic, "$aws/rules/") {
		return
	}
	readings, err := f.decoder.Decode(e.Payload, e.Time)
	if err != nil {
		return
	}
	for _, r := range readings {
		for _, measure := range r.Measures {
			if measure.Kind == telemetry.Number {
				d.values = last(append(d.values, measure.Float()), keptValues)
				break
			}
		}
	}
}

// keep remembers a message, and forgets the oldest.
func (f *Feed) keep(m *Message) {
	gone, full := f.messages.add(m, func(m **Message, n uint64) { (*m).Number = n })
	f.byTrace[m.Trace] = m
	if full {
		delete(f.byTrace, gone.Trace)
		for _, number := range gone.records {
			delete(f.byRecord, number)
		}
	}
}

// act takes the outcome of a rule's action.
func (f *Feed) act(e runlog.Event) {
	if e.Action == "deliver" {
		bucket, _, _ := strings.Cut(e.Target, "/")
		f.count(Step{Time: e.Time, From: nodeDelivery + e.Rule, To: nodeStore + "s3:" + bucket, What: e.Detail,
			Millis: millis(e.Duration), Error: e.Error, Text: e.Target}, 1)
		return
	}
	if e.Rule == "" {
		return // the runtime's own work, such as shadows
	}
	m := f.byTrace[e.Trace]
	rule := nodeRule + e.Rule
	if m != nil && len(e.Records) == 1 {
		number := bare(e.Records[0])
		m.records = append(m.records, number)
		f.byRecord[number] = m
	}
	if e.Detail == "" { // an error action is a second action for the same match
		f.step(m, Step{Time: e.Time, From: nodeBroker, To: rule, What: "matched"})
	}
	f.step(m, Step{Time: e.Time, From: rule, To: targetNode(e.Action, e.Target), What: first(e.Detail, e.Action),
		Millis: millis(e.Duration), Error: e.Error, Trace: e.Trace, Thing: e.Thing, Topic: e.Topic,
		Text: shown(e.Payload)})
}

// step counts a step and adds it to its message, which may be forgotten already.
func (f *Feed) step(m *Message, s Step) {
	if m != nil {
		s.Trace, s.Thing, s.Topic = m.Trace, m.Thing, m.Topic
		if len(m.Steps) < keptSteps {
			m.Steps = append(m.Steps, s)
		}
	}
	f.count(s, 1)
}

// count counts on the step's edge.
func (f *Feed) count(s Step, n uint64) {
	key := edgeKey{s.From, s.To}
	g := f.edges[key]
	if g == nil {
		g = &edge{steps: ring[Step]{size: keptSteps}}
		f.edges[key] = g
	}
	g.count += n
	if s.Error != "" {
		g.errors += n
	}
	g.time += time.Duration(s.Millis * float64(time.Millisecond) * float64(n))
	g.steps.add(s, nil)
}

// invoke takes the outcome of an invocation, of records of a stream or of an event.
func (f *Feed) invoke(e runlog.Event) {
	function := nodeFunction + e.Action
	s := Step{Time: e.Time, From: nodeEvents, To: function, What: e.Target, Millis: millis(e.Duration), Error: e.Error,
		Items: len(e.Records)}
	if len(e.Records) == 0 {
		var event struct {
			Trace string `json:"trace_id"`
			Thing string `json:"thing"`
			Topic string `json:"topic"`
		}
		if json.Unmarshal(e.Payload, &event) == nil {
			s.Trace, s.Thing, s.Topic = event.Trace, event.Thing, event.Topic
		}
		s.Text = shown(e.Payload)
		f.step(f.byTrace[s.Trace], s)
		return
	}
	s.From = nodeStream + f.sources[e.Action]
	s.Text = s.What
	f.count(s, uint64(len(e.Records)))
	for _, number := range e.Records {
		f.attach(f.byRecord[bare(number)], s)
	}
}

// Call takes an AWS call of a function.
func (f *Feed) Call(c calls.Call) {
	s := Step{Time: c.Began, From: nodeFunction + c.Function, To: nodeStore + c.Service + ":" + c.Resource,
		What: c.Operation, Millis: millis(c.Duration), Items: c.Items}
	if c.Status >= 300 {
		s.Error = "HTTP " + httpStatus(c.Status)
	}
	s.Text = shown(c.Request)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count(s, uint64(c.Items))
	if c.Service == "sns" && s.Error == "" {
		if n, ok := readNotice(c); ok {
			f.notices.add(n, func(n *Notice, number uint64) { n.Number = number })
			f.attach(f.byTrace[n.trace()], s)
		}
	}
	for number := range sequenceNumbers(c.Request) {
		f.attach(f.byRecord[number], s)
	}
}

// attach adds a step that is counted already to a message, without its text.
func (f *Feed) attach(m *Message, s Step) {
	if m != nil && len(m.Steps) < keptSteps {
		s.Trace, s.Thing, s.Topic, s.Text = m.Trace, m.Thing, m.Topic, ""
		m.Steps = append(m.Steps, s)
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
