package terraform

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Options say what is applied, and how.
type Options struct {
	Source   string // directory with the configuration
	Dir      string // directory for everything that belongs to the run; kept over runs, it holds the state
	CLI      string // path of terraform or tofu
	Provider Provider
	// Env is the environment of the commands besides this process's, of which the settings of AWS and Terraform are
	// left out; TF_VAR_… and TF_LOG stay.
	Env       []string
	Variables []string // arguments, such as "-var=a=b"
}

// A Workdir is a copy of a configuration that can be applied.
type Workdir struct {
	path      string
	cli       string
	env       []string
	variables []string
}

// lockFile is where Terraform keeps versions and checksums of providers.
const lockFile = ".terraform.lock.hcl"

// ErrNoConfiguration is the error of a directory without Terraform files.
var ErrNoConfiguration = errors.New("it holds no Terraform configuration (*.tf)")

// New prepares the directory. The copy holds links to the files of the source, so that a change of a file counts at the
// next apply. Inside a Git repository, paths such as "../modules" lead where they lead in the source.
func New(o Options) (*Workdir, error) {
	w, err := prepare(o)
	if err != nil {
		return nil, fmt.Errorf("preparing %s for %s: %w", o.Source, filepath.Base(o.CLI), err)
	}
	return w, nil
}

func prepare(o Options) (*Workdir, error) {
	source, err := filepath.Abs(o.Source)
	if err != nil {
		return nil, err
	}
	if source, err = filepath.EvalSymlinks(source); err != nil {
		return nil, err
	}
	override, err := override(source, o.Provider.version())
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	config, err := o.Provider.install(dir)
	if err != nil {
		return nil, err
	}
	w := &Workdir{cli: o.CLI, variables: o.Variables, env: environment(config, o.Env)}
	if w.path, err = mirror(source, filepath.Join(dir, "tree"), dir); err != nil {
		return nil, err
	}
	if err := lock(source, w.path); err != nil {
		return nil, err
	}
	return w, os.WriteFile(filepath.Join(w.path, overrideFile), override, 0o600)
}

// mirror links the source below tree, with what stands next to it and above it up to the root of its Git repository.
// It returns the directory that stands for the source.
func mirror(source, tree, own string) (string, error) {
	root := repository(source)
	rel, err := filepath.Rel(root, source)
	if err != nil {
		return "", err
	}
	at, to := root, tree
	for _, name := range strings.Split(rel, string(filepath.Separator)) {
		if name == "." {
			break
		}
		if err := link(at, to, func(entry string) bool { return entry == name || entry == ".git" }); err != nil {
			return "", err
		}
		at, to = filepath.Join(at, name), filepath.Join(to, name)
	}
	return to, link(source, to, func(entry string) bool {
		return entry == ".terraform" || entry == lockFile || entry == ".git" || entry == overrideFile ||
			strings.Contains(entry, ".tfstate") || filepath.Join(source, entry) == own
	})
}

// repository is the root of the Git repository that a directory is in, or the directory.
func repository(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, ".git")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			return dir
		}
	}
}

// link makes the links in a directory agree with the entries of another.
func link(from, to string, leaveOut func(entry string) bool) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	before, err := os.ReadDir(to)
	if err != nil {
		return err
	}
	for _, e := range before {
		if e.Type()&fs.ModeSymlink != 0 {
			if err := os.Remove(filepath.Join(to, e.Name())); err != nil {
				return err
			}
		}
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if leaveOut(e.Name()) {
			continue
		}
		if err := os.Symlink(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// lock copies the lock file of the source, or keeps that of the last run, without this provider: what is installed here
// is another package than a registry's.
func lock(source, to string) error {
	text, err := os.ReadFile(filepath.Join(source, lockFile))
	if errors.Is(err, fs.ErrNotExist) {
		text, err = os.ReadFile(filepath.Join(to, lockFile))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	file, problems := hclwrite.ParseConfig(text, lockFile, hcl.InitialPos)
	if problems.HasErrors() {
		return fmt.Errorf("reading %s: %w", filepath.Join(source, lockFile), problems)
	}
	for _, b := range file.Body().Blocks() {
		if labels := b.Labels(); len(labels) == 1 && strings.HasSuffix(labels[0], "/"+Source) {
			file.Body().RemoveBlock(b)
		}
	}
	return os.WriteFile(filepath.Join(to, lockFile), file.Bytes(), 0o600)
}

// environment is the environment of commands. What leads to another account, state or provider is left out of it.
func environment(config string, own []string) []string {
	mine := func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "TF_") {
			return strings.HasPrefix(name, "TF_VAR_") || strings.HasPrefix(name, "TF_LOG")
		}
		return !strings.HasPrefix(name, "AWS_")
	}
	env := slices.DeleteFunc(os.Environ(), func(variable string) bool { return !mine(variable) })
	return slices.Concat(env, own, []string{
		"TF_CLI_CONFIG_FILE=" + config, "TF_INPUT=0", "TF_IN_AUTOMATION=1", "TF_CLI_ARGS=-no-color",
	})
}
