package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

const installer = "greengrass/install.sh"

// stubs are the programs that the installer calls and that a test must not run. Each notes its arguments.
var stubs = map[string]string{
	"curl":    `while [ $# -gt 0 ]; do [ "$1" = -o ] && echo downloaded >"$2"; shift; done`,
	"unzip":   `:`,
	"useradd": `:`,
	"chown":   `:`,
	"id":      `exit 1`,
	"java": `case "$*" in *--version*) echo "AWS Greengrass v2.16.1" ;; *) while [ $# -gt 0 ]; do
		[ "$1" = --init-config ] && cp "$2" "$ROOT/config.yaml"; shift; done ;; esac`,
	"jarsigner": `echo "jar verified."`,
}

// install runs the installer below root.
func install(t *testing.T, root string, arguments ...string) (calls, out string, err error) {
	t.Helper()
	bin, log := t.TempDir(), filepath.Join(t.TempDir(), "calls")
	for name, body := range stubs {
		script := "#!/bin/sh\necho \"" + name + " $*\" >>" + log + "\n" + body + "\n"
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command("/bin/sh", append([]string{installer}, arguments...)...)
	command.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "ROOT="+root)
	said, err := command.CombinedOutput()
	text, _ := os.ReadFile(log)
	return string(text), string(said), err
}

// TestInstall: the nucleus gets the gateway's certificate and the pipeline's role, and iot-edge what it reads.
func TestInstall(t *testing.T) {
	dir, root := t.TempDir(), t.TempDir()
	b := contract.Bundle{Thing: "gw-1", Endpoint: "abc-ats.iot.eu-west-1.amazonaws.com",
		CertificatePEM: "-----BEGIN CERTIFICATE-----\nMIIB+/=\n-----END CERTIFICATE-----\n",
		PrivateKey:     "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n"}
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	bundle, edge := filepath.Join(dir, "bundle.json"), filepath.Join(dir, "edge.json")
	for name, content := range map[string]string{bundle: string(text), edge: `{"monitor":"off"}`} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	calls, out, err := install(t, root, "-b", bundle, "-c", edge, "-a", "plant-greengrass", "-e", "cred.example", "-r",
		"eu-west-1")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, want := range map[string]struct {
		content string
		mode    os.FileMode
	}{
		"greengrass/v2/device.pem.crt":   {b.CertificatePEM, 0o600},
		"greengrass/v2/private.pem.key":  {b.PrivateKey, 0o600},
		"etc/iot-edge/bundle.json":       {string(text), 0o640},
		"etc/iot-edge/edge.json":         {`{"monitor":"off"}`, 0o640},
		"etc/iot-edge/AmazonRootCA1.pem": {"downloaded\n", 0o640},
	} {
		path := filepath.Join(root, name)
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want.content {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if info, err := os.Stat(path); err == nil && info.Mode().Perm() != want.mode {
			t.Errorf("%s has the mode %v, want %v", name, info.Mode(), want.mode)
		}
	}
	config, err := os.ReadFile(filepath.Join(root, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`thingName: "gw-1"`, `version: "2.16.1"`, `iotRoleAlias: "plant-greengrass"`,
		`iotDataEndpoint: "abc-ats.iot.eu-west-1.amazonaws.com"`, `iotCredEndpoint: "cred.example"`,
		`awsRegion: "eu-west-1"`, `privateKeyPath: "` + root + `/greengrass/v2/private.pem.key"`} {
		if !strings.Contains(string(config), line) {
			t.Errorf("the nucleus's configuration lacks %s:\n%s", line, config)
		}
	}
	if !strings.Contains(calls, "useradd --system") || !strings.Contains(calls, "--setup-system-service true") ||
		!strings.Contains(calls, "jarsigner -verify") {
		t.Errorf("calls:\n%s", calls)
	}
}

func TestInstallRefuses(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "bundle.json")
	if err := os.WriteFile(empty, []byte(`{"thing":"gw-1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, arguments := range map[string][]string{
		"-b  the gateway's credentials bundle": {"-b", empty},
		"has no endpoint":                      {"-b", empty, "-c", empty, "-a", "x", "-e", "x", "-r", "x"},
	} {
		root := t.TempDir()
		calls, out, err := install(t, root, arguments...)
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("%v: %v, want %q\n%s", arguments, err, want, out)
		}
		if left, err := os.ReadDir(root); err != nil || len(left) > 0 || strings.Contains(calls, "useradd") {
			t.Errorf("%v: wrote %v, called %s", arguments, left, calls)
		}
	}
}

// TestGuideHasTheInstaller: what people copy is what was tested.
func TestGuideHasTheInstaller(t *testing.T) {
	guide, err := os.ReadFile("../../templates/guides/greengrass.md")
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(installer)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(guide), "```shell\n"+string(script)+"```") {
		t.Errorf("the guide does not have %s as it is", installer)
	}
}
