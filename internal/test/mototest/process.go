package mototest

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// The patterns name the files, since a plain directory would leave out __init__.py.
//
//go:embed launcher/*.py launcher/amend/*.py
var launcher embed.FS

// errNoPython tells how to get a Python that has moto.
var errNoPython = errors.New(
	"no Python with moto found: run `make moto`, or set MOTO_PYTHON to an interpreter that can import moto",
)

// process is the Python side: it lives as long as its stdin is open.
type process struct {
	url   string
	cmd   *exec.Cmd
	stdin io.Closer
	dir   string
	once  sync.Once
}

// interpreter finds a Python that can import moto: MOTO_PYTHON, else the one moto_server runs on, else python3.
func interpreter(ctx context.Context) (string, error) {
	candidates := []string{os.Getenv("MOTO_PYTHON")}
	if candidates[0] == "" {
		candidates = []string{shebang("moto_server"), "python3"}
	}
	for _, python := range candidates {
		if python == "" {
			continue
		}
		if exec.CommandContext(ctx, python, "-c", "import flask, moto").Run() == nil {
			return python, nil
		}
	}
	return "", errNoPython
}

// shebang returns the interpreter in the first line of a Python script on the PATH, or "". Version managers put shell
// scripts on the PATH; those name no Python.
func shebang(script string) string {
	path, err := exec.LookPath(script)
	if err != nil {
		return ""
	}
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	line, err := bufio.NewReader(file).ReadString('\n')
	line = strings.TrimSpace(line)
	if err != nil || !strings.HasPrefix(line, "#!") || !strings.Contains(filepath.Base(line), "python") {
		return ""
	}
	return strings.TrimPrefix(line, "#!")
}

// start writes the launcher out, runs it and waits until it says that it listens. What moto prints goes to out.
func start(ctx context.Context, out io.Writer) (*process, error) {
	python, err := interpreter(ctx)
	if err != nil {
		return nil, fmt.Errorf("starting moto: %w", err)
	}
	dir, err := os.MkdirTemp("", "mototest-")
	if err != nil {
		return nil, fmt.Errorf("starting moto: %w", err)
	}
	p := &process{dir: dir}
	if err := p.run(python, out); err != nil {
		p.stop()
		return nil, fmt.Errorf("starting moto with %s: %w", python, err)
	}
	return p, nil
}

func (p *process) run(python string, out io.Writer) error {
	scripts, err := fs.Sub(launcher, "launcher")
	if err != nil {
		return err
	}
	if err := os.CopyFS(p.dir, scripts); err != nil {
		return err
	}
	// Not CommandContext: the process ends by the closing of its stdin, which also covers the death of this process.
	p.cmd = exec.Command(python, "-B", filepath.Join(p.dir, "launch.py"))
	said := &tail{out: out}
	p.cmd.Stderr = said
	// Without these, moto would look for the caller's own AWS configuration when it builds clients for itself.
	p.cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY="+accessKey,
		"AWS_DEFAULT_REGION="+Region, "MOTO_IAM_LOAD_MANAGED_POLICIES=true")
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return err
	}
	p.stdin = stdin
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		p.stop() // so that everything it said has been copied
		return fmt.Errorf("it ended before it was ready: %s", bytes.TrimSpace(said.last))
	}
	var ready struct{ URL string }
	if err := json.Unmarshal(line, &ready); err != nil || ready.URL == "" {
		return fmt.Errorf("it said %q where its address was expected", line)
	}
	p.url = ready.URL
	go io.Copy(out, lines) // ends with the process
	return nil
}

// tail passes on what the process says and keeps the end of it, for the error of a start that did not work.
type tail struct {
	out  io.Writer
	last []byte
}

// Write is called by one goroutine of os/exec, which has ended when the process has been waited for.
func (t *tail) Write(text []byte) (int, error) {
	const kept = 2000
	t.last = append(t.last, text...)
	if over := len(t.last) - kept; over > 0 {
		t.last = append(t.last[:0], t.last[over:]...)
	}
	return t.out.Write(text)
}

// stop ends the process by closing its stdin, and waits for it.
func (p *process) stop() {
	p.once.Do(func() {
		if p.stdin != nil {
			p.stdin.Close()
			p.cmd.Wait() // its exit code says nothing: it was told to go
		}
		os.RemoveAll(p.dir)
	})
}
