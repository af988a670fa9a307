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
	index map[string]*step // of next, only when there are many
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
	if c := s.match([]byte(name), true); c != nil {
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

// Find goes through text once. It reports whether text is a well-formed JSON object or array, and notes in spans, by slot,
// where the value of each path is. Where a key repeats, the last one counts.
func (p *Paths) Find(text []byte, spans []Span) bool {
	i := skipSpace(text, 0)
	if i >= len(text) || text[i] != '{' && text[i] != '[' {
		return false
	}
	end := p.root.find(text, i, 0, spans)
	return end >= 0 && skipSpace(text, end) == len(text)
}

// find skips the value at i and notes what the step's paths select below it.
func (s *step) find(text []byte, i, depth int, spans []Span) int {
	if len(s.next) == 0 || i < 0 || i >= len(text) || text[i] != '{' {
		return skipValue(text, i, depth)
	}
	i, done := open(text, i, '}', depth+1)
	for !done {
		end, plain := skipString(text, i)
		if end < 0 {
			return -1
		}
		wanted := s.match(text[i+1:end-1], plain)
		i = skipColon(text, end)
		if wanted == nil {
			i = skipValue(text, i, depth+1)
		} else {
			i = wanted.note(text, i, depth+1, spans)
		}
		i, done = next(text, i, '}')
	}
	return i
}

// match returns the step below s that a key names.
func (s *step) match(key []byte, plain bool) *step {
	if !plain {
		key = []byte(unescape(string(key)))
	}
	if s.index != nil {
		return s.index[string(key)]
	}
	for _, c := range s.next {
		if c.name == string(key) {
			return c
		}
	}
	return nil
}

// note skips the value of a wanted key, which makes earlier ones of the same key void.
func (s *step) note(text []byte, i, depth int, spans []Span) int {
	for _, slot := range s.slots {
		spans[slot] = Span{}
	}
	end := s.find(text, i, depth, spans)
	if s.slot >= 0 && end >= 0 {
		spans[s.slot] = Span{i, end}
	}
	return end
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
	d := decoder{text: string(text), version: v}
	result, _ := d.value(0, 0)
	return result
}
