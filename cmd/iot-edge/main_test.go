package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
)

func TestPassword(t *testing.T) {
	var out bytes.Buffer
	if err := dispatch(t.Context(), []string{"password"}, strings.NewReader("secret\n"), &out, nil); err != nil {
		t.Fatal(err)
	}
	if hash := config.PasswordHash(strings.TrimSpace(out.String())); !hash.Matches([]byte("secret")) {
		t.Errorf("%s is not a hash of the password", hash)
	}
}

func TestWrongUse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "edge.json")
	good := filepath.Join(t.TempDir(), "edge.json")
	for name, text := range map[string]string{file: `{"credentials":"nowhere.json"}`, good: `{"credentials":"nowhere.json",` +
		`"state_directory":"s","broker":{"listen":[{"address":"127.0.0.1:0","plain":true}],"client_ca":"x","children":{"a":{}}}}`} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for want, args := range map[string][]string{
		"unknown command":                     {"start"},
		"usage:":                              {"run"},
		"reading the configuration":           {"check", file + "x"},
		file + ": state_directory is missing": {"check", file},
		`-shadow is "maybe": want on or off`:  {"check", "-shadow", "maybe", good},
		"the password is empty":               {"password"},
	} {
		err := dispatch(t.Context(), args, strings.NewReader(""), &bytes.Buffer{}, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("iot-edge %s: error %v, want %q", strings.Join(args, " "), err, want)
		}
	}
}

// TestGuide: the configuration of the guide is good, and its unit is the one that is shipped.
func TestGuide(t *testing.T) {
	guide, err := os.ReadFile("../../templates/guides/iot-edge.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(guide), "```json\n")
	text, _, found := strings.Cut(after, "```")
	if !found {
		t.Fatal("the guide has no configuration")
	}
	if _, err := config.Parse([]byte(text)); err != nil {
		t.Errorf("the guide's configuration: %v", err)
	}
	unit, err := os.ReadFile("systemd/iot-edge.service")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(guide), "```ini\n"+string(unit)+"```") {
		t.Error("the guide does not have the unit as it is in systemd/iot-edge.service")
	}
}
