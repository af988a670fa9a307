// Package localaws is an AWS account on this machine: a moto server with the changes that bring it nearer to AWS (see
// launcher/amend).
//
// It knows how to start moto and how clients reach it, and nothing of pipelines or Terraform.
package localaws

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
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// What every client of a server uses.
const (
	Region    = "us-east-1"
	AccountID = "123456789012"
	// AccessKey is the ID of the access key and its secret; the server accepts any.
	AccessKey = "local"
)

// The patterns name the files, since a plain directory would leave out __init__.py.
//
//go:embed launcher/*.py launcher/amend/*.py
var launcher embed.FS

// Options say how a server runs.
type Options struct {
	Port int    // on 127.0.0.1; 0 lets the kernel choose
	Data string // directory that keeps the account over restarts; empty: it is forgotten
	// Observed keeps each request and checks it against AWS's models, for tests. It costs memory.
	Observed bool
	Log      io.Writer // what moto prints
}

// A Server is a running moto. It ends with [Server.Stop], or when the process that started it ends.
type Server struct {
	// URL is its base address, such as "http://127.0.0.1:40123"; one for all services.
	URL string

	cmd   *exec.Cmd
	stdin io.Closer // the Python side lives as long as it is open
	ended chan struct{}
	dir   string
	once  sync.Once
}

// ErrNoMoto tells how to get a Python that has moto.
var ErrNoMoto = errors.New("no Python with moto found: run `make moto` in a clone, or install it where python3 finds " +
	"it (pip install 'moto[server]'), or set MOTO_PYTHON to an interpreter that has it")

// Python finds a Python that can import moto: MOTO_PYTHON, else the one moto_server runs on, else python3.
func Python(ctx context.Context) (string, error) {
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
	return "", ErrNoMoto
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

// Start runs a server and returns when it listens. The error is [ErrNoMoto] if there is no moto.
func Start(ctx context.Context, o Options) (*Server, error) {
	python, err := Python(ctx)
	if err != nil {
		return nil, fmt.Errorf("starting moto: %w", err)
	}
	dir, err := os.MkdirTemp("", "localaws-")
	if err != nil {
		return nil, fmt.Errorf("starting moto: %w", err)
	}
	s := &Server{dir: dir, ended: make(chan struct{})}
	if err := s.run(python, o); err != nil {
		s.Stop()
		return nil, fmt.Errorf("starting moto with %s: %w", python, err)
	}
	return s, nil
}

func (s *Server) run(python string, o Options) error {
	scripts, err := fs.Sub(launcher, "launcher")
	if err != nil {
		return err
	}
	if err := os.CopyFS(s.dir, scripts); err != nil {
		return err
	}
	// The scripts go with the process, also if this one is killed.
	arguments := []string{"-B", filepath.Join(s.dir, "launch.py"), "--scratch=" + s.dir,
		fmt.Sprintf("--port=%d", o.Port)}
	if o.Observed {
		arguments = append(arguments, "--observed")
	}
	if o.Data != "" {
		if err := os.MkdirAll(o.Data, 0o700); err != nil {
			return err
		}
		arguments = append(arguments, "--data="+filepath.Join(o.Data, "account"))
	}
	// Not CommandContext: the process ends by the closing of its stdin, which also covers the death of this process.
	s.cmd = exec.Command(python, arguments...)
	s.cmd.SysProcAttr = apart() // a Ctrl-C is for the parent, which lets it save first
	said := &tail{out: o.Log}
	s.cmd.Stderr = said
	// moto builds clients for itself. The caller's own AWS configuration must not matter: it fails with a profile that
	// it does not find.
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	nowhere := filepath.Join(s.dir, "none")
	s.cmd.Env = append(env, "AWS_ACCESS_KEY_ID="+AccessKey, "AWS_SECRET_ACCESS_KEY="+AccessKey,
		"AWS_DEFAULT_REGION="+Region, "AWS_CONFIG_FILE="+nowhere, "AWS_SHARED_CREDENTIALS_FILE="+nowhere,
		"MOTO_IAM_LOAD_MANAGED_POLICIES=true")
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.stdin = stdin
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		s.cmd.Wait() // so that everything it said has been copied
		close(s.ended)
		return fmt.Errorf("it ended before it was ready: %s", bytes.TrimSpace(said.last))
	}
	go func() {
		defer close(s.ended)
		io.Copy(o.Log, lines) // ends with the process
		s.cmd.Wait()          // its exit code says nothing: it was told to go, or Ended tells
	}()
	var ready struct{ URL string }
	if err := json.Unmarshal(line, &ready); err != nil || ready.URL == "" {
		return fmt.Errorf("it said %q where its address was expected", line)
	}
	s.URL = ready.URL
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

// Ended is closed when the server has ended, by Stop or by itself.
func (s *Server) Ended() <-chan struct{} { return s.ended }

// Stop ends the server and returns when it is gone. The account is saved before.
func (s *Server) Stop() {
	s.once.Do(func() {
		if s.stdin != nil {
			s.stdin.Close()
			<-s.ended
		}
		os.RemoveAll(s.dir)
	})
}

// Config is a client configuration for the server. It has no endpoint discovery, which would lead Timestream clients
// away to AWS.
func (s *Server) Config(region string) aws.Config {
	return aws.Config{
		Region:        region,
		Credentials:   credentials.NewStaticCredentialsProvider(AccessKey, AccessKey, ""),
		BaseEndpoint:  aws.String(s.URL),
		ConfigSources: []any{noDiscovery{}},
	}
}

// noDiscovery is a configuration source that switches endpoint discovery off.
type noDiscovery struct{}

// GetEnableEndpointDiscovery is what the SDK asks a configuration source for.
func (noDiscovery) GetEnableEndpointDiscovery(context.Context) (aws.EndpointDiscoveryEnableState, bool, error) {
	return aws.EndpointDiscoveryDisabled, true, nil
}

// Env is the environment, as KEY=VALUE, that sends AWS clients of another process (Terraform, the AWS CLI, a function)
// to the server.
func (s *Server) Env() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + s.URL,
		"AWS_REGION=" + Region,
		"AWS_DEFAULT_REGION=" + Region,
		"AWS_ACCESS_KEY_ID=" + AccessKey,
		"AWS_SECRET_ACCESS_KEY=" + AccessKey,
		"AWS_ENABLE_ENDPOINT_DISCOVERY=false",
		"AWS_EC2_METADATA_DISABLED=true",
	}
}
