package examples_test

import (
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
