package examples_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// The file of a fleet is part of the plan: another one stops the apply before anything is made.
func TestFleetFileThatChangesAfterThePlan(t *testing.T) {
	p := newProject(t, mototest.Region, "fleet-file")
	p.Run("plan", "-out=plan.bin")
	report, err := os.ReadFile(filepath.Join(p.Path, "planned-devices.csv"))
	if err != nil || string(report) != "change,name\nadded,air-001\nadded,air-002\nadded,soil-001\nadded,soil-002\n" {
		t.Errorf("the report is %q, %v", report, err)
	}
	sent := len(p.aws.Server.Requests(t))

	file, err := os.OpenFile(filepath.Join(p.Path, "devices.csv"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("air-003,true,2,TH-9\n"); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if out := p.Try("apply", "plan.bin"); out.Code == 0 || !out.Says("inconsistent final plan") ||
		!out.Says(".fleet.digest") {
		t.Errorf("the apply should stop at the digest:\n%s", out.Output)
	}
	for _, r := range p.aws.Server.Requests(t)[sent:] {
		if strings.HasPrefix(r.Operation, "Create") || strings.HasPrefix(r.Operation, "Put") {
			t.Errorf("%s was called", r.Operation)
		}
	}
	if state := p.Run("state", "list"); state != "" {
		t.Errorf("the state holds %s", state)
	}
}

// A plan says when the credentials store is what an apply will wait for, and names a faster one.
func TestSlowCredentialsStoreIsToldInThePlan(t *testing.T) {
	p := newProject(t, mototest.Region, "fleet-file")
	var devices strings.Builder
	devices.WriteString("name\n")
	for i := range 6000 {
		fmt.Fprintf(&devices, "device-%04d\n", i)
	}
	p.Write("devices.csv", devices.String())
	fast := p.Run("plan")
	if !strings.Contains(fast, "6000") || strings.Contains(fast, "Warning: The devices") {
		t.Errorf("S3 is fast enough for 6000 devices:\n%s", fast)
	}
	main, err := os.ReadFile(filepath.Join(p.Path, "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	p.Write("main.tf", strings.Replace(string(main), "store = \"s3\"", "store = \"ssm\"", 1))
	slow := strings.Join(strings.Fields(p.Run("plan")), " ") // the command line breaks lines
	for _, want := range []string{
		`The devices of pipeline "farm" take about 33m0s`, "ssm:PutParameter is limited to 3 requests per second",
		`store = "s3"`, `timeouts = { create = "42m0s" }`,
	} {
		if !strings.Contains(slow, want) {
			t.Errorf("the plan does not say %q:\n%s", want, slow)
		}
	}
}
