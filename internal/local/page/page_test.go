package page

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/calls"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// What the binary embeds must be built of the sources. The hash needs no Node.js; make drift builds again where it is.
func TestTheBundleIsBuiltOfTheSources(t *testing.T) {
	built, err := os.ReadFile("web/built.txt")
	if err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob("web/src/*")
	if err != nil || len(names) < 5 {
		t.Fatalf("the sources are %v, %v", names, err)
	}
	names = append(names, "web/build.js", "web/package-lock.json")
	results, err := filepath.Glob("assets/*")
	if err != nil || len(results) < 3 {
		t.Fatalf("the bundle is %v, %v", results, err)
	}
	names = append(names, results...)
	slices.Sort(names)
	hash := sha256.New()
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(hash, "%s %d\n", filepath.ToSlash(name), len(text))
		hash.Write(text)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != strings.TrimSpace(string(built)) {
		t.Errorf("web/src or assets changed without a build: run make page and commit the result")
	}
}

// Nothing is loaded from elsewhere, and nothing is inline, which the policy would forbid.
func TestThePageIsComplete(t *testing.T) {
	for _, name := range []string{"index.html", "page.js", "style.css"} {
		text, err := assets.ReadFile("assets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"<script>", "<style", "@import", "url(http", `src="http`, `href="http`} {
			if strings.Contains(string(text), bad) {
				t.Errorf("%s contains %s", name, bad)
			}
		}
	}
}

func TestOnlyThePageIsServed(t *testing.T) {
	s := &Server{token: "secret", options: Options{Hosts: []string{"lab.example"}, Feed: NewFeed()}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(http.ResponseWriter, *http.Request) {})
	handler := s.guard(mux)
	const token = "Bearer secret"
	for _, tt := range []struct {
		why, path, host, origin, site, token string
		status                               int
	}{
		{why: "the page needs no token", path: "/", host: "127.0.0.1:8880", status: 200},
		{why: "IPv6", path: "/", host: "[::1]:8880", status: 200},
		{why: "a name that was given", path: "/", host: "LAB.example:8880", status: 200},
		{why: "DNS rebinding", path: "/", host: "attacker.example:8880", status: 403},
		{why: "DNS rebinding with the token", path: "/api/devices", host: "attacker.example", token: token, status: 403},
		{why: "the page's own request", path: "/api/devices", host: "localhost:8880", origin: "http://localhost:8880",
			site: "same-origin", token: token, status: 200},
		{why: "a program", path: "/api/devices", host: "localhost:8880", token: token, status: 200},
		{why: "no token", path: "/api/devices", host: "localhost:8880", status: 401},
		{why: "a wrong token", path: "/api/devices", host: "localhost:8880", token: "Bearer secreT", status: 401},
		{why: "another page", path: "/api/devices", host: "localhost:8880", origin: "http://localhost:8881", token: token, status: 403},
		{why: "a sandboxed page", path: "/api/devices", host: "localhost:8880", origin: "null", token: token, status: 403},
		{why: "another page's image", path: "/api/devices", host: "localhost:8880", site: "cross-site", token: token, status: 403},
		{why: "a page on another port", path: "/api/devices", host: "localhost:8880", site: "same-site", token: token, status: 403},
	} {
		r := httptest.NewRequest(http.MethodGet, tt.path, nil)
		r.Host = tt.host
		for name, v := range map[string]string{"Origin": tt.origin, "Sec-Fetch-Site": tt.site, "Authorization": tt.token} {
			if v != "" {
				r.Header.Set(name, v)
			}
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != tt.status {
			t.Errorf("%s: %d, want %d", tt.why, w.Code, tt.status)
		}
		if !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'; style-src 'self'") {
			t.Errorf("%s: the policy is %s", tt.why, w.Header().Get("Content-Security-Policy"))
		}
	}
}

func TestTheTokenStays(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	one, err := readToken(dir)
	if err != nil {
		t.Fatal(err)
	}
	two, err := readToken(dir)
	if err != nil || one != two || len(one) < 20 {
		t.Errorf("tokens %q and %q, %v", one, two, err)
	}
	info, err := os.Stat(filepath.Join(dir, "page-token"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// A feed forgets what is old, tells each thing once, and says how much it does not show.
func TestTicks(t *testing.T) {
	f := NewFeed()
	at := marks{edges: map[edgeKey]uint64{}}
	const sent = keptMessages + 500
	for i := range sent {
		f.Note(runlog.Event{Kind: runlog.Received, Trace: strconv.Itoa(i), Thing: "soil-" + strconv.Itoa(i%3),
			Topic: "gh/soil/telemetry", Payload: []byte(`{"t":` + strconv.Itoa(i) + `}`), Bytes: 7})
	}
	got := f.tick(&at)
	if got.Received != sent || len(got.Messages) != tickMessages || got.Skipped != sent-tickMessages || len(got.Devices) != 3 {
		t.Errorf("received %d, %d shown, %d skipped, %d devices", got.Received, len(got.Messages), got.Skipped, len(got.Devices))
	}
	if m := got.Messages[tickMessages-1]; m.Trace != strconv.Itoa(sent-1) {
		t.Errorf("the last one shown is %s", m.Trace)
	}
	if len(got.Edges) != 1 || got.Edges[0].Count != sent {
		t.Errorf("edges %+v", got.Edges)
	}
	if f.byTrace["0"] != nil || f.byTrace[strconv.Itoa(sent-1)] == nil || len(f.byTrace) != keptMessages {
		t.Errorf("it keeps %d messages", len(f.byTrace))
	}
	if again := f.tick(&at); len(again.Messages)+len(again.Edges)+len(again.Devices) > 0 || again.Skipped != 0 {
		t.Errorf("the second tick repeats: %+v", again)
	}
}

// A message is followed from the rule through the stream into the stores, and forgotten with its records.
func TestAMessageIsFollowed(t *testing.T) {
	f := NewFeed()
	number := "0" + strings.Repeat("4", 55)
	f.Note(runlog.Event{Kind: runlog.Received, Trace: "t", Thing: "soil-1", Topic: "gh/soil-1/telemetry", Payload: []byte(`{}`)})
	f.Note(runlog.Event{Kind: runlog.Acted, Trace: "t", Rule: "gh_telemetry", Action: "kinesis", Target: "gh", Records: []string{number}})
	f.Note(runlog.Event{Kind: runlog.Acted, Trace: "t", Rule: "gh_alerts", Action: "lambda", Target: "gh-alerts", Error: "throttled"})
	f.Note(runlog.Event{Kind: runlog.Invoked, Action: "gh-processor", Target: "1 records", Records: []string{number}})
	f.Call(calls.Call{Function: "gh-processor", Service: "dynamodb", Operation: "BatchWriteItem", Resource: "gh-readings", Items: 1,
		Status: 200, Request: []byte(`{"RequestItems":{"gh-readings":[{"PutRequest":{"Item":{"sequence_number":{"S":"` + number + `"}}}}]}}`)})
	f.Call(calls.Call{Function: "gh-processor", Service: "sqs", Operation: "SendMessage", Resource: "gh-dead-letters", Items: 1,
		Status: 500, Request: []byte(`{"MessageBody":"{\"sequence_number\":\"` + number + `\"}"}`)})
	m := f.byTrace["t"].follow()
	var got []string
	for _, s := range m.Steps {
		got = append(got, s.From+" "+s.To+" "+s.Error)
	}
	want := []string{
		"broker rule:gh_telemetry ", "rule:gh_telemetry stream:gh ", "broker rule:gh_alerts ",
		"rule:gh_alerts function:gh-alerts throttled", "stream: function:gh-processor ",
		"function:gh-processor store:dynamodb:gh-readings ",
		"function:gh-processor store:sqs:gh-dead-letters HTTP 500 Internal Server Error",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("steps\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	body := `{"at":{"S":"2026-01-01T00:00:00.000Z#007"}},{"at":{"S":"2026-01-01T00:00:00.000Z#12345678abcdef"}}`
	if numbers := slices.Collect(sequenceNumbers([]byte(body))); !slices.Equal(numbers, []string{"7"}) {
		t.Errorf("sequence numbers %q", numbers)
	}
	for i := range keptMessages {
		f.Note(runlog.Event{Kind: runlog.Received, Time: time.Now(), Trace: strconv.Itoa(i), Thing: "soil-1"})
	}
	if len(f.byRecord) != 0 || f.byTrace["t"] != nil {
		t.Errorf("it remembers %d records of messages that are gone", len(f.byRecord))
	}
}

func TestShown(t *testing.T) {
	long := strings.Repeat("ä", 4000)
	for payload, want := range map[string]string{
		`{"a":1}`:  `{"a":1}`,
		"\xff\x00": "base64:/wA=",
		long:       strings.Repeat("ä", 2048) + "… (8000 bytes)",
	} {
		if got := shown([]byte(payload)); got != want {
			t.Errorf("%.20q: %.60q", payload, got)
		}
	}
}
