package value

// Paths is a set of member paths to look for in payloads, so that a condition on two fields reads two fields. The zero value
// is empty; it must not change any more once Find is in use.
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
}

// Span is where a value stands in the payload; the zero Span means that it does not.
type Span struct{ Start, End int }

// Add puts a path into the set and returns its slot; a path that is there already keeps its slot.
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
	for _, c := range s.next {
		if c.name == name {
			return c
		}
	}
	c := &step{name: name, slot: -1}
	s.next = append(s.next, c)
	return c
}

// Len is the number of slots.
func (p *Paths) Len() int { return p.count }

// Find goes through text once. It reports whether text is a well-formed JSON object or array, and notes in spans, by slot,
// where the value of each path is. Where a key repeats, the last one counts.
func (p *Paths) Find(text string, spans []Span) bool {
	s := scanner{text: text}
	s.space()
	if s.pos >= len(text) || text[s.pos] != '{' && text[s.pos] != '[' {
		return false
	}
	ok := s.find(&p.root, spans)
	s.space()
	return ok && s.pos == len(text)
}

// find skips the value at the scanner's place and notes what at's paths select below it.
func (s *scanner) find(at *step, spans []Span) bool {
	if len(at.next) == 0 || s.pos >= len(s.text) || s.text[s.pos] != '{' {
		return s.value()
	}
	return s.elements('}', func() bool {
		start := s.pos
		plain, ok := s.str()
		if !ok {
			return false
		}
		key := s.text[start+1 : s.pos-1]
		if !plain {
			key = unescape(key)
		}
		if !s.colon() {
			return false
		}
		for _, c := range at.next {
			if c.name == key {
				return s.note(c, spans)
			}
		}
		return s.value()
	})
}

// note skips the value of a wanted key.
func (s *scanner) note(c *step, spans []Span) bool {
	for _, slot := range c.slots {
		spans[slot] = Span{}
	}
	start := s.pos
	if !s.find(c, spans) {
		return false
	}
	if c.slot >= 0 {
		spans[c.slot] = Span{start, s.pos}
	}
	return true
}

// Decode reads the value at a span that Find returned for this text.
func (v Version) Decode(text string, at Span) Value {
	if at.End == 0 {
		return Value{}
	}
	s := scanner{text: text[:at.End], pos: at.Start}
	result, _ := s.decode(v)
	return result
}
