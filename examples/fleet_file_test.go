package examples_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The file of a fleet is part of the plan: another one stops the apply before anything is made.
func TestFleetFileThatChangesAfterThePlan(t *testing.T) {
	p := newProject(t, "fleet-file")
	p.run("plan", "-out=plan.bin")
	report, err := os.ReadFile(filepath.Join(p.dir, "planned-devices.csv"))
	if err != nil || string(report) != "change,name\nadded,air-001\nadded,air-002\nadded,soil-001\nadded,soil-002\n" {
		t.Errorf("the report is %q, %v", report, err)
	}
	sent := len(p.server.Requests(t))

	file, err := os.OpenFile(filepath.Join(p.dir, "devices.csv"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("air-003,true,2,TH-9\n"); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	apply := exec.CommandContext(t.Context(), cli, "apply", "plan.bin")
	apply.Dir, apply.Env = p.dir, p.env
	text, err := apply.CombinedOutput()
	if out := string(text); err == nil || !strings.Contains(out, "inconsistent final plan") || !strings.Contains(out, ".fleet.digest") {
		t.Errorf("the apply should stop at the digest: %v\n%s", err, out)
	}
	for _, r := range p.server.Requests(t)[sent:] {
		if strings.HasPrefix(r.Operation, "Create") || strings.HasPrefix(r.Operation, "Put") {
			t.Errorf("%s was called", r.Operation)
		}
	}
	if state := p.run("state", "list"); state != "" {
		t.Errorf("the state holds %s", state)
	}
}

// A plan says when the credentials store is what an apply will wait for, and names a faster one.
func TestSlowCredentialsStoreIsToldInThePlan(t *testing.T) {
	p := newProject(t, "fleet-file")
	var devices strings.Builder
	devices.WriteString("name\n")
	for i := range 6000 {
		fmt.Fprintf(&devices, "device-%04d\n", i)
	}
	p.write("devices.csv", devices.String())
	fast := p.run("plan")
	if !strings.Contains(fast, "6000") || strings.Contains(fast, "Warning: The devices") {
		t.Errorf("Secrets Manager is fast enough for 6000 devices:\n%s", fast)
	}
	main, err := os.ReadFile(filepath.Join(p.dir, "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	p.write("main.tf", strings.Replace(string(main), "store = \"secretsmanager\", path = \"farm/devices\"", "", 1))
	slow := strings.Join(strings.Fields(p.run("plan")), " ") // the command line breaks lines
	for _, want := range []string{
		`The devices of pipeline "farm" take about 33m0s`, "ssm:PutParameter is held to 3 requests per second",
		`store = "secretsmanager"`, `timeouts = { create = "42m0s" }`,
	} {
		if !strings.Contains(slow, want) {
			t.Errorf("the plan does not say %q:\n%s", want, slow)
		}
	}
}

// write puts a file into the project.
func (p *project) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}
