package influx

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"
)

// server gives the answers in order, and then with 204.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	answers  []answerWith
	requests []request
}

type answerWith struct {
	status int
	header http.Header
	body   string
}

type request struct {
	Path, Query, Authorization, Cookie, Body string
}

func start(t *testing.T, answers ...answerWith) *server {
	t.Helper()
	s := &server{answers: answers}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
			return
		}
	}
	text, err := io.ReadAll(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, request{r.URL.Path, r.URL.RawQuery, r.Header.Get("Authorization"),
		r.Header.Get("Cookie"), string(text)})
	if len(s.answers) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	a := s.answers[0]
	s.answers = s.answers[1:]
	if a.status == 0 {
		panic(http.ErrAbortHandler)
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body) // the caller may have gone
}

// secrets gives its texts one after the other, the last one again and again.
type secrets struct {
	texts []string
	reads int
}

func (s *secrets) GetSecretValue(
	context.Context,
	*secretsmanager.GetSecretValueInput,
	...func(*secretsmanager.Options),
) (*secretsmanager.GetSecretValueOutput, error) {
	text := s.texts[min(s.reads, len(s.texts)-1)]
	s.reads++
	if text == "error" {
		return nil, errors.New("access denied")
	}
	return &secretsmanager.GetSecretValueOutput{SecretString: &text}, nil
}

const secretARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:influx-AbCdEf"

func client(t *testing.T, s *server, version string, from *secrets) *Client {
	t.Helper()
	env := map[string]string{
		"IOT_INFLUXDB_URL": s.URL, "IOT_INFLUXDB_VERSION": version, "IOT_INFLUXDB_ORGANIZATION": "farm",
		"IOT_INFLUXDB_BUCKET": "green house", "IOT_INFLUXDB_MEASUREMENT": "telemetry",
	}
	if from != nil {
		env["IOT_INFLUXDB_TOKEN_SECRET_ARN"] = secretARN
	}
	c, err := ParseConfig(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	return New(*c, from, 4)
}

func write(t *testing.T, c *Client) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return c.Write(ctx, [][]byte{[]byte("telemetry v=1 1\n"), []byte("telemetry v=2 2\n")})
}

func TestWrites(t *testing.T) {
	const v2 = "bucket=green+house&org=farm&precision=ns"
	const basic = "Basic YWRtaW46cGFzcyB3b3Jk"
	const user = `{"username":"admin","password":"pass word","organization":"farm","bucket":"b"}`
	body := "telemetry v=1 1\ntelemetry v=2 2\n"
	for _, c := range []struct {
		why, version, secret string
		answers              []answerWith
		want                 []request
	}{
		{"version 1 without credentials", "1", "", nil, []request{{Path: "/write", Query: "db=green+house&precision=ns",
			Body: body}}},
		{"version 1 with a user", "1", user, nil, []request{{Path: "/write", Query: "db=green+house&precision=ns",
			Authorization: basic, Body: body}}},
		{"version 2 with a token", "2", "to-ken==\n", nil, []request{{Path: "/api/v2/write", Query: v2,
			Authorization: "Token to-ken==", Body: body}}},
		{"version 2 with a token in JSON", "2", ` {"token":"to-ken=="}`, nil, []request{{Path: "/api/v2/write",
			Query: v2, Authorization: "Token to-ken==", Body: body}}},
		{"version 2 with the secret of Timestream for InfluxDB: a session", "2", user,
			[]answerWith{{status: 204, header: http.Header{"Set-Cookie": {"influxdb-oss-session=s3ss; Path=/api/"}}}},
			[]request{{Path: "/api/v2/signin", Authorization: basic},
				{Path: "/api/v2/write", Query: v2, Cookie: "influxdb-oss-session=s3ss", Body: body}}},
		{"version 3 with a token", "3", "apiv3_x", nil, []request{{Path: "/api/v2/write", Query: v2,
			Authorization: "Token apiv3_x", Body: body}}},
		{"200 is as good as 204", "1", "", []answerWith{{status: 200, body: "{}"}}, []request{{Path: "/write",
			Query: "db=green+house&precision=ns", Body: body}}},
	} {
		s := start(t, c.answers...)
		var from *secrets
		if c.secret != "" {
			from = &secrets{texts: []string{c.secret}}
		}
		if err := write(t, client(t, s, c.version, from)); err != nil {
			t.Errorf("%s: %v", c.why, err)
		}
		if diff := cmp.Diff(c.want, s.requests); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
	}
}

// The bodies are recorded: from InfluxDB 1.6.7 here, from reports of InfluxDB 2.7 and the documentation of InfluxDB 3.
func TestAnswers(t *testing.T) {
	const conflict1 = `{"error":"partial write: field type conflict: input field \"v\" on measurement \"telemetry\" is ` +
		`type string, already exists as type float dropped=1"}` + "\n"
	const conflict2 = `{"code":"unprocessable entity","message":"failure writing points to database: partial write: ` +
		`field type conflict: input field \"v\" on measurement \"telemetry\" is type string, already exists as type ` +
		`float dropped=1"}`
	const conflict3 = `{"error":"partial write of line protocol occurred","data":[{"original_line":"telemetry v=\"x\" 2",` +
		`"line_number":2,"error_message":"invalid column type for column 'v', expected iox::column_type::field::float, ` +
		`got iox::column_type::field::string"}]}`
	const whole3 = `{"error":"parsing failed for write_lp endpoint","data":{"original_line":"x","line_number":1,` +
		`"error_message":"No fields were provided"}}`
	again := http.Header{"Retry-After": {"1"}}
	for _, c := range []struct {
		why      string
		answers  []answerWith
		refused  string         // part of the RefusedError
		lines    map[int]string // its lines
		fails    string         // part of another error
		requests int
	}{
		{"a field with another type, version 1", []answerWith{{400, nil, conflict1}}, "already exists as type float", nil,
			"", 1},
		{"the same, version 2", []answerWith{{422, nil, conflict2}}, "already exists as type float", nil, "", 1},
		{"the same, version 3, names the line", []answerWith{{400, nil, conflict3}}, "partial write of line protocol",
			map[int]string{1: "invalid column type for column 'v', expected iox::column_type::field::float, got " +
				"iox::column_type::field::string"}, "", 1},
		{"a write that was refused as a whole", []answerWith{{400, nil, whole3}}, "parsing failed",
			map[int]string{0: "No fields were provided"}, "", 1},
		{"InfluxDB Cloud's older answer to a partial write", []answerWith{{201, nil,
			`{"code":"invalid","message":"partial write","line":2}`}}, "partial write", nil, "", 1},
		{"an answer that is not JSON", []answerWith{{400, nil, "bad\n request"}}, "bad request", nil, "", 1},
		{"an answer without a reason", []answerWith{{400, nil, ""}}, "no reason given", nil, "", 1},
		{"too much at once", []answerWith{{413, nil, `{"code":"request too large"}`}}, "", nil,
			"no request of this size", 1},
		{"no such database", []answerWith{{404, nil, `{"error":"database not found: \"green house\""}`}}, "", nil,
			`404 Not Found: database not found: "green house"`, 1},
		{"a redirect is not followed", []answerWith{{307, http.Header{"Location": {"/elsewhere"}}, ""}}, "", nil,
			"307 Temporary Redirect", 1},
		{"overload passes", []answerWith{{429, again, `{"code":"too many requests"}`}, {503, nil, "starting"}}, "", nil,
			"", 3},
		{"an error of the server passes", []answerWith{{500, nil, `{"error":"timeout"}`}}, "", nil, "", 2},
		{"a timeout passes", []answerWith{{408, nil, ""}}, "", nil, "", 2},
		{"a broken connection passes", []answerWith{{}, {}}, "", nil, "", 3},
		{"an overload that outlives the invocation", []answerWith{{429, http.Header{"Retry-After": {"60"}}, "busy"}}, "",
			nil, "429 Too Many Requests: busy", 1},
		{"the same with a date", []answerWith{{503, http.Header{"Retry-After": {
			time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)}}, "busy"}}, "", nil, "503 Service Unavailable: busy",
			1},
	} {
		t.Run(c.why, func(t *testing.T) {
			t.Parallel()
			s := start(t, c.answers...)
			err := write(t, client(t, s, "2", nil))
			var refused *RefusedError
			switch {
			case errors.As(err, &refused):
				if c.refused == "" || !strings.Contains(refused.Error(), c.refused) {
					t.Errorf("refused: %v, want %q", err, c.refused)
				}
				if diff := cmp.Diff(c.lines, refused.Lines); diff != "" {
					t.Errorf("lines: %s", diff)
				}
			case c.refused != "", (err == nil) != (c.fails == ""), err != nil && !strings.Contains(err.Error(), c.fails):
				t.Errorf("error %v, want %q", err, c.fails+c.refused)
			}
			if len(s.requests) != c.requests {
				t.Errorf("%d requests, want %d", len(s.requests), c.requests)
			}
		})
	}
}

func TestCredentials(t *testing.T) {
	no := answerWith{status: 401, body: `{"code":"unauthorized","message":"unauthorized access for Token tk2 and pass-2"}`}
	session := func(id string) answerWith {
		return answerWith{status: 204, header: http.Header{"Set-Cookie": {"s=" + id}}}
	}
	user := func(n int) string { return fmt.Sprintf(`{"username":"admin","password":"pass-%d"}`, n) }
	ok := answerWith{status: 204}
	for _, c := range []struct {
		why, version string
		secrets      []string
		answers      []answerWith
		writes       int
		fails        string
		reads        int
		requests     int
	}{
		{"the secret is read once", "2", []string{"tk1"}, nil, 3, "", 1, 3},
		{"a token that was rotated", "2", []string{"tk1", "tk2"}, []answerWith{ok, no}, 2, "", 2, 3},
		{"a token without the right", "2", []string{"tk1", "tk2"}, []answerWith{{status: 403, body: "no"}}, 1, "", 2, 2},
		{"a token that stays wrong", "2", []string{"tk2"}, []answerWith{no, no}, 1,
			`401 Unauthorized: unauthorized access for Token (removed) and pass-2. The secret ` + secretARN, 2, 2},
		{"a session that has expired", "2", []string{user(1)}, []answerWith{session("1"), ok, no, session("2")}, 2, "", 2,
			5},
		{"a password that is wrong", "2", []string{user(2)}, []answerWith{no}, 1,
			"signing in to InfluxDB with the user of secret " + secretARN + ": 401 Unauthorized: unauthorized access for " +
				"Token tk2 and (removed)", 1, 1},
		{"a sign-in without a session", "2", []string{user(1)}, []answerWith{ok}, 1, "no session", 1, 1},
		{"an overload while signing in", "2", []string{user(1)}, []answerWith{{status: 503}, session("1")}, 1, "", 2, 3},
		{"a broken connection while signing in", "2", []string{user(1)}, []answerWith{{}, session("1")}, 1, "", 2, 3},
		{"a user for version 3", "3", []string{user(1)}, nil, 1, "takes only a token", 1, 0},
		{"a secret that cannot be read", "2", []string{"error"}, nil, 1, "access denied", 1, 0},
		{"an object without credentials", "2", []string{`{"tokn":"hidden"}`}, nil, 1, "neither the member token", 1, 0},
		{"half an object", "2", []string{`{"token":"hidden"`}, nil, 1, "begins like a JSON object", 1, 0},
		{"a token that is a number", "2", []string{`{"token":7}`}, nil, 1, "is not a text", 1, 0},
		{"an empty secret", "2", []string{" "}, nil, 1, "it is empty", 1, 0},
	} {
		t.Run(c.why, func(t *testing.T) {
			t.Parallel()
			s, from := start(t, c.answers...), &secrets{texts: c.secrets}
			client := client(t, s, c.version, from)
			var err error
			for range c.writes {
				err = errors.Join(err, write(t, client))
			}
			if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("error %v, want %q", err, c.fails)
			}
			if from.reads != c.reads || len(s.requests) != c.requests {
				t.Errorf("%d reads of the secret and %d requests, want %d and %d", from.reads, len(s.requests), c.reads,
					c.requests)
			}
			if err != nil && (strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "tk1")) {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestWithoutASecretTheErrorSaysSo(t *testing.T) {
	s := start(t, answerWith{status: 401, body: "unauthorized"})
	if err := write(t, client(t, s, "2", nil)); err == nil || !strings.Contains(err.Error(), "token_secret_arn") {
		t.Errorf("error %v", err)
	}
	if len(s.requests) != 1 {
		t.Errorf("%d requests, want 1", len(s.requests))
	}
}

// TestConcurrentWritesReadTheSecretOnce: what one write learns, the others use.
func TestConcurrentWritesReadTheSecretOnce(t *testing.T) {
	var mu sync.Mutex
	refusals := 0
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Header.Get("Authorization") != "Token new" {
			refusals++
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer front.Close()
	from := &secrets{texts: []string{"old", "new"}}
	client := client(t, &server{Server: front}, "2", from)
	var writers sync.WaitGroup
	for range 16 {
		writers.Go(func() {
			if err := write(t, client); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	if from.reads != 2 || refusals < 1 || refusals > 16 {
		t.Errorf("%d reads of the secret, %d refusals; want 2 reads", from.reads, refusals)
	}
}

func TestACancelledWriteEndsAtOnce(t *testing.T) {
	s := start(t, answerWith{status: 503}, answerWith{status: 503, header: http.Header{"Retry-After": {"3600"}}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	c := client(t, s, "1", nil)
	go func() { done <- c.Write(ctx, [][]byte{[]byte("a v=1 1\n")}) }()
	for seen := 0; seen < 2; {
		s.mu.Lock()
		seen = len(s.requests)
		s.mu.Unlock()
	}
	cancel()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "503") && !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestConfig(t *testing.T) {
	good := map[string]string{
		"IOT_INFLUXDB_URL": "https://influx.example.com:8086/base/", "IOT_INFLUXDB_VERSION": "1",
		"IOT_INFLUXDB_BUCKET": "db/two weeks", "IOT_INFLUXDB_MEASUREMENT": "telemetry",
	}
	c, err := ParseConfig(func(name string) string { return good[name] })
	if err != nil {
		t.Fatal(err)
	}
	if got := c.endpoint(); got != "https://influx.example.com:8086/base/write?db=db&precision=ns&rp=two+weeks" {
		t.Errorf("endpoint %s", got)
	}
	for _, c := range []struct{ name, value, want string }{
		{"URL", "influx:8086", "is not a URL"},
		{"URL", "ftp://influx", "is not a URL"},
		{"URL", "https://admin:hidden@influx", "has a user"},
		{"URL", "https://influx?token=hidden", "has a user, a query"},
		{"VERSION", "4", `"4", want 1, 2 or 3`},
		{"VERSION", "2", "which version 2 needs"},
		{"BUCKET", "", "IOT_INFLUXDB_BUCKET is not set"},
		{"MEASUREMENT", "", "IOT_INFLUXDB_MEASUREMENT is not set"},
	} {
		_, err := ParseConfig(func(name string) string {
			if name == "IOT_INFLUXDB_"+c.name {
				return c.value
			}
			return good[name]
		})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s=%s: error %v, want %q", c.name, c.value, err, c.want)
		}
	}
	if c, err := ParseConfig(func(string) string { return "" }); c != nil || err != nil {
		t.Errorf("without a URL: %v, %v", c, err)
	}
}

// TestTheBodyIsGzip looks at the bytes themselves: the writers are used again.
func TestTheBodyIsGzip(t *testing.T) {
	c := client(t, &server{Server: &httptest.Server{URL: "http://127.0.0.1:1"}}, "1", nil)
	for range 3 {
		body, err := c.compress([][]byte{[]byte("a v=1 1\n"), []byte("a v=2 2\n")})
		if err != nil {
			t.Fatal(err)
		}
		r, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(r); err != nil || string(text) != "a v=1 1\na v=2 2\n" {
			t.Errorf("%q, %v", text, err)
		}
	}
}
