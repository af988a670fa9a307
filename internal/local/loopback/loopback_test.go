package loopback

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestOnlyThoseWithTheURLAreServed(t *testing.T) {
	s, err := Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	host, secret, _ := strings.Cut(s.Address, "/")
	for _, tt := range []struct {
		why, url, host, header string
		status                 int
	}{
		{why: "the URL is known", url: s.URL() + "/topics/a%2Fb", status: http.StatusOK},
		{why: "no secret", url: "http://" + host + "/topics/a", status: http.StatusForbidden},
		{why: "another secret", url: "http://" + host + "/x" + secret[1:] + "/topics/a", status: http.StatusForbidden},
		{why: "the secret elsewhere", url: "http://" + host + "/topics/" + secret, status: http.StatusForbidden},
		{why: "a longer secret", url: s.URL() + "x/topics/a", status: http.StatusForbidden},
		{why: "another host that resolves to this machine", url: s.URL() + "/topics/a", host: "attacker.example",
			status: http.StatusForbidden},
		{why: "localhost is another host as well", url: s.URL() + "/topics/a", host: "localhost", status: http.StatusForbidden},
		{why: "a script of a page", url: s.URL() + "/topics/a", header: "Origin", status: http.StatusForbidden},
		{why: "an image or form of a page", url: s.URL() + "/topics/a", header: "Sec-Fetch-Site", status: http.StatusForbidden},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, tt.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tt.host != "" {
			r.Host = tt.host
		}
		if tt.header != "" {
			r.Header.Set(tt.header, "cross-site")
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != tt.status {
			t.Errorf("%s: %s, %v, want %d", tt.why, answer.Status, err, tt.status)
		}
		if tt.status == http.StatusOK && string(body) != "/topics/a/b" {
			t.Errorf("%s: the handler saw %q", tt.why, body)
		}
	}
}
