package tftest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

// patience is more than any command takes, however busy the machine.
const patience = 10 * time.Minute

// buildDir is where [Main] lets the provider be built.
var buildDir string

// installed builds the provider for all tests of the process.
var installed = sync.OnceValues(func() (*Installation, error) {
	if buildDir == "" {
		return nil, errors.New("TestMain does not call tftest.Main")
	}
	return Build(context.Background(), buildDir)
})

// Main is the TestMain of packages whose tests use [New]. It removes the provider that the first of them builds.
func Main(m *testing.M) {
	var err error
	if buildDir, err = os.MkdirTemp("", "tftest-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(buildDir)
	os.Exit(code)
}

// Project is a working directory of one test; what fails there ends the test.
type Project struct {
	*Workdir
	T testing.TB
}

// New gives the test a working directory whose command line uses the provider as built here, with these environment
// variables (KEY=VALUE). TestMain must call [Main].
func New(t testing.TB, env ...string) *Project {
	t.Helper()
	i, err := installed()
	if err != nil {
		t.Fatal(err)
	}
	return i.Project(t, env...)
}

// On is New for a command line of the test's choice.
func On(t testing.TB, c CLI, env ...string) *Project {
	t.Helper()
	path, err := c.Path()
	if err != nil {
		t.Fatal(err)
	}
	i, err := installed()
	if err != nil {
		t.Fatal(err)
	}
	chosen := *i
	chosen.CLI = path
	return chosen.Project(t, env...)
}

// Project gives the test a working directory for this installation.
func (i *Installation) Project(t testing.TB, env ...string) *Project {
	t.Helper()
	return &Project{Workdir: i.Workdir(t.TempDir(), env...), T: t}
}

// Write puts a file into the directory.
func (p *Project) Write(name, text string) {
	p.T.Helper()
	if err := p.Workdir.Write(name, text); err != nil {
		p.T.Fatal(err)
	}
}

// Try runs a command that may fail.
func (p *Project) Try(arguments ...string) Result {
	p.T.Helper()
	return p.Begin(arguments...).Wait()
}

// Run runs a command that must succeed, and returns what it printed.
func (p *Project) Run(arguments ...string) string {
	p.T.Helper()
	result := p.Try(arguments...)
	if err := result.Err(); err != nil {
		p.T.Fatal(err)
	}
	return result.Output
}

// Apply applies the configuration, which must succeed.
func (p *Project) Apply(arguments ...string) string {
	p.T.Helper()
	return p.Run(append([]string{"apply", "-auto-approve"}, arguments...)...)
}

// Destroy removes what the state holds, which must succeed.
func (p *Project) Destroy(arguments ...string) string {
	p.T.Helper()
	return p.Run(append([]string{"destroy", "-auto-approve"}, arguments...)...)
}

// Unchanged requires an empty plan.
func (p *Project) Unchanged(arguments ...string) {
	p.T.Helper()
	p.Run(append([]string{"plan", "-detailed-exitcode"}, arguments...)...)
}

// Begin starts a command. It is killed if it still runs when the test ends.
func (p *Project) Begin(arguments ...string) *Running {
	p.T.Helper()
	ctx, cancel := context.WithTimeout(p.T.Context(), patience)
	p.T.Cleanup(cancel)
	running, err := p.Start(ctx, arguments...)
	if err != nil {
		p.T.Fatal(err)
	}
	p.T.Cleanup(running.kill)
	return running
}
