package page

import (
	"encoding/base64"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

// Followed is a message with its payload and what became of it.
type Followed struct {
	Message
	Payload string `json:"payload"`
	Base64  bool   `json:"base64,omitempty"` // the payload is no text
}

// messages returns the last messages, the latest first: all, or those of a device or a topic filter.
func (s *Server) messages(r *http.Request) (any, error) {
	const most = 200
	thing, filter := r.URL.Query().Get("thing"), r.URL.Query().Get("filter")
	f := s.options.Feed
	f.mu.Lock()
	defer f.mu.Unlock()
	list := []Followed{}
	all := f.messages.since(0, keptMessages)
	for _, m := range slices.Backward(all) {
		if len(list) == most {
			break
		}
		if (thing == "" || m.Thing == thing) && (filter == "" || topic.Match(filter, m.Topic)) {
			list = append(list, m.follow())
		}
	}
	return map[string]any{"messages": list}, nil
}

// message follows one message.
func (s *Server) message(r *http.Request) (any, error) {
	f := s.options.Feed
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.byTrace[r.PathValue("trace")]
	if m == nil {
		return nil, notFound("the message is not among the last %d", keptMessages)
	}
	return m.follow(), nil
}

func (m *Message) follow() Followed {
	followed := Followed{Message: *m, Payload: string(m.payload)}
	followed.Steps = slices.Clone(m.Steps)
	slices.SortStableFunc(followed.Steps, func(a, b Step) int { return a.Time.Compare(b.Time) })
	if !utf8.Valid(m.payload) {
		followed.Payload, followed.Base64 = base64.StdEncoding.EncodeToString(m.payload), true
	}
	return followed
}
