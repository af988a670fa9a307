// Package tftest runs Terraform or OpenTofu with the provider as built here, for tests, benchmarks and the demo. It
// knows the command line and its configuration, and nothing of pipelines.
//
// It is used instead of hashicorp/terraform-exec because the tests need what that library hides: the exit code, all
// output as it comes, signals to the process group, and environment variables that it refuses.
package tftest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Source is the provider's source address in required_providers.
const Source = "iot-pipeline/iot"

// Header is the beginning of a configuration that uses the provider.
const Header = "terraform {\n  required_providers {\n    iot = { source = \"" + Source + "\" }\n  }\n}\n"

// CLI is a command line to run the provider with.
type CLI struct {
	Name     string
	variable string // environment variable with its path
	target   string // what installs it
	onPath   []string
}

// The command lines that tests run. Found is the one that most tests run on, whatever it is. Current has what the
// latest versions of Terraform brought.
var (
	Found    = CLI{"the command line found", "TF_ACC_TERRAFORM_PATH", "make setup", []string{"terraform", "tofu"}}
	Current  = CLI{"Terraform 1.15", "IOT_TERRAFORM_CURRENT", "make terraform", nil}
	OpenTofu = CLI{"OpenTofu", "IOT_OPENTOFU", "make opentofu", []string{"tofu"}}
)

// Path returns the path of the command: that of its environment variable, else the first that is on PATH.
func (c CLI) Path() (string, error) {
	if path := os.Getenv(c.variable); path != "" {
		return path, nil
	}
	for _, name := range c.onPath {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not there: %s is not set; install it with: %s", c.Name, c.variable, c.target)
}

// ForFramework makes terraform-plugin-testing use that command, and never download one.
func ForFramework() error { return ForFrameworkOn(Found, os.Setenv) }

// ForFrameworkOn makes terraform-plugin-testing use a command line. A test passes its Setenv.
func ForFrameworkOn(c CLI, setenv func(key, value string) error) error {
	path, err := c.Path()
	if err != nil {
		return err
	}
	host := "registry.terraform.io"
	if strings.Contains(filepath.Base(path), "tofu") { // OpenTofu has a registry of its own
		host = "registry.opentofu.org"
	}
	return errors.Join(
		setenv("TF_CLI_CONFIG_FILE", ""), // the user's own; a warning about it hides the version of OpenTofu
		setenv("TF_ACC_PROVIDER_HOST", host),
		setenv("TF_ACC_TERRAFORM_PATH", path))
}

// Installation is a command line that finds one provider binary.
type Installation struct {
	CLI    string // path of terraform or tofu
	config string // CLI configuration file
}

// Install writes a CLI configuration into dir that makes the provider the program
// terraform-provider-iot in the directory plugins.
func Install(dir, plugins string) (*Installation, error) {
	cli, err := Found.Path()
	if err != nil {
		return nil, err
	}
	i := &Installation{CLI: cli, config: filepath.Join(dir, "cli.tfrc")}
	text := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    %q = %q\n  }\n  direct {}\n}\n", Source,
		plugins)
	if err := os.WriteFile(i.config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return i, nil
}

// Build compiles the provider into dir as users get it, without the race detector, and installs it.
func Build(ctx context.Context, dir string) (*Installation, error) {
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o",
		filepath.Join(dir, "terraform-provider-iot"),
		"github.com/iot-pipeline/terraform-provider-iot")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the provider: %w\n%s", err, out)
	}
	return Install(dir, dir)
}
