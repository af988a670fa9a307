package broker

import (
	"errors"
	"sync"

	"github.com/mochi-mqtt/server/v2/packets"
)

// An outbox holds the commands for one child until they are on their way: a child that takes nothing holds up nobody
// but itself.
type outbox struct {
	mu      sync.Mutex
	waiting []packets.Packet
	busy    bool
}

// errOutbox is why a command is not taken.
var errOutbox = errors.New("too many commands wait for it")

// put adds a command, and says whether somebody has to send it.
func (o *outbox) put(pk packets.Packet) (send bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) >= maxCommands {
		return false, errOutbox
	}
	o.waiting = append(o.waiting, pk)
	send = !o.busy
	o.busy = true
	return send, nil
}

// next takes the oldest command out; without one, nobody sends any more.
func (o *outbox) next() (pk packets.Packet, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) == 0 {
		o.busy, o.waiting = false, nil
		return pk, false
	}
	pk = o.waiting[0]
	o.waiting[0] = packets.Packet{}
	o.waiting = o.waiting[1:]
	return pk, true
}

// send sends what is in a child's outbox, in order.
func (b *Broker) send(child string, o *outbox) {
	for {
		pk, ok := o.next()
		if !ok {
			return
		}
		if err := b.server.InjectPacket(b.inline, pk); err != nil {
			b.options.Log.Error("A command was not sent.", "child", child, "error", err)
		}
	}
}
