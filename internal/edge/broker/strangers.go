package broker

import (
	"slices"
	"sync"
	"time"
)

const (
	// maxStrangers is how many clients may be connected that have not proved who they are. Each can hold a packet.
	maxStrangers = 100
	// silentGrace is how long a client that says nothing has a place in any case, and talkingGrace one that has said
	// something: hundreds that connect at once need their time.
	silentGrace  = time.Second
	talkingGrace = 3 * time.Second
)

// strangers are the clients that have not proved who they are, in the order in which they came. When there are too
// many, those make room that say nothing, and then those that came first.
type strangers struct {
	refused func(c *conn)

	mu     sync.Mutex
	change sync.Cond // someone has left, or may have to
	list   []*conn
	proof  map[*conn]bool // those whose proof is being checked
	closed bool
}

func newStrangers(refused func(*conn)) *strangers {
	s := &strangers{refused: refused, proof: map[*conn]bool{}}
	s.change.L = &s.mu
	return s
}

// enter waits until there is room; false means that the broker is closed.
func (s *strangers) enter(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.closed && len(s.list) >= maxStrangers {
		leaves, in := s.leaves()
		if leaves == nil {
			again := time.AfterFunc(in, s.change.Broadcast)
			s.change.Wait()
			again.Stop()
			continue
		}
		s.remove(leaves)
		s.refused(leaves)
		leaves.Close()
	}
	if s.closed {
		return false
	}
	s.list = append(s.list, c)
	return true
}

// leaves returns who makes room; nil if nobody has to yet, and when to ask again.
func (s *strangers) leaves() (c *conn, in time.Duration) {
	in = talkingGrace
	var talking *conn
	for _, c := range s.list {
		switch talks, age := c.talks.Load(), time.Since(c.since); {
		case s.proof[c]:
		case !talks && age >= silentGrace:
			return c, 0
		case !talks:
			in = min(in, silentGrace-age)
		case age < talkingGrace:
			in = min(in, talkingGrace-age)
		case talking == nil:
			talking = c
		}
	}
	return talking, in
}

// proves says whether a client's proof is being checked.
func (s *strangers) proves(c *conn, yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if yes && slices.Contains(s.list, c) {
		s.proof[c] = true
	} else {
		delete(s.proof, c)
		s.change.Broadcast()
	}
}

// leave says that a client is a child now, or has gone.
func (s *strangers) leave(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(c)
}

func (s *strangers) remove(c *conn) {
	if i := slices.Index(s.list, c); i >= 0 {
		s.list = slices.Delete(s.list, i, i+1)
	}
	delete(s.proof, c)
	s.change.Broadcast()
}

// close disconnects all strangers.
func (s *strangers) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.list {
		c.Close()
	}
	s.change.Broadcast()
}
