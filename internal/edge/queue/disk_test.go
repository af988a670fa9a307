package queue

import (
	"errors"
	"io"
	"maps"
	"slices"
)

// disk is a directory in memory. It knows what a power failure leaves, and fails when it is told to.
type disk struct {
	now, durable map[string]*content // names; the content of a file knows itself what is durable
	// fail is asked before every change; the number of bytes that a failing write still writes is its first result.
	fail func(operation, name string) (partly int, err error)
	// unreadable says which parts of files cannot be read.
	unreadable func(name string, from, to int64) bool
}

// content is a file. What a failed sync did not write, the next one does not write either, unless it is written again.
type content struct {
	now, durable []byte
	dirty        bool
}

func newDisk() *disk { return &disk{now: map[string]*content{}, durable: map[string]*content{}} }

var errDisk = errors.New("input/output error")

func (d *disk) ask(operation, name string) (int, error) {
	if d.fail == nil {
		return 0, nil
	}
	return d.fail(operation, name)
}

func (d *disk) open(name string) (file, error) {
	c := d.now[name]
	if c == nil {
		if _, err := d.ask("create", name); err != nil {
			return nil, err
		}
		c = &content{}
		d.now[name] = c
	}
	return &handle{d, name, c}, nil
}

func (d *disk) remove(name string) error {
	if _, err := d.ask("remove", name); err != nil {
		return err
	}
	delete(d.now, name)
	return nil
}

func (d *disk) list() ([]string, error) { return slices.Sorted(maps.Keys(d.now)), nil }

func (d *disk) sync() error {
	if _, err := d.ask("sync", "."); err != nil {
		return err
	}
	d.durable = maps.Clone(d.now)
	return nil
}

// killed is the disk after the process was killed: the operating system still has all that was written.
func (d *disk) killed() *disk {
	after := newDisk()
	for name, c := range d.now {
		after.now[name] = &content{slices.Clone(c.now), slices.Clone(c.durable), true}
		if d.durable[name] == c {
			after.durable[name] = after.now[name]
		}
	}
	return after
}

// powerless is the disk after the power failed.
func (d *disk) powerless() *disk {
	after := newDisk()
	for name, c := range d.durable {
		after.now[name] = &content{slices.Clone(c.durable), slices.Clone(c.durable), false}
	}
	after.durable = maps.Clone(after.now)
	return after
}

type handle struct {
	disk *disk
	name string
	*content
}

func (h *handle) ReadAt(b []byte, at int64) (int, error) {
	if at >= int64(len(h.now)) {
		return 0, io.EOF
	}
	if h.disk.unreadable != nil && h.disk.unreadable(h.name, at, at+int64(len(b))) {
		return 0, errDisk
	}
	n := copy(b, h.now[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) WriteAt(b []byte, at int64) (int, error) {
	partly, err := h.disk.ask("write", h.name)
	if err != nil {
		b = b[:min(partly, len(b))]
	}
	if grow := int(at) + len(b) - len(h.now); grow > 0 {
		h.now = append(h.now, make([]byte, grow)...)
	}
	copy(h.now[at:], b)
	h.dirty = true
	return len(b), err
}

func (h *handle) Truncate(size int64) error {
	if _, err := h.disk.ask("truncate", h.name); err != nil {
		return err
	}
	h.now = h.now[:size]
	h.dirty = true
	return nil
}

func (h *handle) Sync() error {
	dirty := h.dirty
	h.dirty = false
	if _, err := h.disk.ask("sync", h.name); err != nil {
		return err
	}
	if dirty {
		h.durable = slices.Clone(h.now)
	}
	return nil
}

func (h *handle) size() (int64, error) { return int64(len(h.now)), nil }
func (h *handle) Close() error         { return nil }
