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

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// tokenLife is how long a certificate ownership token is valid. [AWS 4 Claim flow]
const tokenLife = time.Hour

// tokens are the certificate ownership tokens, by their text.
type tokens struct {
	sync.Mutex
	all map[string]*token
}

// A token proves that a certificate was issued to the client that presents it. Only the same MQTT client ID with the
// same claim certificate can use it, which AWS does not promise.
type token struct {
	clientID, claim string // claim is the claim certificate's ID
	id, arn, pem    string // of the certificate
	expires         time.Time

	mu   sync.Mutex // held while the token is used
	use  *use       // nil until the token is used
	done bool       // the registration is complete
}

// use is what a token was used for. A device whose answer was lost may repeat the same request, and no other.
type use struct {
	template   string
	parameters map[string]string
	thing      string // "" for a template without one
	created    bool   // the thing did not exist before
}

func (u *use) same(template string, parameters map[string]string) bool {
	return u.template == template && maps.Equal(u.parameters, parameters)
}

// add creates a token.
func (t *tokens) add(one *token) (text string) {
	text = rand.Text() + rand.Text()
	t.Lock()
	defer t.Unlock()
	t.all[text] = one
	return text
}

// find returns the client's token. The error's reason is for the log; the device gets the same answer in every case.
func (t *tokens) find(text, clientID, claim string, now time.Time) (*token, error) {
	t.Lock()
	one := t.all[text]
	t.Unlock()
	switch {
	case text == "":
		return nil, badToken("the request has no certificateOwnershipToken")
	case one == nil:
		return nil, badToken("the token is unknown")
	case one.clientID != clientID || one.claim != claim:
		return nil, badToken("the token belongs to another client, %q", one.clientID)
	case !now.Before(one.expires):
		return nil, badToken("the token expired at %s", one.expires.Format(time.TimeOnly))
	}
	return one, nil
}

// sweep removes the tokens that over selects, except those in use, and deletes their certificates if they are unused.
// If a deletion fails, the next sweep tries again; an expired token is invalid anyway.
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
			s.options.Events.Send(runlog.Event{
				Kind:   runlog.Failed,
				Thing:  t.clientID,
				Action: "certificate",
				Target: short(t.id),
				Error:  "deleting the unused certificate: " + err.Error(),
			})
			continue
		}
		s.tokens.Lock()
		delete(s.tokens.all, text)
		s.tokens.Unlock()
	}
}

// discard deletes the token's certificate if it is unused. If someone else has activated or attached it, AWS IoT
// refuses to delete it. [AWS 4 Claim flow, AWS 1.4 DeleteCertificate]
func (s *Service) discard(ctx context.Context, t *token) error {
	if t.done {
		return nil
	}
	_, err := s.options.API.DeleteCertificate(ctx, &iot.DeleteCertificateInput{CertificateId: &t.id})
	switch {
	case errors.As(err, new(*types.ResourceNotFoundException)),
		errors.As(err, new(*types.CertificateStateException)),
		errors.As(err, new(*types.DeleteConflictException)):
		return nil
	case err == nil:
		s.options.Events.Send(runlog.Event{
			Kind:   runlog.Acted,
			Thing:  t.clientID,
			Action: "certificate",
			Target: short(t.id),
			Detail: "deleted because it was not used",
		})
	}
	return err
}

// short abbreviates a certificate's ID for people.
func short(id string) string { return id[:min(8, len(id))] + "…" }
