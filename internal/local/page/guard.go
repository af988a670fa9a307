package page

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// policy is the page's content security policy: nothing from elsewhere, nothing inline, and no text becomes HTML.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// readToken returns the secret that a browser must have. It is kept in the directory, so that an open page goes on
// after a restart.
func readToken(dir string) (string, error) {
	file := filepath.Join(dir, "page-token")
	text, err := os.ReadFile(file)
	if token := strings.TrimSpace(string(text)); err == nil && len(token) >= 20 {
		return token, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading the page's token: %w", err)
	}
	token := rand.Text()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("writing the page's token: %w", err)
	}
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("writing the page's token: %w", err)
	}
	return token, nil
}

// guard lets only this page's requests through. The page itself has no secrets; everything below /api/ needs the token.
//
// A page whose host name an attacker points at this machine (DNS rebinding) says that name as the host, and a page of
// another origin says so in Origin or Sec-Fetch-Site: browsers send them, and pages cannot change them.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !s.knows(r.Host) {
			fail(w, http.StatusForbidden, "the request is for the host "+r.Host+
				"; if that is this machine, name it with --host")
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
			fail(w, http.StatusForbidden, "the request comes from a page of another origin")
			return
		}
		if !strings.HasPrefix(r.URL.Path, "/api/") {
			next.ServeHTTP(w, r)
			return
		}
		if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
			fail(w, http.StatusForbidden, "the request comes from a page of another origin")
			return
		}
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) != 1 {
			fail(w, http.StatusUnauthorized, "the token is missing or wrong: open the address that iot-local printed")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// knows reports whether a host is this machine. Nobody can point an address elsewhere.
func (s *Server) knows(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	return name == "localhost" || net.ParseIP(name) != nil ||
		slices.ContainsFunc(s.options.Hosts, func(own string) bool { return strings.EqualFold(own, name) })
}
