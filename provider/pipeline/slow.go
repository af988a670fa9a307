package pipeline

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
)

// slowStore is how long storing credentials may take before a plan warns.
const slowStore = 5 * time.Minute

// countMap counts the devices of the map that the plan adds and removes.
func (p *planner) countMap() {
	var before map[string]any
	if p.prior != nil {
		before, _ = p.prior.tree["devices"].(map[string]any)
	}
	now, _ := p.planned.tree["devices"].(map[string]any)
	var added, removed []string
	for name := range now {
		if _, was := before[name]; !was {
			added = append(added, name)
		}
	}
	for name := range before {
		if _, is := now[name]; !is {
			removed = append(removed, name)
		}
	}
	p.load = fleet.LoadOf(added, removed)
	p.load.Rotated = len(p.rotated)
}

// warnSlow warns when the requests for new, removed and rotated devices take long because of the credentials store, or
// longer than the operation's timeout.
func (p *planner) warnSlow(s *session, diags *diag.Diagnostics) {
	store := s.wantedFleet().Store.Kind
	takes, slowest := fleet.Estimate(p.load, store, s.clients.Rate)
	operation, limit := p.timeLimit()
	late := takes > limit
	slow := takes >= slowStore && !strings.HasPrefix(slowest, "iot:")
	if !late && !slow {
		return
	}
	added, removed := p.load.All()
	detail := fmt.Sprintf(
		"%d devices are added, %d removed and %d rotated, and %s is limited to %g requests per second: they take at "+
			"least %s. An apply that is interrupted keeps what is done and continues from there.",
		added,
		removed,
		p.load.Rotated,
		slowest,
		s.clients.Rate(slowest),
		takes.Round(time.Second),
	)
	if slow && store == credstore.ParameterStore {
		other, _ := fleet.Estimate(p.load, credstore.Bucket, s.clients.Rate)
		detail += fmt.Sprintf(
			"\n\nWith credentials = { store = %q } they take %s. Or raise the account's Parameter Store throughput, "+
				"and set it in request_rates of the provider block.",
			credstore.Bucket, other.Round(time.Second),
		)
	}
	if late {
		detail += fmt.Sprintf("\n\nThe timeout of the operation is %s: set timeouts = { %s = %q }.", limit, operation,
			withRoom(takes))
	}
	at := path.Root("devices")
	if p.planned.spec.DevicesFrom != nil {
		at = path.Root("devices_from")
	}
	diags.AddAttributeWarning(at,
		fmt.Sprintf("The devices of pipeline %q take about %s", p.planned.spec.Name, takes.Round(time.Minute)), detail)
}

// withRoom returns a timeout for an operation that takes at least this long.
func withRoom(takes time.Duration) string {
	return ((takes + takes/4).Truncate(time.Minute) + time.Minute).String()
}

// timeLimit is the timeout of the operation that is planned.
func (p *planner) timeLimit() (string, time.Duration) {
	operation := "update"
	if p.prior == nil {
		operation = "create"
	}
	return operation, p.planned.limit(operation, defaultTimeout)
}
