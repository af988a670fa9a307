package tftest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Result is how a command ended.
type Result struct {
	Output  string // standard output and error
	Code    int    // exit code; -1 when it did not start or a signal ended it
	Took    time.Duration
	command []string
}

// Err returns an error with the output unless the command succeeded.
func (r Result) Err() error {
	if r.Code == 0 {
		return nil
	}
	return fmt.Errorf("terraform %s: exit code %d\n%s", strings.Join(r.command, " "), r.Code, r.Output)
}

// Says reports whether a text is in the output, however the command line has broken and framed its lines.
func (r Result) Says(text string) bool {
	plain := strings.NewReplacer("│", " ", "╷", " ", "╵", " ").Replace(r.Output)
	return strings.Contains(oneLine(plain), oneLine(text))
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// Running is a command under way. It leads a process group, so that a Ctrl-C in the terminal reaches it only through
// [Running.Interrupt].
type Running struct {
	command []string
	cmd     *exec.Cmd
	output  transcript
	start   time.Time
	ended   atomic.Bool
}

// Start starts a command. When ctx ends, the command is interrupted so that it saves its state, and killed a minute
// later.
func (w *Workdir) Start(ctx context.Context, arguments ...string) (*Running, error) {
	r := &Running{command: arguments, cmd: exec.CommandContext(ctx, w.cli, arguments...), start: time.Now()}
	r.cmd.Dir = w.Path
	r.cmd.Env = append(os.Environ(), w.Env...)
	var out io.Writer = &r.output
	if w.Stream != nil {
		out = io.MultiWriter(out, w.Stream)
	}
	r.cmd.Stdout, r.cmd.Stderr = out, out
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r.cmd.Cancel = r.Interrupt
	r.cmd.WaitDelay = time.Minute
	return r, r.cmd.Start()
}

// Group returns the ID of the command's process group.
func (r *Running) Group() int { return r.cmd.Process.Pid }

// Interrupt sends what Ctrl-C sends, to the command and its plugins.
func (r *Running) Interrupt() error { return syscall.Kill(-r.cmd.Process.Pid, syscall.SIGINT) }

// kill ends the command and its plugins at once.
func (r *Running) kill() {
	if !r.ended.Load() {
		syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL) //nolint:errcheck // it may have ended by itself
	}
}

// Output returns what the command has printed so far.
func (r *Running) Output() string { return r.output.String() }

// Said returns a channel that is closed when the command prints a text that it has not printed yet.
func (r *Running) Said(text string) <-chan struct{} { return r.output.said(text) }

// Wait waits for the end of the command.
func (r *Running) Wait() Result {
	err := r.cmd.Wait()
	r.ended.Store(true)
	result := Result{
		command: r.command, Output: r.output.String(), Code: r.cmd.ProcessState.ExitCode(), Took: time.Since(r.start),
	}
	if err != nil && result.Code == 0 {
		result.Code, result.Output = -1, result.Output+err.Error()
	}
	return result
}

// transcript is what a command has printed so far.
type transcript struct {
	mu      sync.Mutex
	text    bytes.Buffer
	waiting map[string]chan struct{}
}

func (t *transcript) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.text.Write(text)
	for awaited, said := range t.waiting {
		if bytes.Contains(t.text.Bytes(), []byte(awaited)) {
			close(said)
			delete(t.waiting, awaited)
		}
	}
	return n, err
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

func (t *transcript) said(text string) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting == nil {
		t.waiting = map[string]chan struct{}{}
	}
	said := make(chan struct{})
	t.waiting[text] = said
	return said
}
