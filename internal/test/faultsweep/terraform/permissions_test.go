package terraform

import (
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/permissions"
)

// Every request of a whole life is one that the policy in the guide allows. What the policy holds beyond that is
// compared with the sources in internal/permissions.
func TestRequestsArePermitted(t *testing.T) {
	w := newAWS(t)
	d := newWorkdir(t, w)
	from := len(w.Server.Requests(t)) // newWorld looks around in the account
	for _, s := range stages {
		s.prepare(d)
		d.must(s.name, s.run(d))
		if s.name == "create" {
			d.must("forgetting the state", d.terraform("state", "rm", "iot_pipeline.test"))
			d.must("import", d.terraform("import", "iot_pipeline.test", "sweep"))
			d.unchanged("after the import")
		}
	}
	allowed := map[string]bool{"sts:GetCallerIdentity": true} // needs no permission
	for _, s := range permissions.Policy(permissions.Place{}) {
		for _, action := range s.Action {
			allowed[action] = true
		}
	}
	used := map[string]bool{}
	for _, r := range w.Server.Requests(t)[from:] {
		action := permissions.Action(strings.TrimPrefix(r.Service, "aws"), r.Operation) // moto calls Lambda awslambda
		if !allowed[action] {
			t.Errorf("%s %s (%s) is not in the policy", r.Service, r.Operation, action)
		}
		used[action] = true
	}
	t.Logf("%d actions used, %d in the policy", len(used), len(allowed)-1)
	w.RequireEmpty(t, "after destroy")
}
