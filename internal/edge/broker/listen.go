package broker

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
)

const (
	// lookEvery is how often the broker looks whether interfaces have other addresses.
	lookEvery = 5 * time.Second
	// acceptPause follows an attempt to accept a connection that failed, as when there are too many open files.
	acceptPause = 100 * time.Millisecond
)

// A doorway is one entry of broker.listen.
type doorway struct {
	listen  config.Listen
	open    map[string]net.Listener // by address as configured, or as the interface has it
	problem string
}

// listen opens what can be opened. An interface or address that the system does not have yet is no error: it may come
// up later, and until then the gateway forwards what it has.
func (b *Broker) listen() error {
	b.doors.Lock()
	defer b.doors.Unlock()
	for _, l := range b.options.Listen {
		d := &doorway{listen: l, open: map[string]net.Listener{}}
		b.doorways = append(b.doorways, d)
		if err := b.look(d); err != nil && !absent(err) {
			return err
		}
	}
	return nil
}

// absentError is about an interface that has no address.
type absentError struct{ error }

// absent reports whether an interface or address may come up later.
func absent(err error) bool {
	return errors.As(err, new(absentError)) || errors.Is(err, syscall.EADDRNOTAVAIL)
}

// look makes a doorway listen where it should.
func (b *Broker) look(d *doorway) error {
	addresses, problem := []string{d.listen.Address}, error(nil)
	if d.listen.Interface != "" {
		addresses, problem = b.addresses(d.listen.Interface, d.listen.Port)
	}
	for address, listener := range d.open {
		if !slices.Contains(addresses, address) {
			listener.Close()
			delete(d.open, address)
			b.options.Log.Warn("Children cannot connect there any more.", "listener", address)
		}
	}
	for _, address := range addresses {
		if d.open[address] != nil {
			continue
		}
		listener, err := net.Listen("tcp", address)
		if err != nil {
			problem = errors.Join(problem, fmt.Errorf("listening for children on %s: %w", address, err))
			continue
		}
		d.open[address] = listener
		b.running.Go(func() { b.accept(listener, address, !d.listen.Plain) })
		b.options.Log.Info("Children can connect.", "address", listener.Addr().String(), "tls", !d.listen.Plain)
	}
	text := ""
	if problem != nil {
		text = problem.Error()
	}
	if text != d.problem && text != "" {
		b.options.Log.Error("Children cannot connect everywhere: the gateway tries again.", "error", text)
	}
	d.problem = text
	return problem
}

// watch looks at the interfaces until the broker is closed.
func (b *Broker) watch() {
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	for {
		select {
		case <-b.done:
			return
		case <-again.C:
			b.lookAgain()
		}
	}
}

func (b *Broker) lookAgain() {
	b.doors.Lock()
	defer b.doors.Unlock()
	if b.shut {
		return
	}
	for _, d := range b.doorways {
		_ = b.look(d) // it is logged, and Problem says it
	}
}

// stopListening closes all listeners, permanently.
func (b *Broker) stopListening() {
	b.doors.Lock()
	defer b.doors.Unlock()
	b.shut = true
	for _, d := range b.doorways {
		for _, listener := range d.open {
			listener.Close()
		}
	}
}

// Addresses are where the broker listens, as host:port.
func (b *Broker) Addresses() (all []string) {
	b.doors.Lock()
	defer b.doors.Unlock()
	for _, d := range b.doorways {
		for _, listener := range d.open {
			all = append(all, listener.Addr().String())
		}
	}
	slices.Sort(all)
	return all
}

// Problem says where the broker should listen and cannot; "" if it can everywhere.
func (b *Broker) Problem() string {
	b.doors.Lock()
	defer b.doors.Unlock()
	var all []string
	for _, d := range b.doorways {
		if d.problem != "" {
			all = append(all, d.problem)
		}
	}
	return strings.Join(all, "; ")
}

// Absent says which interfaces of a configuration there are not now, or have no address.
func Absent(list []config.Listen) error {
	var all []error
	for _, l := range list {
		if l.Interface != "" {
			_, err := addressesOf(l.Interface, l.Port)
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// addressesOf returns the addresses of an interface with a port.
func addressesOf(name string, port int) ([]string, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, absentError{fmt.Errorf("listening on the interface %q: %w", name, err)}
	}
	known, err := i.Addrs()
	if err != nil {
		return nil, absentError{fmt.Errorf("listening on the interface %q: %w", name, err)}
	}
	var addresses []string
	for _, a := range known {
		ip, _, err := net.ParseCIDR(a.String())
		if err != nil {
			continue
		}
		host := ip.String()
		if ip.To4() == nil && ip.IsLinkLocalUnicast() {
			host += "%" + name
		}
		addresses = append(addresses, net.JoinHostPort(host, fmt.Sprint(port)))
	}
	if len(addresses) == 0 {
		return nil, absentError{fmt.Errorf("the interface %q has no address: bring it up, or name an address", name)}
	}
	return addresses, nil
}

// accept takes connections until the listener is closed. Whatever else fails passes: a listener that gives up would
// lock the children out until a restart.
func (b *Broker) accept(listener net.Listener, name string, secure bool) {
	for {
		raw, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			b.options.Log.Error("A connection could not be accepted.", "listener", name, "error", err)
			select {
			case <-b.done:
				return
			case <-time.After(acceptPause):
			}
			continue
		}
		c := newConn(raw)
		if !b.strangers.enter(c) {
			raw.Close()
			return
		}
		client := net.Conn(c)
		if secure {
			client = tls.Server(c, b.options.TLS)
		}
		b.running.Go(func() {
			defer b.strangers.leave(c)
			defer raw.Close()
			_ = b.server.EstablishConnection(name, client) // OnDisconnect logs the error
		})
	}
}
