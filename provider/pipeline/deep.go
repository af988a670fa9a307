package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// A deep check reads what the registry's lists do not show: whether each device's certificate is attached to it, and
// whether its credentials bundle exists. A refresh makes the check if the state says so; a plan makes it when the
// configuration says so for the first time. An apply makes it only if the previous check found something, so that it
// repairs what the plan has shown.

// maxDeep is the number of devices up to which a refresh is a deep check when deep_check does not say.
const maxDeep = 20

// deep says whether a refresh of so many devices is a deep check.
func (m *model) deep(devices int) bool {
	if d := m.spec.DeepCheck; d != nil {
		return *d
	}
	return devices <= maxDeep
}

// devices is how many devices the pipeline has.
func (m *model) devices() int {
	if f := m.recordedFleet(); f != nil {
		return f.Devices
	}
	return len(m.spec.Devices)
}

// deepCheck reports whether this session reads the devices with a deep check.
func (s *session) deepCheck(purpose purpose, devices int) bool {
	switch m := s.model; {
	case purpose == applying:
		return m.missed
	case m.imported() && !m.fromFile() && devices == 0:
		return false // the first read only finds out which devices exist
	case m.fromFile() && s.roster == nil:
		return m.deep(maxDeep + 1) // without the file their number is not known
	default:
		return m.deep(devices)
	}
}

// undone reports whether the next apply gives the device a certificate or a bundle.
func undone(f *spec.DeviceState) bool {
	return f != nil && (!f.Finished() || f.Interrupted || f.Issuing != "" ||
		slices.Contains(f.Lost, fleet.LostCredentials))
}

// missedOf returns the sorted names of the devices for which a deep check found something missing.
func missedOf(devices map[string]spec.Device) []string {
	var names []string
	for name, device := range devices {
		if device.Found != nil && len(device.Found.Lost) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

const missedKey = "deep-check-missed"

// keepMissed stores the number of devices with something missing in the private state, for the apply.
func keepMissed(ctx context.Context, to private, names []string) diag.Diagnostics {
	return to.SetKey(ctx, missedKey, fmt.Append(nil, len(names)))
}

// missedIn reports whether the deep check before an apply found anything missing.
func missedIn(ctx context.Context, from private) bool {
	text, diags := from.GetKey(ctx, missedKey)
	n := 0
	return !diags.HasError() && json.Unmarshal(text, &n) == nil && n > 0
}

// lookDeep makes the deep check that the refresh did not make, because deep_check is new in the configuration.
func (p *planner) lookDeep(ctx context.Context, s *session) error {
	d := p.planned.spec.DeepCheck
	devices := len(s.wantedFleet().Devices)
	if p.prior == nil || d == nil || !*d || p.prior.deep(p.prior.devices()) ||
		p.deepTakes(s, devices) > p.planned.limit("read", readTimeout) {
		return nil
	}
	var err error
	if p.looked, err = p.observe(ctx, s); err != nil {
		return err
	}
	p.warnMissed()
	return nil
}

// warnMissed names the devices that an apply repairs. After a refresh, the status of the fleet does that.
func (p *planner) warnMissed() {
	names := missedOf(p.looked)
	if len(names) == 0 {
		return
	}
	lines := make([]string, 0, maxNamed)
	for _, name := range names[:min(len(names), maxNamed)] {
		lines = append(lines, "- "+name+": "+missing(p.looked[name]))
	}
	if more := len(names) - maxNamed; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	summary := fmt.Sprintf("%d devices of pipeline %q will be repaired", len(names), p.planned.spec.Name)
	if len(names) == 1 {
		summary = fmt.Sprintf("A device of pipeline %q will be repaired", p.planned.spec.Name)
	}
	p.warnings.AddAttributeWarning(path.Root("deep_check"), summary,
		"The deep check found:\n"+strings.Join(lines, "\n"))
}

// missing describes what a device lacks and what the apply does about it.
func missing(device spec.Device) string {
	var texts []string
	if slices.Contains(device.Found.Lost, fleet.LostAttachment) {
		texts = append(texts, "its certificate is not attached to it")
	}
	if slices.Contains(device.Found.Lost, fleet.LostCredentials) {
		texts = append(texts,
			"its credentials are not in the store; if they held the only copy of its key, it gets a new key and "+
				"certificate")
	}
	return strings.Join(texts, ", and ")
}

func (p *planner) deepTakes(s *session, devices int) time.Duration {
	takes, _ := fleet.EstimateCheck(devices, s.wantedFleet().Store.Kind, s.clients.Rate)
	return takes
}

// warnDeep warns when the deep check of a refresh takes longer than the timeout of a read.
func (p *planner) warnDeep(s *session, diags *diag.Diagnostics) {
	want, limit := s.wantedFleet(), p.planned.limit("read", readTimeout)
	takes, slowest := fleet.EstimateCheck(len(want.Devices), want.Store.Kind, s.clients.Rate)
	if !p.planned.deep(len(want.Devices)) || p.planned.unknown.Covers("deep_check") || takes <= limit {
		return
	}
	without := ""
	if p.prior != nil && p.looked == nil {
		without = " This plan does not include the check."
	}
	diags.AddAttributeWarning(
		path.Root("deep_check"),
		fmt.Sprintf("The deep check of pipeline %q takes longer than a refresh may", p.planned.spec.Name),
		fmt.Sprintf(
			"A refresh checks each of %d devices, and %s is limited to %g requests per second, so it takes at least "+
				"%s; the timeout of the operation is %s.%s\n\nBefore you apply, set timeouts = { read = %q }, or "+
				"remove deep_check. If the account's quota is higher, set it in request_rates of the provider block.",
			len(want.Devices), slowest, s.clients.Rate(slowest), takes.Round(time.Second), limit, without,
			withRoom(takes),
		),
	)
}
