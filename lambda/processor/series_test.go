package processor

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// influxStub keeps lines as InfluxDB does, by thing and time, unless fault answers. The real server of the tests is in
// internal/test/influxtest.
type influxStub struct {
	*httptest.Server
	mu     sync.Mutex
	points map[string]string // "measurement,thing=… time" to the fields
	writes []int             // lines of each write
	// fault answers a write in place of the stub; nil: it does not.
	fault func(n int, lines []string) (status int, body string)
}

func startInflux(t *testing.T) *influxStub {
	t.Helper()
	s := &influxStub{points: map[string]string{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *influxStub) env(version string) map[string]string {
	return map[string]string{
		"IOT_INFLUXDB_URL": s.URL, "IOT_INFLUXDB_VERSION": version, "IOT_INFLUXDB_ORGANIZATION": "farm",
		"IOT_INFLUXDB_BUCKET": "greenhouse", "IOT_INFLUXDB_MEASUREMENT": "telemetry",
		"IOT_INFLUXDB_TOKEN_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:influx-AbCdEf",
	}
}

func (s *influxStub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	plain, err := gzip.NewReader(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, len(lines))
	if s.fault != nil {
		if status, body := s.fault(len(s.writes), lines); status != 0 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body) // the caller may have gone
			return
		}
	}
	for _, line := range lines {
		fields := strings.SplitN(line, " ", 3)
		s.points[fields[0]+" "+fields[2]] = fields[1]
	}
	w.WriteHeader(http.StatusNoContent)
}

// inInflux makes a processor that writes to a stub and to nothing else.
func inInflux(t *testing.T, version string) (*processor, *lambdatest.AWS, *influxStub) {
	t.Helper()
	s := startInflux(t)
	env := s.env(version)
	maps.Copy(env, map[string]string{"IOT_DEVICE_TABLE": "", "IOT_TIMESTREAM_DATABASE": "", "IOT_TIMESTREAM_TABLE": ""})
	p, aws := start(t, env)
	aws.Keep("token-1")
	return p, aws, s
}

func TestSeriesHoldEveryReading(t *testing.T) {
	p, aws, s := inInflux(t, "2")
	event := lambdatest.Event(
		lambdatest.Record{Thing: "soil-001", Payload: `{"timestamp":1767225600000,"data":{"t":21,"ok":true,"mode":"eco"}}`},
		lambdatest.Record{Thing: "soil-002", Payload: `{"battery":3.1,"readings":[{"ts":1767225590,"t":1},{"ts":1767225600,"t":2}]}`},
		lambdatest.Record{Thing: "soil-001", Payload: lambdatest.Status("soil-001", "online", lambdatest.Start)},
		lambdatest.Record{Thing: "soil-001", Payload: `{}`},
		lambdatest.Record{Thing: "soil-001", Payload: `{"timestamp":1767225600000,"data":{"t":22}}`},
		lambdatest.Record{Thing: "soil-003", Payload: "poison"},
		lambdatest.Record{Thing: "soil-003", Payload: `{"timestamp":1767225600000,"data":{"time":true}}`},
	)
	want := map[string]string{
		// of two messages with one time, the later one
		"telemetry,thing=soil-001 1767225600000000000": "t=22",
		"telemetry,thing=soil-002 1767225590000000000": "t=1",
		"telemetry,thing=soil-002 1767225600000000000": "t=2,battery=3.1",
	}
	for range 2 { // the second time is a replay
		if failed := invoke(t, p, event, quick); failed != "" {
			t.Fatalf("failed from %s", failed)
		}
		if diff := cmp.Diff(want, s.points); diff != "" {
			t.Errorf("InfluxDB holds (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]string{"6": "not_json", "7": badMeasureName}, letters(t, aws)); diff != "" {
			t.Errorf("letters (-want +got):\n%s", diff)
		}
	}
	if n := len(aws.Calls("secretsmanager:GetSecretValue")); n != 1 {
		t.Errorf("the secret was read %d times, want once for both invocations", n)
	}
}

// refuse answers 400 while the lines hold a text, as InfluxDB 1 and 2 do: they do not say which line it is.
func refuse(text string) func(int, []string) (int, string) {
	return func(_ int, lines []string) (int, string) {
		if slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, text) }) {
			return http.StatusBadRequest, `{"error":"partial write: made for a test"}`
		}
		return 0, ""
	}
}

// name answers as InfluxDB 3 does, with the numbers of up to two of the lines that hold a text.
func name(text string) func(int, []string) (int, string) {
	return func(_ int, lines []string) (int, string) {
		var data []string
		for i, l := range lines {
			if strings.Contains(l, text) && len(data) < 2 {
				data = append(data, fmt.Sprintf(`{"line_number":%d,"error_message":"made for a test"}`, i+1))
			}
		}
		if data == nil {
			return 0, ""
		}
		return http.StatusBadRequest, `{"error":"partial write","data":[` + strings.Join(data, ",") + `]}`
	}
}

func first(n int, status int) func(int, []string) (int, string) {
	return func(write int, _ []string) (int, string) {
		if n == 0 || write <= n {
			return status, "made for a test"
		}
		return 0, ""
	}
}

func TestSeriesFaults(t *testing.T) {
	const short = 2 * time.Second // for faults that last longer than any invocation
	all := map[string]string{}
	for i := range 10 {
		all[fmt.Sprint(i+1)] = influxReason
	}
	for _, c := range []struct {
		name    string
		left    time.Duration
		fault   func(int, []string) (int, string)
		failed  string
		letters map[string]string
		stored  int
		most    int // writes
	}{
		{"overload", quick, first(2, 429), "", nil, 10, 3},
		{"an error of the server", quick, first(1, 500), "", nil, 10, 2},
		{"a server that stays down", short, first(0, 503), "1", nil, 0, 100},
		{"a token that was rotated", quick, first(1, 401), "", nil, 10, 2},
		{"a token without the right", quick, first(0, 403), "1", nil, 0, 2},
		{"no such bucket", quick, first(0, 404), "1", nil, 0, 1},
		{"one line is refused", quick, refuse("v=6 "), "", map[string]string{"7": influxReason}, 9, 9},
		{"one line is refused and named", quick, name("v=6 "), "", map[string]string{"7": influxReason}, 9, 2},
		{"three lines are refused and two of them named", quick, name("thing=soil-001"), "",
			map[string]string{"2": influxReason, "7": influxReason}, 8, 2},
		{"every line is refused", quick, refuse("v="), "", all, 0, 19},
		{"every line is refused and named", quick, name("v="), "", all, 0, 5},
		{"a line is named that was not sent", quick, func(_ int, lines []string) (int, string) {
			return http.StatusBadRequest, `{"error":"partial write","data":[{"line_number":99}]}`
		}, "", all, 0, 19},
		{"three lines at most", quick, func(_ int, lines []string) (int, string) {
			if len(lines) > 3 {
				return http.StatusRequestEntityTooLarge, ""
			}
			return 0, ""
		}, "", nil, 10, 7},
		{"a line that is too large", quick, func(_ int, lines []string) (int, string) {
			if strings.Contains(strings.Join(lines, ""), "v=6 ") {
				return http.StatusRequestEntityTooLarge, ""
			}
			return 0, ""
		}, "", map[string]string{"7": recordTooLarge}, 9, 9},
		{"the server goes away in the middle of a search", short, func(n int, lines []string) (int, string) {
			if n > 1 {
				return http.StatusServiceUnavailable, ""
			}
			return http.StatusBadRequest, ""
		}, "1", nil, 0, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, aws, s := inInflux(t, "2")
			s.fault = c.fault
			if failed := invoke(t, p, fleet(), c.left); failed != c.failed {
				t.Errorf("failed from %q, want %q", failed, c.failed)
			}
			if c.letters == nil {
				c.letters = map[string]string{}
			}
			if diff := cmp.Diff(c.letters, letters(t, aws)); diff != "" {
				t.Errorf("letters (-want +got):\n%s", diff)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.points) != c.stored || len(s.writes) > c.most {
				t.Errorf("%d points after %d writes, want %d after at most %d", len(s.points), len(s.writes), c.stored,
					c.most)
			}
		})
	}
}

func TestASecretThatCannotBeReadFailsTheBatch(t *testing.T) {
	p, aws, s := inInflux(t, "2")
	aws.Misbehave(only("secretsmanager:GetSecretValue", 0, lambdatest.Denied))
	if failed := invoke(t, p, fleet(), quick); failed != "1" || len(s.writes) != 0 || len(letters(t, aws)) != 0 {
		t.Errorf("failed from %q, %d writes, letters %v", failed, len(s.writes), letters(t, aws))
	}
}

// TestTheDetailIsInfluxDBsReason and nothing of the token is anywhere.
func TestTheDetailIsInfluxDBsReason(t *testing.T) {
	s := startInflux(t)
	aws := lambdatest.StartAWS(t)
	aws.Keep(`{"token":"hidden-token"}`)
	var out bytes.Buffer
	env := s.env("2")
	env["AWS_LAMBDA_LOG_LEVEL"] = "DEBUG"
	p, err := newProcessor(aws.Getenv(env), &out)
	if err != nil {
		t.Fatal(err)
	}
	s.fault = refuse("v=6 ")
	invoke(t, p, fleet(), quick)
	if got := aws.Letters(t); len(got) != 1 || got[0]["detail"] != "partial write: made for a test" {
		t.Errorf("letters %v", got)
	}
	s.fault = func(int, []string) (int, string) { return 401, "no access for hidden-token" }
	if failed := invoke(t, p, fleet(), quick); failed != "1" {
		t.Errorf("failed from %q", failed)
	}
	if !strings.Contains(out.String(), "401 Unauthorized") || strings.Contains(out.String(), "hidden-token") {
		t.Errorf("the log does not say 401, or it shows the token:\n%s", out.String())
	}
}

// TestWritesAreDivided by lines, by bytes, and between devices.
func TestWritesAreDivided(t *testing.T) {
	lines := func(thing string, n, size int) lambdatest.Record {
		readings := make([]string, n)
		for i := range readings {
			readings[i] = fmt.Sprintf(`{"ts":%d,"s":%q}`, 1767225600+i, strings.Repeat("x", size))
		}
		return lambdatest.Record{Thing: thing, Payload: `{"readings":[` + strings.Join(readings, ",") + `]}`}
	}
	for _, c := range []struct {
		why     string
		records []lambdatest.Record
		want    []int
	}{
		{"few lines are one write", []lambdatest.Record{lines("a", 10, 1), lines("b", 10, 1)}, []int{20}},
		{"one device with many lines: one write after the other", []lambdatest.Record{lines("a", 12000, 1)},
			[]int{2000, 5000, 5000}},
		{"a job ends with a device", []lambdatest.Record{lines("a", 4000, 1), lines("b", 4000, 1), lines("c", 10, 1)},
			[]int{10, 3000, 5000}},
		{"large lines", []lambdatest.Record{lines("a", 50, 100_000)}, []int{9, 41}},
	} {
		p, aws, s := inInflux(t, "1")
		if failed := invoke(t, p, lambdatest.Event(c.records...), time.Minute); failed != "" || len(letters(t, aws)) != 0 {
			t.Fatalf("%s: failed from %q, letters %v", c.why, failed, letters(t, aws))
		}
		slices.Sort(s.writes)
		if diff := cmp.Diff(c.want, s.writes); diff != "" {
			t.Errorf("%s: lines of each write (-want +got):\n%s", c.why, diff)
		}
	}
}
