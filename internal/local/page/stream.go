package page

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// How much one tick tells. What is more is counted but not shown, and the page says so.
const (
	tickEvery    = time.Second
	tickMessages = 20
	tickLines    = 50
	tickDevices  = 2000
)

// Tick is what has happened since the last tick.
type Tick struct {
	Time     time.Time `json:"time"`
	Received uint64    `json:"received"` // messages in all
	Edges    []Flow    `json:"edges"`    // those with traffic since
	Messages []Message `json:"messages,omitempty"`
	Skipped  uint64    `json:"skipped,omitempty"` // messages that are not shown
	Lines    []Line    `json:"lines,omitempty"`
	Notices  []Notice  `json:"notices,omitempty"`
	Devices  []Beat    `json:"devices,omitempty"`
	More     int       `json:"more,omitempty"` // devices that come with the next tick
	Changes  int       `json:"changes"`        // of what is deployed
}

// Flow is what has gone along an edge in all.
type Flow struct {
	From   string  `json:"from"`
	To     string  `json:"to"`
	Count  uint64  `json:"count"`
	Errors uint64  `json:"errors,omitempty"`
	Millis float64 `json:"ms"` // on average
}

// Beat is what is new of a device.
type Beat struct {
	Name      string    `json:"name"`
	Seen      time.Time `json:"seen,omitzero"`
	Connected bool      `json:"connected"`
	Count     uint64    `json:"count"`
	Values    []float64 `json:"values,omitempty"`
}

// marks is what a tick begins after.
type marks struct {
	messages, lines, notices uint64
	edges                    map[edgeKey]uint64
}

// tick returns what is new since the marks, and moves them on.
func (f *Feed) tick(m *marks) Tick {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := Tick{Time: time.Now(), Received: f.received, Edges: []Flow{}, Changes: f.changes,
		Lines: f.lines.since(m.lines, tickLines), Notices: f.notices.since(m.notices, keptNotices)}
	for _, message := range f.messages.since(m.messages, tickMessages) {
		t.Messages = append(t.Messages, message.summary())
	}
	t.Skipped = f.messages.count - m.messages - uint64(len(t.Messages))
	for key, e := range f.edges {
		if m.edges[key] != e.count {
			m.edges[key] = e.count
			t.Edges = append(t.Edges, e.flow(key))
		}
	}
	for name, d := range f.devices {
		switch {
		case !d.touched:
		case len(t.Devices) == tickDevices:
			t.More++
		default:
			d.touched = false
			b := d.beat(name)
			b.Values = last(b.Values, 1)
			t.Devices = append(t.Devices, b)
		}
	}
	m.messages, m.lines, m.notices = f.messages.count, f.lines.count, f.notices.count
	return t
}

// summary is a message without its payload and steps.
func (m *Message) summary() Message {
	return Message{Number: m.Number, Time: m.Time, Trace: m.Trace, Thing: m.Thing, Topic: m.Topic, Bytes: m.Bytes}
}

func (e *edge) flow(key edgeKey) Flow {
	flow := Flow{From: key.from, To: key.to, Count: e.count, Errors: e.errors}
	if e.count > 0 {
		flow.Millis = millis(e.time / time.Duration(e.count))
	}
	return flow
}

func (d *device) beat(name string) Beat {
	return Beat{Name: name, Seen: d.seen, Connected: d.connected, Count: d.count, Values: slices.Clone(d.values)}
}

// flows are all edges with traffic.
func (f *Feed) flows() []Flow {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]Flow, 0, len(f.edges))
	for key, e := range f.edges {
		all = append(all, e.flow(key))
	}
	slices.SortFunc(all, func(a, b Flow) int { return strings.Compare(a.From+a.To, b.From+b.To) })
	return all
}

// broadcast passes texts to many listeners. Who does not keep up misses some.
type broadcast struct {
	mu  sync.Mutex
	all map[chan []byte]bool
}

func (b *broadcast) listen() (listen chan []byte, end func()) {
	c := make(chan []byte, 8)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil {
		b.all = map[chan []byte]bool{}
	}
	b.all[c] = true
	return c, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.all, c)
	}
}

func (b *broadcast) listeners() []chan []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Keys(b.all))
}

// tick sends what is new to all pages, at most once a second.
func (s *Server) tick() {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	at := marks{edges: map[edgeKey]uint64{}}
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C:
		}
		s.options.Feed.read(s.options.Runtime.Deployed().Mappings)
		t := s.options.Feed.tick(&at) // also without listeners: a page that comes reads the rest by itself
		listeners := s.streams.listeners()
		if len(listeners) == 0 {
			continue
		}
		text, err := json.Marshal(t)
		if err != nil {
			continue // numbers that JSON does not know never get into a feed
		}
		for _, c := range listeners {
			select {
			case c <- text:
			default:
			}
		}
	}
}

// events is the stream of ticks, as server-sent events.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	listen, end := s.streams.listen()
	defer end()
	flush := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(w, "event: hello\ndata: {\"began\":%d}\n\n", s.options.Feed.began.UnixMilli())
	if flush.Flush() != nil {
		return
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case text := <-listen:
			fmt.Fprintf(w, "data: %s\n\n", text)
			if flush.Flush() != nil {
				return
			}
		}
	}
}
