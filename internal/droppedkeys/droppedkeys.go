// Package droppedkeys finds the keys of a configuration that Terraform drops without a word: those of a nested argument
// that the resource does not have (hashicorp/terraform issue 33570). A provider never sees them, but it runs in the
// configuration's directory and can read the files. The package must not know any resource; its caller describes the
// arguments.
//
// It reports only what is certain. What cannot be read or followed is left alone: a module with override files, a value
// from a variable, a for_each or a data source, a local value that something else uses too.
package droppedkeys

import (
	"sync"
)

// Type is what an argument takes, as far as keys go: an object, a collection, or, with neither, anything.
type Type struct {
	Keys    map[string]*Type // of an object
	Element *Type            // of a map, list or set
}

// Key is a key that Terraform drops.
type Key struct {
	Name     string
	In       string // the object that has no such key, such as rules["hot"]; the argument is its first part
	Argument string // the argument of the resource below which the key is
	File     string // relative to the directory that Terraform works in
	Line     int
	Known    []string // the keys that the object can have, sorted
}

// Block is a resource block, as far as it can be read without evaluating anything.
type Block struct {
	Name      string
	Arguments map[string]bool   // those that are set, maybe to null
	Literals  map[string]string // strings, numbers and booleans that are written down, as text
}

// Configuration is one configuration: its root module and the modules that are installed for it. Its methods may be
// called at the same time.
type Configuration struct {
	read func() []*module

	mu       sync.Mutex
	reported map[place]bool
}

// place is where a key is written.
type place struct {
	file string
	line int
	name string
}

// In is the configuration whose root module is in dir, as far as resources of the given type are in it. It is read when
// it is first asked, once.
func In(dir, resourceType string) *Configuration {
	return &Configuration{
		read:     sync.OnceValue(func() []*module { return modules(dir, resourceType) }),
		reported: map[place]bool{},
	}
}

// Dropped finds the keys that Terraform drops in the resource blocks for which is says yes. A key is reported once,
// however many instances a block has.
func (c *Configuration) Dropped(arguments map[string]*Type, is func(Block) bool) []Key {
	var all []Key
	for _, m := range c.read() {
		for _, b := range m.blocks {
			if is(b.Block) {
				all = append(all, b.dropped(arguments)...)
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	fresh := all[:0]
	for _, k := range all {
		at := place{k.File, k.Line, k.Name}
		if !c.reported[at] {
			c.reported[at] = true
			fresh = append(fresh, k)
		}
	}
	return fresh
}
