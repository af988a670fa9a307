package mototest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// A Violation is a request that AWS would refuse, because the model that AWS publishes of the service does not allow
// it.
type Violation struct {
	// Service and Operation are AWS's names, such as "iot" and "CreateThing".
	Service   string `json:"service"`
	Operation string `json:"operation"`
	// Member is the path of the part that is wrong, such as "topicRulePayload.actions[0].s3.key".
	Member string `json:"member"`
	// Value is what was sent there, cut short. Secrets are left out.
	Value string `json:"value"`
	// Rule is what the value breaks, such as "at most 128 characters, not 130".
	Rule string `json:"rule"`
}

// String is one line for people.
func (v Violation) String() string {
	return strings.TrimSuffix(fmt.Sprintf("%s %s: %s %q: %s", v.Service, v.Operation, v.Member, v.Value, v.Rule), ": ")
}

// allowance is an exception that a test has asked for.
type allowance struct {
	violation Violation
	reason    string
	used      bool
}

// Violations returns what has been sent since the start or the last reset and is not allowed, each once.
func (s *Server) Violations(ctx context.Context) ([]Violation, error) {
	s.checks.Wait()
	var all []Violation
	err := s.control(ctx, http.MethodGet, "/mototest/violations", nil, nil, &all)
	return all, err
}

// Refuse is an error with everything that has been sent since the start or the last reset and is not allowed. It is for
// programs; [Start] and [Server.Reset] report it to their test.
func (s *Server) Refuse(ctx context.Context) error {
	all, err := s.Violations(ctx)
	if err != nil {
		return err
	}
	var refused []error
	for _, v := range all {
		refused = append(refused, fmt.Errorf("AWS's model does not allow a request: %v", v))
	}
	return errors.Join(refused...)
}

// Allow makes an exception, until the test ends, for a bad request that the test sends on purpose. An empty Value or
// Rule is for any. The test fails if nothing needs the exception.
func (s *Server) Allow(t testing.TB, v Violation, reason string) {
	t.Helper()
	if reason == "" {
		t.Errorf("an exception needs a reason: %v", v)
	}
	s.allowed = append(s.allowed, &allowance{violation: v, reason: reason})
}

// report fails the test for each bad request that it has not asked an exception for.
func (s *Server) report(t testing.TB) {
	t.Helper()
	all, err := s.Violations(context.Background()) // the test's own context has ended in a cleanup
	if err != nil {
		t.Errorf("reading violations: %v", err)
	}
	for _, v := range all {
		if !s.excused(v) {
			t.Errorf("AWS's model does not allow a request: %v", v)
		}
	}
}

func (s *Server) excused(v Violation) bool {
	excused := false
	for _, a := range s.allowed {
		want := a.violation
		if want.Value == "" {
			want.Value = v.Value
		}
		if want.Rule == "" {
			want.Rule = v.Rule
		}
		if want == v {
			a.used, excused = true, true
		}
	}
	return excused
}

// endAllowances fails the test for each exception that was not needed, and takes all back.
func (s *Server) endAllowances(t testing.TB) {
	t.Helper()
	for _, a := range s.allowed {
		if !a.used {
			t.Errorf("the exception for %v (%s) is not needed", a.violation, a.reason)
		}
	}
	s.allowed = nil
}

// checking bounds the connections to a server: a test may send a thousand requests at a time.
var checking = &http.Client{Transport: &http.Transport{MaxConnsPerHost: 16, MaxIdleConnsPerHost: 16}}

// Checked holds the requests to another handler, such as a stub of a service, against AWS's models before it answers
// them. What is wrong is reported as if it had been sent to this server.
func (s *Server) Checked(t testing.TB, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client has gone
		}
		copied := s.onlyChecked(r, body)
		s.checks.Go(func() { // so that no test notices by its clock
			if err := send(copied); err != nil {
				t.Errorf("checking a request: %v", err)
			}
		})
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// onlyChecked is a request with the mark that it is not to be answered.
func (s *Server) onlyChecked(r *http.Request, body []byte) *http.Request {
	content := io.ReadCloser(http.NoBody) // an empty reader would be sent in chunks, without a length
	if len(body) > 0 {
		content = io.NopCloser(bytes.NewReader(body))
	}
	copied := r.Clone(context.Background())
	copied.Header.Set("X-Mototest-Check", "only")
	copied.URL.Scheme, copied.URL.Host = "http", strings.TrimPrefix(s.URL, "http://")
	copied.RequestURI, copied.Body, copied.ContentLength = "", content, int64(len(body))
	return copied
}

func send(r *http.Request) error {
	answer, err := checking.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		return fmt.Errorf("moto answered %s", answer.Status)
	}
	return nil
}
