package lambdahost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// bootstrap is the compiled test function.
var bootstrap string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "lambdahost-")
	if err != nil {
		panic(err)
	}
	bootstrap = filepath.Join(dir, "bootstrap")
	build := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", bootstrap, "./testdata/bootstrap")
	if out, err := build.CombinedOutput(); err != nil {
		panic(string(out))
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func function() Function {
	return Function{
		Name:      "f",
		ARN:       "arn:aws:lambda:us-east-1:123456789012:function:f",
		Bootstrap: bootstrap,
		Handler:   "any",
		Timeout:   10 * time.Second,
		MemoryMB:  128,
	}
}

// host runs the function; events gets what the host tells.
func host(t *testing.T, f Function) (h *Host, events chan runlog.Event) {
	t.Helper()
	events = make(chan runlog.Event, 1000)
	h = New(Options{
		Region: "us-east-1",
		Env:    []string{"AWS_ENDPOINT_URL=http://localhost:1"},
		Events: func(e runlog.Event) { events <- e },
	})
	t.Cleanup(h.Close)
	h.Set(f)
	return h, events
}

func ask(do, value string) []byte { return []byte(fmt.Sprintf(`{"Do":%q,"Value":%q}`, do, value)) }

func invoke(t *testing.T, h *Host, do, value string) Result {
	t.Helper()
	r, err := h.Invoke(t.Context(), "f", ask(do, value))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

type served struct{ PID, Served int }

func decode[T any](t *testing.T, r Result) (v T) {
	t.Helper()
	if r.FunctionError != "" {
		t.Fatalf("the function failed: %s", r.Payload)
	}
	if err := json.Unmarshal(r.Payload, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestInvokeReusesTheProcess(t *testing.T) {
	h, _ := host(t, function())
	first, second := decode[served](t, invoke(t, h, "", "")), decode[served](t, invoke(t, h, "", ""))
	if first.PID != second.PID || second.Served != 2 {
		t.Errorf("got %+v, then %+v: want the same process", first, second)
	}
}

func TestInvokeTellsTheFunctionAboutItself(t *testing.T) {
	f := function()
	f.Env = map[string]string{"OWN": "1", "AWS_ENDPOINT_URL": "http://own"}
	f.LogFormat, f.LogLevel = "JSON", "WARN"
	h, _ := host(t, f)
	about := decode[struct {
		ARN, ID, Name string
		Left          float64
	}](t, invoke(t, h, "about", ""))
	if about.ARN != f.ARN || about.ID == "" || about.Name != "f" || about.Left <= 5 || about.Left > 10 {
		t.Errorf("got %+v", about)
	}
	for name, want := range map[string]string{
		"OWN": "1", "AWS_ENDPOINT_URL": "http://own", "AWS_REGION": "us-east-1", "AWS_LAMBDA_LOG_FORMAT": "JSON",
		"AWS_LAMBDA_LOG_LEVEL":            "WARN",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "HOME": "",
	} {
		if got := decode[string](t, invoke(t, h, "env", name)); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestFailuresOfTheFunction(t *testing.T) {
	for name, c := range map[string]struct{ do, value, want string }{
		"an error":  {"fail", "store is down", `"errorMessage":"store is down"`},
		"a panic":   {"panic", "index out of range", "index out of range"},
		"an exit":   {"exit", "", "exit status 3"},
		"a timeout": {"sleep", "1h", "Task timed out after 0.50 seconds"},
	} {
		t.Run(name, func(t *testing.T) {
			f := function()
			f.Timeout = 500 * time.Millisecond
			h, _ := host(t, f)
			r := invoke(t, h, c.do, c.value)
			if r.FunctionError != "Unhandled" || !strings.Contains(string(r.Payload), c.want) {
				t.Errorf("got %q %s, want one with %q", r.FunctionError, r.Payload, c.want)
			}
			decode[served](t, invoke(t, h, "", "")) // the next invocation is not affected
		})
	}
}

func TestFailedInitialization(t *testing.T) {
	f := function()
	f.Env = map[string]string{"FAIL_INIT": "1"}
	h, events := host(t, f)
	r := invoke(t, h, "", "")
	if r.FunctionError == "" || !strings.Contains(string(r.Payload), "exit status 7") {
		t.Errorf("got %s", r.Payload)
	}
	if e := <-events; e.Kind != runlog.Logged || e.Detail != "no way to start" {
		t.Errorf("got event %+v, want what the process printed", e)
	}
	f.Bootstrap = filepath.Join(t.TempDir(), "missing")
	h.Set(f)
	if _, err := h.Invoke(t.Context(), "f", nil); err == nil {
		t.Error("a function without a binary was invoked")
	}
	if _, err := h.Invoke(t.Context(), "other", nil); !errors.Is(err, ErrUnknown) {
		t.Errorf("an unknown function: got error %v", err)
	}
}

func TestConcurrentInvocationsUseSeveralProcesses(t *testing.T) {
	f := function()
	f.Concurrency = 2
	h, _ := host(t, f)
	flag := filepath.Join(t.TempDir(), "flag")
	var both sync.WaitGroup
	// The first waits for the second: in one process after the other, this would time out.
	both.Go(func() { decode[served](t, invoke(t, h, "wait", flag)) })
	both.Go(func() { invoke(t, h, "touch", flag) })
	both.Wait()
}

func TestSetReplacesTheProcesses(t *testing.T) {
	f := function()
	h, _ := host(t, f)
	before := decode[served](t, invoke(t, h, "", ""))
	if h.Set(f) {
		t.Error("the same function again counts as a change")
	}
	if same := decode[served](t, invoke(t, h, "", "")); same.PID != before.PID {
		t.Error("the same function again replaced the process")
	}
	f.Env = map[string]string{"NEW": "yes"}
	if !h.Set(f) {
		t.Error("another environment does not count as a change")
	}
	if got := decode[string](t, invoke(t, h, "env", "NEW")); got != "yes" {
		t.Errorf("NEW is %q after the change", got)
	}
}

func TestCancelledInvocationLeavesNoStaleAnswer(t *testing.T) {
	f := function()
	f.Concurrency = 1
	h, events := host(t, f)
	invoke(t, h, "print", "warm")
	<-events
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := h.Invoke(
			ctx,
			"f",
			ask("print", "begun"),
		) // too quick to be cancelled in time, or not: both must be well
		ended <- err
	}()
	<-events
	cancel()
	<-ended
	decode[served](t, invoke(t, h, "", ""))
}

func BenchmarkInvoke(b *testing.B) {
	h := New(Options{Region: "us-east-1"})
	defer h.Close()
	h.Set(function())
	for b.Loop() {
		if r, err := h.Invoke(b.Context(), "f", []byte("{}")); err != nil || r.FunctionError != "" {
			b.Fatal(err, string(r.Payload))
		}
	}
}

// A function with an internal extension gets SIGTERM at its end, and has half a second then.
func TestAnInstanceEnds(t *testing.T) {
	for _, stays := range []string{"", "yes"} {
		path := filepath.Join(t.TempDir(), "ended")
		f := function()
		f.Env = map[string]string{"AT_END": path, "STAYS": stays}
		h, _ := host(t, f)
		invoke(t, h, "", "")
		h.Close() // returns when the process has exited
		if text, err := os.ReadFile(path); err != nil || string(text) != "ended" {
			t.Errorf("stays %q: at its end it wrote %q, %v", stays, text, err)
		}
	}
}
