package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// algorithms are those that API Gateway takes: RSA only.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512}

// keepKeys is how long API Gateway may keep an issuer's keys.
const keepKeys = 2 * time.Hour

// refusal is why a token does not open a route.
type refusal struct {
	status      int // 401 or 403
	code        string
	description string
}

// Error implements error.
func (r *refusal) Error() string { return r.description }

// header is the response's header WWW-Authenticate.
func (r *refusal) header(scopes []string) string {
	if r.code == "" {
		return "Bearer"
	}
	return fmt.Sprintf("Bearer scope=%q error=%q error_description=%q", strings.Join(scopes, " "), r.code,
		r.description)
}

func invalid(description string) *refusal {
	return &refusal{http.StatusUnauthorized, "invalid_token", description}
}

// tokens verifies tokens as a JWT authorizer does. [AWS HTTP API JWT authorizers]
type tokens struct {
	ctx context.Context // of the requests to issuers
	now func() time.Time

	mu      sync.Mutex
	issuers map[string]issuer
}

type issuer struct {
	verifier *oidc.IDTokenVerifier
	until    time.Time
}

// newTokens returns a verifier whose requests to issuers end with the context.
func newTokens(ctx context.Context, client *http.Client) *tokens {
	return &tokens{ctx: oidc.ClientContext(ctx, client), now: time.Now, issuers: map[string]issuer{}}
}

// issuer finds an issuer's keys by OpenID Connect discovery. A failure is not remembered.
func (t *tokens) issuer(url string) (*oidc.IDTokenVerifier, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := t.issuers[url]; i.verifier != nil && t.now().Before(i.until) {
		return i.verifier, nil
	}
	provider, err := oidc.NewProvider(t.ctx, url)
	if err != nil {
		return nil, err
	}
	// The audience and the times are checked below: with the claim client_id, and without go-oidc's tolerance.
	verifier := provider.VerifierContext(t.ctx,
		&oidc.Config{SkipClientIDCheck: true, SkipExpiryCheck: true, SupportedSigningAlgs: algorithms})
	t.issuers[url] = issuer{verifier, t.now().Add(keepKeys)}
	return verifier, nil
}

// claims are the claims that decide.
type claims struct {
	Audience  texts    `json:"aud"`
	ClientID  string   `json:"client_id"`
	Expires   *float64 `json:"exp"`
	NotBefore *float64 `json:"nbf"`
	IssuedAt  *float64 `json:"iat"`
	Scope     words    `json:"scope"`
	SCP       words    `json:"scp"`
}

// verify checks the header Authorization against the route.
func (t *tokens) verify(ctx context.Context, header string, r *Route) (
	*events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription, *refusal) {
	token := strings.TrimSpace(header)
	if token == "" {
		return nil, &refusal{status: http.StatusUnauthorized, description: "the request has no token"}
	}
	if scheme, rest, ok := strings.Cut(token, " "); ok && strings.EqualFold(scheme, "bearer") {
		token = strings.TrimSpace(rest)
	}
	if !namesKey(token) {
		return nil, invalid("the token is malformed, or its header names no key (kid)")
	}
	verifier, err := t.issuer(r.Issuer)
	if err != nil {
		return nil, invalid("OIDC discovery endpoint communication error: " + err.Error())
	}
	verified, err := verifier.Verify(ctx, token)
	if err != nil {
		return nil, invalid(err.Error())
	}
	var c claims
	var all map[string]any
	if err := errors.Join(verified.Claims(&c), verified.Claims(&all)); err != nil {
		return nil, invalid("the token's claims have other types than those of a token: " + err.Error())
	}
	if problem := t.times(c); problem != "" {
		return nil, invalid(problem)
	}
	// client_id counts only for a token without aud, as access tokens of Cognito are.
	audiences := c.Audience
	if len(audiences) == 0 {
		audiences = texts{c.ClientID}
	}
	if !slices.ContainsFunc(audiences, func(a string) bool { return a != "" && slices.Contains(r.Audiences, a) }) {
		return nil, invalid("the token does not have a valid audience")
	}
	scopes := append(slices.Clone(c.Scope), c.SCP...)
	if len(r.Scopes) == 0 {
		scopes = nil
	} else if !slices.ContainsFunc(r.Scopes, func(s string) bool { return slices.Contains(scopes, s) }) {
		return nil, &refusal{http.StatusForbidden, "insufficient_scope",
			"the token does not have any of the required scopes"}
	}
	return &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: flat(all), Scopes: scopes}, nil
}

// times says which of the token's times is wrong.
func (t *tokens) times(c claims) string {
	now := float64(t.now().UnixMilli()) / 1000
	switch {
	case c.Expires == nil:
		return "the token has no expiry (exp)"
	case *c.Expires <= now:
		return "the token has expired"
	case c.NotBefore != nil && *c.NotBefore > now:
		return "the token is not valid yet (nbf)"
	case c.IssuedAt != nil && *c.IssuedAt > now:
		return "the token was issued in the future (iat)"
	}
	return ""
}

// namesKey reports whether the token is one signature with a key ID: API Gateway takes no other.
func namesKey(token string) bool {
	var supported []jose.SignatureAlgorithm
	for _, a := range algorithms {
		supported = append(supported, jose.SignatureAlgorithm(a))
	}
	signed, err := jose.ParseSignedCompact(token, supported)
	return err == nil && len(signed.Signatures) == 1 && signed.Signatures[0].Header.KeyID != ""
}

// texts is a claim that is a string or a list of strings.
type texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(t))
}

// words is a claim whose string holds several values, as scope does, or a list.
type words []string

// UnmarshalJSON implements json.Unmarshaler.
func (w *words) UnmarshalJSON(text []byte) error {
	var list texts
	if err := list.UnmarshalJSON(text); err != nil {
		return err
	}
	*w = strings.Fields(strings.Join(list, " "))
	return nil
}

// flat writes claims as the event has them: each one a text, a list in brackets.
func flat(all map[string]any) map[string]string {
	out := make(map[string]string, len(all))
	for name, value := range all {
		if number, ok := value.(float64); ok && number == float64(int64(number)) {
			value = int64(number)
		}
		out[name] = fmt.Sprint(value)
	}
	return out
}
