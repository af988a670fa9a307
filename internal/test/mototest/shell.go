package mototest

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/localaws"
)

//go:embed aws.py
var awsCommand []byte

// Shell runs commands of a guide against the server and returns what they print. The command aws is a small one of
// ours, so that no test needs AWS's.
func (s *Server) Shell(t testing.TB, commands string) string {
	t.Helper()
	python, err := localaws.Python(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "aws.py"), awsCommand, 0o600); err != nil {
		t.Fatal(err)
	}
	command := fmt.Sprintf("#!/bin/sh\nexec '%s' '%s' \"$@\"\n", python, filepath.Join(dir, "aws.py"))
	if err := os.WriteFile(filepath.Join(dir, "aws"), []byte(command), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", commands)
	cmd.Env = append(append(os.Environ(), s.Env()...), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, commands, stderr(err))
	}
	return string(out)
}

func stderr(err error) []byte {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.Stderr
	}
	return nil
}
