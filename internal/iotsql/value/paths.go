package value

import "github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"

// MaxDepth is how deep arrays and objects of a payload may nest.
const MaxDepth = 1000

// Paths is a set of member paths to look for in payloads, so that a condition on two fields reads only two fields. The
// zero value is empty; it must not change once Find is in use.
type Paths struct {
	root  step
	count int
}

// step is one name of a path.
type step struct {
	name  string
	slot  int // of the path that ends here, -1 for none
	slots []int
	next  []*step
	index map[string]*step // of next, only when there are many
}

// Span locates a value in the payload; the zero Span means that it is absent.
type Span struct{ Start, End int }

// Add adds a path to the set and returns its slot; a path that is already in the set keeps its slot.
func (p *Paths) Add(path []string) int {
	at := &p.root
	var way []*step
	for _, name := range path {
		at = at.child(name)
		way = append(way, at)
	}
	if at.slot < 0 {
		at.slot = p.count
		p.count++
		for _, s := range way {
			s.slots = append(s.slots, at.slot)
		}
	}
	return at.slot
}

func (s *step) child(name string) *step {
	if c := s.match(name); c != nil {
		return c
	}
	c := &step{name: name, slot: -1}
	s.next = append(s.next, c)
	if s.index != nil {
		s.index[name] = c
	} else if len(s.next) > linearMembers {
		s.index = map[string]*step{}
		for _, n := range s.next {
			s.index[n.name] = n
		}
	}
	return c
}

// Len is the number of slots.
func (p *Paths) Len() int { return p.count }

// Find scans text once. It reports whether text is a well-formed JSON object or array, and records in spans, by slot,
// where the value of each path is. If a key repeats, the last one counts.
func (p *Paths) Find(text []byte, spans []Span) bool {
	r := jsontext.NewBytes(text, MaxDepth)
	if kind := r.Peek(); kind != jsontext.Object && kind != jsontext.Array {
		return false
	}
	return p.root.find(&r, spans) == nil && r.End() == nil
}

// find skips a value and records what the step's paths select below it.
func (s *step) find(r *jsontext.Reader, spans []Span) error {
	if len(s.next) == 0 || r.Peek() != jsontext.Object {
		return r.Skip()
	}
	if err := r.Enter('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		key, ok, err := r.Member(first)
		if err != nil || !ok {
			return err
		}
		if wanted := s.match(key); wanted != nil {
			err = wanted.note(r, spans)
		} else {
			err = r.Skip()
		}
		if err != nil {
			return err
		}
	}
}

// match returns the step below s that a key names.
func (s *step) match(key string) *step {
	if s.index != nil {
		return s.index[key]
	}
	for _, c := range s.next {
		if c.name == key {
			return c
		}
	}
	return nil
}

// note skips the value of a wanted key, which replaces earlier ones with the same key.
func (s *step) note(r *jsontext.Reader, spans []Span) error {
	for _, slot := range s.slots {
		spans[slot] = Span{}
	}
	r.Peek()
	start := r.Offset()
	if err := s.find(r, spans); err != nil {
		return err
	}
	if s.slot >= 0 {
		spans[s.slot] = Span{start, r.Offset()}
	}
	return nil
}

// Decode reads the value at a span that Find returned for this text. Only the span is copied, if at all.
func (v Version) Decode(text []byte, at Span) Value {
	if at.End == 0 {
		return Value{}
	}
	text = text[at.Start:at.End]
	if c := text[0]; c == '-' || c >= '0' && c <= '9' {
		if n, ok := smallNumber(v, text); ok {
			return n
		}
	}
	result, _ := v.ParseJSON(string(text))
	return result
}
