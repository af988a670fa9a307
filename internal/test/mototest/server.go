package mototest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"github.com/iot-pipeline/terraform-provider-iot/internal/localaws"
)

const (
	// Region is where every client of [Server.Config] works.
	Region = localaws.Region
	// AccountID is the account that moto plays.
	AccountID = localaws.AccountID
)

// A Server is one running moto.
type Server struct {
	*localaws.Server
	allowed []*allowance
	checks  sync.WaitGroup // of what others answer; see Checked
}

// idle holds servers whose test has ended; they are emptied and used again, since a start costs more than most tests.
// They end with the test process.
var idle struct {
	sync.Mutex
	servers []*Server
}

// Start gives the test an empty moto server of its own, and takes it back when the test ends. The test fails if it sent
// a request that AWS's models do not allow; see [Violation].
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.report(t)
		s.endAllowances(t)
		if err := s.Empty(context.Background()); err != nil {
			s.Stop()
			t.Errorf("returning the moto server: %v", err)
			return
		}
		idle.Lock()
		defer idle.Unlock()
		idle.servers = append(idle.servers, s)
	})
	return s
}

func take(ctx context.Context) (*Server, error) {
	idle.Lock()
	defer idle.Unlock()
	if n := len(idle.servers); n > 0 {
		s := idle.servers[n-1]
		idle.servers = idle.servers[:n-1]
		return s, nil
	}
	return Run(ctx, os.Stderr)
}

// Run starts a moto server for a program; what moto prints goes to out. The server runs until [Server.Stop], or until
// the calling process ends. The error names the command that installs moto when it is missing.
func Run(ctx context.Context, out io.Writer) (*Server, error) {
	s, err := localaws.Start(ctx, localaws.Options{Observed: true, Log: out})
	if err != nil {
		return nil, err
	}
	return &Server{Server: s}, nil
}

// AWSConfig is a client configuration for the server, with few retries.
func (s *Server) AWSConfig() aws.Config {
	c := s.Server.Config(Region)
	// moto answers HTTP 500 to what it does not implement; every further attempt would only hide that.
	c.Retryer = func() aws.Retryer { return retry.AddWithMaxAttempts(retry.NewStandard(), 2) }
	return c
}

// Config is [Server.AWSConfig] for a test.
func (s *Server) Config(t testing.TB) aws.Config {
	t.Helper()
	return s.AWSConfig()
}

// Empty removes everything the server holds: resources, request log, planned failures.
func (s *Server) Empty(ctx context.Context) error {
	return s.control(ctx, http.MethodPost, "/mototest/reset", nil, nil, nil)
}

// control calls one of the launcher's own paths.
func (s *Server) control(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path+"?"+query.Encode(), body)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking moto for %s: %w", path, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("asking moto for %s: %w", path, err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("asking moto for %s: %s: %s", path, answer.Status, text)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("reading moto's answer for %s: %w", path, err)
	}
	return nil
}
