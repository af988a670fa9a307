package lambdatest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/archives/build/bundle"
)

// Reply is what a function answered to one invocation.
type Reply struct {
	Body   []byte
	Failed bool // the function reported an error
}

// Function is a real bootstrap that runs against a Lambda Runtime API server of this process [AWS 8 Runtime API].
type Function struct {
	t       testing.TB
	server  *httptest.Server
	cmd     *exec.Cmd
	next    chan invocation
	asked   chan struct{} // closed when the function asks for its first event
	asks    sync.Once
	replies chan Reply
	exited  chan struct{}
	ended   error // once exited is closed
	started time.Time
	invoked int
	peak    int64

	mu     sync.Mutex
	output bytes.Buffer
}

type invocation struct {
	id       string
	event    []byte
	deadline time.Time
}

// Bootstrap is an executable, and the handler that makes it one of the functions.
type Bootstrap struct{ Path, Handler string }

// Compile builds the bootstrap as it is shipped, for this machine. It is the function of that name.
func Compile(t testing.TB, function string) Bootstrap {
	t.Helper()
	architecture := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	if runtime.GOOS != "linux" || architecture == "" {
		t.Fatalf("a bootstrap runs on linux/amd64 and linux/arm64, not on %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	_, file, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(file), "../../..")
	binary, err := bundle.Compile(t.Context(), root, architecture)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bootstrap")
	if err := os.WriteFile(path, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	return Bootstrap{Path: path, Handler: function}
}

// StartFunction starts a bootstrap with an environment and nothing else in it. It ends with the test.
func StartFunction(t testing.TB, bootstrap Bootstrap, env map[string]string) *Function {
	t.Helper()
	f := &Function{t: t, next: make(chan invocation), asked: make(chan struct{}), replies: make(chan Reply, 1),
		exited: make(chan struct{})}
	f.server = httptest.NewServer(f)
	f.cmd = exec.Command(bootstrap.Path)
	f.cmd.Env = []string{
		"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(f.server.URL, "http://"),
		"AWS_LAMBDA_FUNCTION_NAME=under-test", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
		"AWS_LAMBDA_LOG_FORMAT=JSON", "_HANDLER=" + bootstrap.Handler,
	}
	for name, value := range env {
		f.cmd.Env = append(f.cmd.Env, name+"="+value)
	}
	f.cmd.Stdout, f.cmd.Stderr = f, f
	f.started = time.Now()
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		f.ended = f.cmd.Wait()
		close(f.exited)
	}()
	t.Cleanup(func() { f.Stop() })
	return f
}

// Ready waits until the function has started and asks for its first event.
func (f *Function) Ready() {
	f.t.Helper()
	select {
	case <-f.asked:
	case <-f.exited:
		f.t.Fatalf("the function ended: %v\n%s", f.cmd.ProcessState, f.Output())
	case <-time.After(10 * time.Second):
		f.t.Fatalf("the function did not ask for an event\n%s", f.Output())
	}
}

// Invoke hands the function an event and waits for its answer, at most until the deadline.
func (f *Function) Invoke(event []byte, left time.Duration) Reply {
	f.t.Helper()
	f.invoked++
	deadline := time.Now().Add(left)
	expired := time.NewTimer(left + 10*time.Second)
	defer expired.Stop()
	select {
	case f.next <- invocation{fmt.Sprintf("request-%d", f.invoked), event, deadline}:
	case <-f.exited:
		f.t.Fatalf("the function ended: %v\n%s", f.cmd.ProcessState, f.Output())
	case <-expired.C:
		f.t.Fatalf("the function did not ask for an event\n%s", f.Output())
	}
	select {
	case reply := <-f.replies:
		return reply
	case <-f.exited:
		f.t.Fatalf("the function ended: %v\n%s", f.cmd.ProcessState, f.Output())
	case <-expired.C:
		f.t.Fatalf("the function did not answer\n%s", f.Output())
	}
	return Reply{}
}

// Terminate tells the function that its instance ends, as Lambda tells one with an extension, and waits for that.
func (f *Function) Terminate() error {
	f.t.Helper()
	if err := f.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		f.t.Fatal(err)
	}
	return f.Wait()
}

// Wait waits for a process that ends by itself, and returns how it ended.
func (f *Function) Wait() error {
	<-f.exited
	return f.ended
}

// Write takes the process's output.
func (f *Function) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.output.Write(p)
}

// Output is everything the function has printed.
func (f *Function) Output() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.output.String()
}

// SinceStart is the time since the process was started.
func (f *Function) SinceStart() time.Duration { return time.Since(f.started) }

// Usage is what the process took over its life.
type Usage struct {
	CPU     time.Duration
	PeakRSS int64 // bytes
}

// Stop ends the process and tells what it took.
func (f *Function) Stop() Usage {
	select {
	case <-f.exited:
	default:
		f.peak = peakRSS(f.cmd.Process.Pid)
		_ = f.cmd.Process.Kill() // it may have ended by itself
		<-f.exited
	}
	f.server.CloseClientConnections()
	f.server.Close()
	return Usage{CPU: f.cmd.ProcessState.UserTime() + f.cmd.ProcessState.SystemTime(), PeakRSS: f.peak}
}

// peakRSS reads a process's high-water mark. The one in its resource usage counts what the test process had when it
// forked.
func peakRSS(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kilobytes int64
	if _, err := fmt.Sscan(rest, &kilobytes); err != nil {
		return 0
	}
	return kilobytes * 1024
}

// ServeHTTP is the Runtime API: the next event, and where its answer goes.
func (f *Function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := strings.TrimPrefix(r.URL.Path, "/2018-06-01/runtime/"); {
	case path == "invocation/next":
		f.asks.Do(func() { close(f.asked) })
		select {
		case call := <-f.next:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", call.id)
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(call.deadline.UnixMilli()))
			w.Header().
				Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:under-test")
			_, _ = w.Write(call.event) // a process that has gone is noticed by Invoke
		case <-r.Context().Done():
		}
	case strings.HasSuffix(path, "/response"), strings.HasSuffix(path, "/error"):
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		w.WriteHeader(http.StatusAccepted)
		f.replies <- Reply{Body: body, Failed: strings.HasSuffix(path, "/error")}
	case path == "/2020-01-01/extension/register":
		w.Header().Set("Lambda-Extension-Identifier", "extension-1")
		_, _ = io.WriteString(w, "{}")
	case path == "/2020-01-01/extension/event/next":
		<-r.Context().Done()
	default:
		http.NotFound(w, r)
	}
}
