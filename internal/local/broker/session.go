package broker

import (
	"crypto/x509"
	"fmt"
	"maps"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/policy"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/registry"
)

// sessions holds the session of each connected client.
type sessions struct {
	sync.RWMutex
	all     map[*mqtt.Client]*session
	version int64 // of the newest connection, counted over all clients
	ended   bool  // no session may be added
}

func (s *sessions) of(client *mqtt.Client) *session {
	s.RLock()
	defer s.RUnlock()
	return s.all[client]
}

// add reports whether the client may connect; while the broker closes, it may not.
func (s *sessions) add(client *mqtt.Client, one *session) bool {
	s.Lock()
	defer s.Unlock()
	if s.ended {
		return false
	}
	// AWS IoT counts per client and skips numbers as well. Those of an earlier run are lower, as after a pause on AWS
	// they are not: the functions remember them.
	s.version = max(s.version+1, time.Now().Unix())
	one.version = s.version
	s.all[client] = one
	return true
}

// end prevents further connections and returns the connected clients.
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

// find returns the client of a session, or nil after it has disconnected.
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

// decisionsKept limits the cached decisions of one session; a device uses few topics.
const decisionsKept = 256

// A session is one connected client with its permissions.
type session struct {
	id          string // sessionIdentifier of the presence events, and message.Message.Session
	certificate *x509.Certificate
	sourceIP    string
	connect     []string // the iot:ConnectAttributes of its CONNECT packet
	version     int64    // versionNumber of the presence events: one for both events of a connection

	mu        sync.Mutex
	grant     *registry.Grant
	decisions map[decision]bool
	// subscribing holds the allowed filters of the SUBSCRIBE packet in progress; see hook.OnACLCheck.
	subscribing map[string]bool
	// ended is why the broker closed the connection, as AWS IoT names it; empty if it did not.
	ended string
}

type decision struct{ action, resource string }

func newSession(id string, c *x509.Certificate, sourceIP string, connect []string, g *registry.Grant) *session {
	return &session{
		id:          id,
		certificate: c,
		sourceIP:    sourceIP,
		connect:     connect,
		grant:       g,
		decisions:   map[decision]bool{},
	}
}

// mayConnect returns the reason why the grant does not allow this client to connect.
func mayConnect(g *registry.Grant, clientID string, connect []string) error {
	if !g.Allows(policy.Connect, "client/"+clientID, connect...) {
		const text = "no policy of certificate %s… allows iot:Connect as client %q"
		return fmt.Errorf(text, g.CertificateID[:8], clientID)
	}
	return nil
}

// allows caches its decisions: a session's policies change only through replace.
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

// end notes why the broker closes the connection.
func (s *session) end(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == "" {
		s.ended = reason
	}
}

func (s *session) endedBy() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}
