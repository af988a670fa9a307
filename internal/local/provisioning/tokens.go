package provisioning

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/event"
)

// tokenLife is how long a certificate ownership token is valid. [AWS 4 Claim flow]
const tokenLife = time.Hour

// tokens are the certificate ownership tokens, by their text.
type tokens struct {
	sync.Mutex
	all map[string]*token
}

// A token proves that a certificate was given to the client that shows it. It is for that client only, which AWS does not
// promise: the MQTT client ID and the claim certificate must be the same.
type token struct {
	clientID, claim string // claim is the claim certificate's ID
	id, arn, pem    string // of the certificate
	expires         time.Time

	mu   sync.Mutex // held while the token is used
	use  *use       // nil until something was registered with it
	done bool       // registered to the end
}

// use is what a token was used for. A device whose answer was lost asks the same again, and nothing else.
type use struct {
	template   string
	parameters map[string]string
	thing      string // "" for a template without one
	created    bool   // the thing did not exist before
}

func (u *use) same(template string, parameters map[string]string) bool {
	return u.template == template && maps.Equal(u.parameters, parameters)
}

// add gives out a new token.
func (t *tokens) add(one *token) (text string) {
	text = rand.Text() + rand.Text()
	t.Lock()
	defer t.Unlock()
	t.all[text] = one
	return text
}

// find returns the client's token. The error says why it is none, for the log; the device is told the same whatever it is.
func (t *tokens) find(text, clientID, claim string, now time.Time) (*token, error) {
	t.Lock()
	one := t.all[text]
	t.Unlock()
	switch {
	case text == "":
		return nil, badToken("the request holds no certificateOwnershipToken")
	case one == nil:
		return nil, badToken("the token is not known here")
	case one.clientID != clientID || one.claim != claim:
		return nil, badToken("the token was given to another client, %q", one.clientID)
	case !now.Before(one.expires):
		return nil, badToken("the token expired at %s", one.expires.Format(time.TimeOnly))
	}
	return one, nil
}

// sweep ends the tokens that the test accepts, other than those in use, and deletes their certificates if they are unused. A
// token whose certificate could not be deleted stays for the next time; whether it is valid does not depend on that.
func (s *Service) sweep(ctx context.Context, over func(*token) bool) {
	s.tokens.Lock()
	all := maps.Clone(s.tokens.all)
	s.tokens.Unlock()
	for _, text := range slices.Collect(maps.Keys(all)) {
		t := all[text]
		if !over(t) || !t.mu.TryLock() {
			continue
		}
		err := s.discard(ctx, t)
		t.mu.Unlock()
		if err != nil {
			s.options.Events.Send(event.Event{Kind: event.Failed, Thing: t.clientID, Action: "certificate", Target: short(t.id), Error: "deleting the unused certificate: " + err.Error()})
			continue
		}
		s.tokens.Lock()
		delete(s.tokens.all, text)
		s.tokens.Unlock()
	}
}

// discard deletes the token's certificate if it is unused: not registered with, and by no other hand activated or attached,
// in which case AWS IoT refuses to delete it. [AWS 4 Claim flow, AWS 1.4 DeleteCertificate]
func (s *Service) discard(ctx context.Context, t *token) error {
	if t.done {
		return nil
	}
	_, err := s.options.API.DeleteCertificate(ctx, &iot.DeleteCertificateInput{CertificateId: &t.id})
	switch {
	case errors.As(err, new(*types.ResourceNotFoundException)), errors.As(err, new(*types.CertificateStateException)), errors.As(err, new(*types.DeleteConflictException)):
		return nil
	case err == nil:
		s.options.Events.Send(event.Event{Kind: event.Acted, Thing: t.clientID, Action: "certificate", Target: short(t.id), Detail: "deleted, since it was not used"})
	}
	return err
}

// short is a certificate's ID for people.
func short(id string) string { return id[:min(8, len(id))] + "…" }
