// Package tfcli finds Terraform or OpenTofu for tests, benchmarks and the demo, and leads it to the provider as built
// here. It knows the commands and their configuration, and nothing of pipelines.
package tfcli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// errNone tells how to get one.
var errNone = errors.New("neither Terraform nor OpenTofu found, on PATH or in TF_ACC_TERRAFORM_PATH; install one with: make setup")

// Find gives the path of the command: TF_ACC_TERRAFORM_PATH, else terraform or tofu on PATH.
func Find() (string, error) {
	if path := os.Getenv("TF_ACC_TERRAFORM_PATH"); path != "" {
		return path, nil
	}
	for _, name := range []string{"terraform", "tofu"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errNone
}

// ForFramework makes terraform-plugin-testing use that command, and never download one.
func ForFramework() error {
	path, err := Find()
	if err != nil {
		return err
	}
	if strings.Contains(filepath.Base(path), "tofu") { // it looks for providers in a registry of its own
		if err := os.Setenv("TF_ACC_PROVIDER_HOST", "registry.opentofu.org"); err != nil {
			return err
		}
	}
	return os.Setenv("TF_ACC_TERRAFORM_PATH", path)
}

// Override writes a CLI configuration, to be named by TF_CLI_CONFIG_FILE, under which the provider is the one in dir.
func Override(file, dir string) error {
	text := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"iot-pipeline/iot\" = %q\n  }\n  direct {}\n}\n", dir)
	return os.WriteFile(file, []byte(text), 0o600)
}
