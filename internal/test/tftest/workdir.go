package tftest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Workdir is a directory with a configuration and its state.
type Workdir struct {
	Path string
	// Env is added to the environment of this process; the last value of a variable counts.
	Env []string
	// Stream, unless nil, receives the output of commands as it comes.
	Stream io.Writer
	cli    string
}

// Workdir prepares an existing directory for the command line.
func (i *Installation) Workdir(path string, env ...string) *Workdir {
	return &Workdir{Path: path, cli: i.CLI, Env: slices.Concat(env, []string{
		"TF_CLI_CONFIG_FILE=" + i.config,
		"TF_CLI_ARGS=-no-color",
		"TF_INPUT=0",
		"TF_IN_AUTOMATION=1",
		"CHECKPOINT_DISABLE=1",
	})}
}

// Write puts a file into the directory, or into one below it.
func (w *Workdir) Write(name, text string) error {
	file := filepath.Join(w.Path, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o600)
}

// Run runs one command to its end.
func (w *Workdir) Run(ctx context.Context, arguments ...string) Result {
	running, err := w.Start(ctx, arguments...)
	if err != nil {
		return Result{command: arguments, Output: err.Error(), Code: -1}
	}
	return running.Wait()
}

// Resource decodes the attributes of the only resource in the state into values.
func (w *Workdir) Resource(ctx context.Context, values any) error {
	shown := w.Run(ctx, "show", "-json")
	if err := shown.Err(); err != nil {
		return err
	}
	var state struct {
		Values struct {
			RootModule struct {
				Resources []struct{ Values json.RawMessage }
			} `json:"root_module"`
		}
	}
	if err := json.Unmarshal([]byte(shown.Output), &state); err != nil {
		return fmt.Errorf("reading the state: %w", err)
	}
	if n := len(state.Values.RootModule.Resources); n != 1 {
		return fmt.Errorf("reading the state: it holds %d resources instead of one", n)
	}
	return json.Unmarshal(state.Values.RootModule.Resources[0].Values, values)
}
