// Package terraform applies a directory of Terraform configuration to an account that is not the one it was written
// for, and leaves the directory as it is: state, lock file, backend and credentials are its own.
//
// It knows the command line, its configuration files and a little of the language. It does not know pipelines beyond
// the type of the resource, or AWS.
package terraform

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Source is the provider's source address in required_providers.
const Source = "iot-pipeline/iot"

// hosts are the registries that Terraform and OpenTofu complete a source address with.
var hosts = []string{"registry.terraform.io", "registry.opentofu.org"}

// ErrNoCLI tells how to get a command line.
var ErrNoCLI = errors.New("neither terraform nor tofu is on PATH: install Terraform or OpenTofu, version 1.8 or " +
	"later, or set TF_ACC_TERRAFORM_PATH to one; in a clone, make setup builds OpenTofu")

// Find returns the path of the command line: TF_ACC_TERRAFORM_PATH, else terraform or tofu on PATH. The error is
// [ErrNoCLI] if there is none.
func Find() (string, error) {
	if path := os.Getenv("TF_ACC_TERRAFORM_PATH"); path != "" {
		return path, nil
	}
	for _, name := range []string{"terraform", "tofu"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNoCLI
}

// unversioned is the version under which a build without one is installed; Terraform takes 0.0.0 for none.
const unversioned = "0.0.1"

// A Provider is a program that serves the provider.
type Provider struct {
	Path    string // of the program
	Version string // "dev" for a build other than a release
}

// version is a version as Terraform knows them.
func (p Provider) version() string {
	if p.Version == "" || p.Version == "dev" {
		return unversioned
	}
	return strings.TrimPrefix(p.Version, "v")
}

// install makes a mirror of the provider in dir, and a CLI configuration that takes the provider from there and
// everything else from where it always comes from. It returns the file of the configuration.
func (p Provider) install(dir string) (string, error) {
	mirror := filepath.Join(dir, "providers")
	if err := os.RemoveAll(mirror); err != nil {
		return "", err
	}
	name := "terraform-provider-iot_v" + p.version()
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	for _, host := range hosts {
		platform := filepath.Join(mirror, host, Source, p.version(), runtime.GOOS+"_"+runtime.GOARCH)
		if err := os.MkdirAll(platform, 0o700); err != nil {
			return "", err
		}
		if err := os.Symlink(p.Path, filepath.Join(platform, name)); err != nil {
			return "", err
		}
	}
	text := fmt.Sprintf(`disable_checkpoint = true
provider_installation {
  filesystem_mirror {
    path    = %q
    include = [%q]
  }
  direct {
    exclude = [%q]
  }
}
`, mirror, Source, Source)
	file := filepath.Join(dir, "cli.tfrc")
	return file, os.WriteFile(file, []byte(text), 0o600)
}
