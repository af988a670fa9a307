package broker

import (
	"errors"
	"maps"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// An outbox holds the commands for one child until they are on their way: a child that takes nothing holds up nobody
// but itself. Then the MQTT server keeps them until the child has acknowledged them, in the order of
// packets.Packet.Created, which it takes for seconds. It looks only at the wall clock when it lets messages expire, at
// those of MQTT 5, and not when a child connects. So Created is the number of a command here, and the outbox has the
// deadlines in monotonic time.
type outbox struct {
	mu      sync.Mutex
	waiting []letter
	busy    bool

	last      uint16              // number; the server compares 16 bits
	current   int64               // the command that is on its way to the server
	deadlines map[int64]time.Time // by number
}

// A letter is a command with its deadline, zero for none.
type letter struct {
	packet   packets.Packet
	deadline time.Time
}

// errOutbox is why a command is not taken.
var errOutbox = errors.New("too many commands wait for it")

// put adds a command, and says whether somebody has to send it. The child has not acknowledged so many.
func (o *outbox) put(l letter, unacknowledged int) (send bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting)+unacknowledged >= maxCommands {
		return false, errOutbox
	}
	o.waiting = append(o.waiting, l)
	send = !o.busy
	o.busy = true
	return send, nil
}

// next takes the oldest command out; without one, nobody sends any more.
func (o *outbox) next() (l letter, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.current = 0
	if len(o.waiting) == 0 {
		o.busy, o.waiting = false, nil
		return l, false
	}
	l = o.waiting[0]
	o.waiting[0] = letter{}
	o.waiting = o.waiting[1:]
	return l, true
}

// number returns the number of a command that is now sent. Numbers begin again when nothing is left of the others.
func (o *outbox) number(deadline time.Time, again bool) uint16 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if again {
		o.last = 0
		clear(o.deadlines)
	}
	if o.last++; o.last == 0 {
		o.last++ // no packet has the ID 0
	}
	o.current = int64(o.last)
	delete(o.deadlines, o.current)
	if !deadline.IsZero() {
		o.deadlines[o.current] = deadline
	}
	return o.last
}

// deadline is that of a command, zero for none.
func (o *outbox) deadline(number int64) time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.deadlines[number]
}

// sent are the deadlines of commands that the server has got.
func (o *outbox) sent() map[int64]time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	sent := maps.Clone(o.deadlines)
	delete(sent, o.current)
	return sent
}

// forget removes deadlines.
func (o *outbox) forget(numbers map[int64]time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for n := range numbers {
		if n != o.current {
			delete(o.deadlines, n)
		}
	}
}

// send sends what is in a child's outbox, in order.
func (b *Broker) send(child string, o *outbox) {
	for {
		l, ok := o.next()
		if !ok {
			return
		}
		if expired(l.deadline, time.Now()) {
			b.expire(child, l.packet.Properties.CorrelationData)
			continue
		}
		kept := 0
		if client, ok := b.server.Clients.Get(child); ok {
			kept = client.State.Inflight.Len()
		}
		if kept >= maxCommands { // the server would drop it without a word
			b.lose(child, 1, errOutbox.Error())
			continue
		}
		l.packet.PacketID = o.number(l.deadline, kept == 0)
		if err := b.server.InjectPacket(b.inline, l.packet); err != nil {
			b.options.Log.Error("A command was not sent.", "child", child, "error", err)
		}
	}
}

// expireOf forgets what has expired of the commands that the server keeps for a child. What a connected child has been
// sent is not waiting, unless it returns.
func (b *Broker) expireOf(child string, o *outbox, returns bool) {
	gone := o.sent()
	if len(gone) == 0 {
		return
	}
	now := time.Now()
	if client, ok := b.server.Clients.Get(child); ok {
		for _, pk := range commandsOf(client) {
			deadline, ok := gone[pk.Created]
			switch {
			case !ok:
			case (returns || client.Closed()) && expired(deadline, now) && client.State.Inflight.Delete(pk.PacketID):
				b.expire(child, pk.Properties.CorrelationData)
			default:
				delete(gone, pk.Created)
			}
		}
	}
	o.forget(gone)
}

// commandsOf are the commands that a child has not acknowledged.
func commandsOf(client *mqtt.Client) (list []packets.Packet) {
	for _, pk := range client.State.Inflight.GetAll(false) {
		if pk.FixedHeader.Type == packets.Publish {
			list = append(list, pk)
		}
	}
	return list
}

func expired(deadline, now time.Time) bool { return !deadline.IsZero() && !deadline.After(now) }
