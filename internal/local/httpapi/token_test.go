package httpapi

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/oidctest"
)

func TestTokens(t *testing.T) {
	i, other := oidctest.Start(t), oidctest.Start(t)
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	soon := time.Now().Add(time.Hour).Unix()
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"key-1"}`)) + "." +
		strings.Split(i.Token(t, nil), ".")[1] + "."
	good := i.Token(t, nil)
	parts := strings.Split(good, ".")
	forged := parts[0] + "." + strings.Split(i.Token(t, map[string]any{"sub": "root"}), ".")[1] + "." + parts[2]
	for name, c := range map[string]struct {
		header string
		status int // 0: it opens the route
		says   string
	}{
		"good":                     {"Bearer " + good, 0, ""},
		"without a scheme":         {good, 0, ""},
		"scheme in small letters":  {"bearer " + good, 0, ""},
		"list of audiences":        {"Bearer " + i.Token(t, map[string]any{"aud": []string{"x", "app"}}), 0, ""},
		"client_id":                {"Bearer " + i.Token(t, map[string]any{"aud": nil, "client_id": "app"}), 0, ""},
		"scp":                      {"Bearer " + i.Token(t, map[string]any{"scope": nil, "scp": []string{"devices/read"}}), 0, ""},
		"second scope":             {"Bearer " + i.Token(t, map[string]any{"scope": "devices/admin"}), 0, ""},
		"none":                     {"", 401, "no token"},
		"no token at all":          {"Bearer abc", 401, "malformed"},
		"basic":                    {"Basic dTpw", 401, "malformed"},
		"expired":                  {"Bearer " + i.Token(t, map[string]any{"exp": time.Now().Unix() - 1}), 401, "expired"},
		"no expiry":                {"Bearer " + i.Token(t, map[string]any{"exp": nil}), 401, "exp"},
		"not yet":                  {"Bearer " + i.Token(t, map[string]any{"nbf": soon}), 401, "nbf"},
		"from the future":          {"Bearer " + i.Token(t, map[string]any{"iat": soon}), 401, "iat"},
		"for others":               {"Bearer " + i.Token(t, map[string]any{"aud": "other"}), 401, "audience"},
		"aud beats client_id":      {"Bearer " + i.Token(t, map[string]any{"aud": "other", "client_id": "app"}), 401, "audience"},
		"no audience":              {"Bearer " + i.Token(t, map[string]any{"aud": nil}), 401, "audience"},
		"another issuer":           {"Bearer " + i.Token(t, map[string]any{"iss": other.URL}), 401, "different provider"},
		"another issuer's token":   {"Bearer " + other.Token(t, nil), 401, "signature"},
		"another issuer's key":     {"Bearer " + oidctest.Sign(t, jose.RS256, other.Key, oidctest.KeyID, i.Claims(nil)), 401, "signature"},
		"unknown key":              {"Bearer " + oidctest.Sign(t, jose.RS256, stranger, "key-2", i.Claims(nil)), 401, "signature"},
		"no key ID":                {"Bearer " + oidctest.Sign(t, jose.RS256, i.Key, "", i.Claims(nil)), 401, "kid"},
		"symmetric":                {"Bearer " + oidctest.Sign(t, jose.HS256, make([]byte, 32), oidctest.KeyID, i.Claims(nil)), 401, "malformed"},
		"unsigned":                 {"Bearer " + unsigned, 401, "malformed"},
		"forged":                   {"Bearer " + forged, 401, "signature"},
		"claims of a strange type": {"Bearer " + i.Token(t, map[string]any{"scope": 7}), 401, "types"},
		"other scopes":             {"Bearer " + i.Token(t, map[string]any{"scope": "devices/reads profile"}), 403, "scopes"},
		"no scopes":                {"Bearer " + i.Token(t, map[string]any{"scope": nil}), 403, "scopes"},
	} {
		t.Run(name, func(t *testing.T) {
			verifier := newTokens(t.Context(), i.Client())
			route := &Route{Issuer: i.URL, Audiences: []string{"app"}, Scopes: []string{"devices/read", "devices/admin"}}
			got, refused := verifier.verify(t.Context(), c.header, route)
			if c.status == 0 {
				if refused != nil {
					t.Fatalf("refused: %v", refused)
				}
				if got.Claims["sub"] != "u-1" || len(got.Scopes) == 0 {
					t.Errorf("got %+v", got)
				}
				return
			}
			if refused == nil {
				t.Fatal("accepted")
			}
			if refused.status != c.status || !strings.Contains(refused.description, c.says) {
				t.Errorf("got %d %q, want %d and %q", refused.status, refused.description, c.status, c.says)
			}
		})
	}
}

// An issuer's keys are asked for once, and again after they may have changed; an issuer that does not answer is asked
// again at once.
func TestKeysAreKept(t *testing.T) {
	i := oidctest.Start(t)
	now := time.Now()
	verifier := newTokens(t.Context(), i.Client())
	verifier.now = func() time.Time { return now }
	route := &Route{Issuer: i.URL, Audiences: []string{"app"}}
	token := i.Token(t, map[string]any{"exp": now.Add(5 * time.Hour).Unix()})
	for range 3 {
		if _, refused := verifier.verify(t.Context(), token, route); refused != nil {
			t.Fatal(refused)
		}
	}
	if i.Discoveries.Load() != 1 {
		t.Errorf("%d requests for the issuer's configuration, want 1", i.Discoveries.Load())
	}
	now = now.Add(keepKeys)
	if _, refused := verifier.verify(t.Context(), token, route); refused != nil || i.Discoveries.Load() != 2 {
		t.Errorf("after two hours: %v, %d requests", refused, i.Discoveries.Load())
	}
	lost := &Route{Issuer: i.URL + "/nowhere", Audiences: []string{"app"}}
	if _, refused := verifier.verify(t.Context(), token, lost); refused == nil ||
		!strings.Contains(refused.description, "discovery") {
		t.Errorf("an issuer that does not answer: %v", refused)
	}
	i.Close()
	if _, refused := verifier.verify(t.Context(), token, route); refused != nil {
		t.Errorf("with known keys and no issuer: %v", refused)
	}
}

func TestClaimsAreTexts(t *testing.T) {
	got := flat(map[string]any{"sub": "u", "exp": float64(1764453600), "groups": []any{"a", "b"}, "ok": true, "f": 1.5})
	for name, want := range map[string]string{"sub": "u", "exp": "1764453600", "groups": "[a b]", "ok": "true",
		"f": "1.5"} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
}
