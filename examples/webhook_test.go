package examples_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// The token of the web service is in AWS, and nowhere in what Terraform keeps. A new one is applied with its version.
func TestWebhookToken(t *testing.T) {
	p := newProject(t, mototest.Region, "webhook")
	p.Env = append(p.Env, "TF_VAR_webhook_token=first-token-7391")
	p.Run("plan", "-out=plan.bin")
	kept := p.Run("show", "-json", "plan.bin") + p.Run("apply", "plan.bin") + readFile(t, filepath.Join(p.Path,
		"terraform.tfstate"))
	if strings.Contains(kept, "first-token-7391") {
		t.Error("the token is in the plan, the output or the state")
	}
	if got := p.aws.HTTPHeaders(t, "coop_doors")["authorization"]; got != "Bearer first-token-7391" {
		t.Errorf("AWS has the header %q", got)
	}
	p.Env = append(p.Env, "TF_VAR_webhook_token=second-token-4826")
	p.Unchanged()
	main := strings.Replace(readFile(t, "webhook/main.tf"), "value_wo_version = 1", "value_wo_version = 2", 1)
	p.Write("main.tf", main)
	p.Apply()
	if got := p.aws.HTTPHeaders(t, "coop_doors")["authorization"]; got != "Bearer second-token-4826" {
		t.Errorf("AWS has the header %q", got)
	}
	p.Destroy()
}
