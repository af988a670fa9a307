package terraform

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// interruptTime is how long a command that was told to stop may take to save its state.
const interruptTime = time.Minute

// A Pipeline is one that was applied.
type Pipeline struct {
	Name, Region string
	HasAPI       bool
}

// Init installs the providers and modules of the configuration.
func (w *Workdir) Init(ctx context.Context) error {
	_, err := w.run(ctx, nil, "init", "-upgrade=false")
	return err
}

// Apply makes the configuration real. What it does goes to progress line by line; the plan does not.
func (w *Workdir) Apply(ctx context.Context, progress io.Writer) error {
	return w.change(ctx, progress)
}

// Destroy removes what the state holds.
func (w *Workdir) Destroy(ctx context.Context, progress io.Writer) error {
	return w.change(ctx, progress, "-destroy")
}

func (w *Workdir) change(ctx context.Context, progress io.Writer, mode ...string) error {
	const plan = "iot-local.tfplan"
	summary := &lines{out: progress, accept: func(line string) bool {
		return strings.HasPrefix(line, "Plan: ") || strings.HasPrefix(line, "No changes.")
	}}
	arguments := slices.Concat([]string{"plan", "-out=" + plan}, mode, w.variables)
	if _, err := w.run(ctx, summary, arguments...); err != nil {
		return err
	}
	_, err := w.run(ctx, &lines{out: progress, accept: isProgress}, "apply", plan)
	return err
}

// isProgress reports whether a line says what happens to a resource or how it ended.
func isProgress(line string) bool {
	return strings.Contains(line, "...") || strings.Contains(line, " complete after ") ||
		strings.HasPrefix(line, "Apply complete!")
}

// Pipelines returns the pipelines in the state.
func (w *Workdir) Pipelines(ctx context.Context) ([]Pipeline, error) {
	text, err := w.run(ctx, nil, "show", "-json")
	if err != nil {
		return nil, err
	}
	var state struct {
		Values struct {
			RootModule module `json:"root_module"`
		}
	}
	if err := json.Unmarshal(text, &state); err != nil {
		return nil, fmt.Errorf("reading the state: %w", err)
	}
	return state.Values.RootModule.pipelines(), nil
}

type module struct {
	Resources []struct {
		Type   string
		Values struct {
			Name, Region string
			APIID        *string `json:"api_id"`
		}
	}
	ChildModules []module `json:"child_modules"`
}

func (m module) pipelines() []Pipeline {
	var all []Pipeline
	for _, r := range m.Resources {
		if r.Type == resourceType {
			all = append(all, Pipeline{r.Values.Name, r.Values.Region, r.Values.APIID != nil})
		}
	}
	for _, child := range m.ChildModules {
		all = append(all, child.pipelines()...)
	}
	return all
}

// run runs a command and returns what it printed to its standard output. If the context ends, the command is
// interrupted as by Ctrl-C, so that it saves its state.
func (w *Workdir) run(ctx context.Context, progress *lines, arguments ...string) ([]byte, error) {
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, w.cli, arguments...)
	cmd.Dir, cmd.Env = w.path, w.env
	cmd.Stdout, cmd.Stderr = &out, &problems
	if progress != nil {
		cmd.Stdout = io.MultiWriter(&out, progress)
	}
	apart(cmd)
	cmd.WaitDelay = interruptTime
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("%s %s: %w\n%s", filepath.Base(w.cli), arguments[0], err,
			bytes.TrimSpace(append(out.Bytes(), problems.Bytes()...)))
	}
	return out.Bytes(), nil
}

// lines passes on the lines that it accepts.
type lines struct {
	out    io.Writer
	accept func(line string) bool
	rest   string
}

// Write takes a piece of the output.
func (l *lines) Write(text []byte) (int, error) {
	l.rest += string(text)
	for {
		line, rest, complete := strings.Cut(l.rest, "\n")
		if !complete {
			return len(text), nil
		}
		l.rest = rest
		if l.accept(line) {
			if _, err := io.WriteString(l.out, "  "+line+"\n"); err != nil {
				return 0, err
			}
		}
	}
}
