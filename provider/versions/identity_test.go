package versions

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

const address = "iot_pipeline.test"

var whole = map[string]string{"name": "greenhouse", "region": mototest.Region, "account_id": mototest.AccountID}

const importByIdentity = `
import {
  to       = iot_pipeline.test
  identity = { name = "greenhouse" }
}
`

// A pipeline is imported by its identity, and its generated configuration gives an empty plan.
func TestImportByIdentity(t *testing.T) {
	for _, cli := range []tftest.CLI{tftest.Current, tftest.OpenTofu} {
		t.Run(cli.Name, func(t *testing.T) {
			_, env := account(t)
			p := tftest.On(t, cli, env...)
			p.Write("main.tf", providerBlock+greenhouse)
			p.Apply()

			other := tftest.On(t, cli, env...)
			other.Write("main.tf", providerBlock+importByIdentity)
			other.Run("plan", "-generate-config-out=generated.tf")
			requireSays(t, other.Try("apply", "-auto-approve"), "1 imported, 0 added, 0 changed, 0 destroyed")
			other.Unchanged()
			other.Destroy()
		})
	}
}

// A configuration is generated for an import by name as well, on whatever command line there is.
func TestGeneratedConfiguration(t *testing.T) {
	_, env := account(t)
	p := tftest.On(t, tftest.Found, env...)
	p.Write("main.tf", providerBlock+greenhouse)
	p.Apply()

	other := tftest.On(t, tftest.Found, env...)
	other.Write("main.tf", providerBlock+"import {\n  to = iot_pipeline.test\n  id = \"greenhouse\"\n}\n")
	other.Run("plan", "-generate-config-out=generated.tf")
	requireSays(t, other.Try("apply", "-auto-approve"), "1 imported, 0 added, 0 changed, 0 destroyed")
	other.Unchanged()
	other.Destroy()
}

// A state that a version without identity has written gets the identity at the next refresh, and so does an import by
// name. A pipeline that moves to another state takes it along.
func TestIdentityOfAnExistingState(t *testing.T) {
	_, env := account(t)
	old := tftest.On(t, tftest.Found, env...)
	old.Write("main.tf", providerBlock+greenhouse)
	old.Apply()

	p := tftest.On(t, tftest.Current, env...)
	p.Write("main.tf", providerBlock+greenhouse)
	move(t, old, p)
	p.Unchanged()
	p.Run("apply", "-refresh-only", "-auto-approve")
	if d := cmp.Diff(map[string]map[string]string{address: whole}, identities(t, p)); d != "" {
		t.Errorf("after a refresh: %s", d)
	}

	moved := tftest.On(t, tftest.Current, env...)
	moved.Write("main.tf", providerBlock+greenhouse)
	p.Run("state", "mv", "-state-out="+state(moved), address, address)
	moved.Unchanged()
	if d := cmp.Diff(map[string]map[string]string{address: whole}, identities(t, moved)); d != "" {
		t.Errorf("after a move: %s", d)
	}

	moved.Run("state", "rm", address)
	moved.Run("import", address, "greenhouse@"+mototest.Region)
	moved.Unchanged()
	if d := cmp.Diff(map[string]map[string]string{address: whole}, identities(t, moved)); d != "" {
		t.Errorf("after an import by name: %s", d)
	}

	// What the current version has written, the old one goes on with.
	move(t, moved, old)
	old.Unchanged()
	old.Destroy()
}

// A pipeline that somebody has deleted is planned again: the refresh reports an identity without a state.
func TestIdentityOfADeletedPipeline(t *testing.T) {
	server, env := account(t)
	p := tftest.On(t, tftest.Current, env...)
	p.Write("main.tf", providerBlock+greenhouse)
	p.Apply()
	server.Reset(t)
	requireSays(t, p.Try("plan"), "1 to add, 0 to change, 0 to destroy")
	p.Apply()
	p.Unchanged()
	p.Destroy()
}

// An identity of another account is refused before anything is read.
func TestIdentityOfAnotherAccount(t *testing.T) {
	_, env := account(t)
	p := tftest.On(t, tftest.Current, env...)
	p.Write("main.tf", providerBlock+`
import {
  to       = iot_pipeline.test
  identity = { name = "greenhouse", account_id = "210987654321" }
}
`+greenhouse)
	requireSays(t, p.Try("plan"), `Importing pipeline "greenhouse" failed`, "The identity names account 210987654321",
		"the provider's credentials belong to account "+mototest.AccountID)
	p.Write("main.tf", providerBlock+importByIdentity+greenhouse)
	requireSays(t, p.Try("plan"), `Pipeline "greenhouse" does not exist in account `+mototest.AccountID)
}
