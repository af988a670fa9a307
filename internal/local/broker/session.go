package broker

import (
	"crypto/x509"
	"fmt"
	"maps"
	"sync"

	mqtt "github.com/mochi-mqtt/server/v2"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/policy"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/registry"
)

// sessions holds what the broker knows of each connected client.
type sessions struct {
	sync.RWMutex
	all     map[*mqtt.Client]*session
	version int  // of presence events, counted over all clients
	ended   bool // no more may be added
}

func (s *sessions) of(client *mqtt.Client) *session {
	s.RLock()
	defer s.RUnlock()
	return s.all[client]
}

// add says whether the client may connect, which it may not when the broker is being closed.
func (s *sessions) add(client *mqtt.Client, one *session) bool {
	s.Lock()
	defer s.Unlock()
	if s.ended {
		return false
	}
	s.all[client] = one
	return true
}

// end lets nobody connect any more, and returns those who have.
func (s *sessions) end() map[*mqtt.Client]*session {
	s.Lock()
	defer s.Unlock()
	s.ended = true
	return maps.Clone(s.all)
}

func (s *sessions) remove(client *mqtt.Client) *session {
	s.Lock()
	defer s.Unlock()
	one := s.all[client]
	delete(s.all, client)
	return one
}

// find returns the connected client of a session; nil when it has gone.
func (s *sessions) find(id string) (*mqtt.Client, *session) {
	s.RLock()
	defer s.RUnlock()
	for client, one := range s.all {
		if one.id == id {
			return client, one
		}
	}
	return nil, nil
}

func (s *sessions) snapshot() map[*mqtt.Client]*session {
	s.RLock()
	defer s.RUnlock()
	return maps.Clone(s.all)
}

func (s *sessions) next() int {
	s.Lock()
	defer s.Unlock()
	s.version++
	return s.version
}

// decisionsKept bounds the remembered decisions of one session; a device uses few topics.
const decisionsKept = 256

// A session is one connected client with its permissions.
type session struct {
	id          string // sessionIdentifier of the presence events, and message.Message.Session
	certificate *x509.Certificate
	sourceIP    string
	connect     []string // what the client asked for, as iot:ConnectAttributes

	mu        sync.Mutex
	grant     *registry.Grant
	decisions map[decision]bool
	// subscribing is the exact filters of the SUBSCRIBE packet in progress that are allowed; see hook.OnACLCheck.
	subscribing map[string]bool
}

type decision struct{ action, resource string }

func newSession(id string, c *x509.Certificate, sourceIP string, connect []string, g *registry.Grant) *session {
	return &session{id: id, certificate: c, sourceIP: sourceIP, connect: connect, grant: g, decisions: map[decision]bool{}}
}

// mayConnect says why the grant does not let this client connect.
func mayConnect(g *registry.Grant, clientID string, connect []string) error {
	if !g.Allows(policy.Connect, "client/"+clientID, connect...) {
		return fmt.Errorf("no policy of certificate %s… allows iot:Connect as client %q", g.CertificateID[:8], clientID)
	}
	return nil
}

// allows decides once per action and resource and remembers: policies do not change under a session but by replace.
func (s *session) allows(action, kind, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := decision{action, name}
	allowed, known := s.decisions[d]
	if !known {
		allowed = s.grant.Allows(action, kind+name)
		if len(s.decisions) >= decisionsKept {
			clear(s.decisions)
		}
		s.decisions[d] = allowed
	}
	return allowed
}

func (s *session) replace(g *registry.Grant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grant = g
	clear(s.decisions)
}

func (s *session) certificateID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.grant.CertificateID
}

func (s *session) beginSubscribing(filters map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscribing = filters
}

func (s *session) isSubscribing(filter string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.subscribing[filter]
}
