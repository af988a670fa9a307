package broker

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// strangerPatience is how long a client may take until it has proved who it is.
	strangerPatience = 10 * time.Second
	// writePatience is how long a client may take nothing of what it is sent, lastPatience when the broker closes.
	writePatience = 30 * time.Second
	lastPatience  = time.Second
	// socketBuffer is what the kernel holds of each direction: by itself, it lets a client have megabytes.
	socketBuffer = 128 << 10
)

// A conn is the network connection of a client, below TLS. The MQTT server lets clients set the deadlines: here, one
// has to prove in time who it is, and has to take what it is sent, also while it goes on sending.
type conn struct {
	net.Conn
	since time.Time
	talks atomic.Bool // it has sent something

	mu          sync.Mutex
	established bool // the client is a child
	last        bool // what is written now is the last
}

func newConn(raw net.Conn) *conn {
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(socketBuffer) // the kernel's own size does as well
		_ = tcp.SetWriteBuffer(socketBuffer)
	}
	c := &conn{Conn: raw, since: time.Now()}
	_ = c.Conn.SetReadDeadline(time.Now().Add(strangerPatience)) // a closed connection fails at the next read
	return c
}

// connOf returns the connection below that of an MQTT client; nil if no listener accepted it.
func connOf(client net.Conn) *conn {
	if secure, ok := client.(*tls.Conn); ok {
		client = secure.NetConn()
	}
	c, _ := client.(*conn)
	return c
}

// establish says that the client has proved who it is.
func (c *conn) establish() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.established = true
}

// SetDeadline bounds what is read, from when the client is known on. Writes have deadlines of their own.
func (c *conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline is SetDeadline.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.established {
		return nil
	}
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline does nothing.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// Read notes that the client talks.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.talks.Load() {
		c.talks.Store(true)
	}
	return n, err
}

// Write ends the connection of a client that takes nothing.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	err := c.bound()
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		c.Close()
	}
	return n, err
}

// bound sets the deadline of writes; c.mu is held.
func (c *conn) bound() error {
	patience := writePatience
	if c.last {
		patience = lastPatience
	}
	return c.Conn.SetWriteDeadline(time.Now().Add(patience))
}

// hurry bounds what is being written, and what follows.
func (c *conn) hurry() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = true
	_ = c.bound() // a closed connection fails at the write
}
