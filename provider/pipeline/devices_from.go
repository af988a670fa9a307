package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/devicefile"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfdiag"
)

// A fleet that comes from a file is recorded in the IoT registry alone. A read lists the registry, compares it with the
// file and leaves the difference in the private state, where the plan finds it. Terraform plans a second time when it
// applies, and both plans must say the same: neither lists the registry again.

// fleetState is the computed attribute fleet.
type fleetState struct {
	Digest  *string      `json:"digest"` // nil: the registry holds something else than any file that was applied
	Devices int          `json:"devices"`
	Changes fleetChanges `json:"changes"`
}

// fleetChanges are the devices that an apply touches.
type fleetChanges struct {
	Added   deviceList `json:"added"`
	Changed deviceList `json:"changed"`
	Removed deviceList `json:"removed"`
}

func (c fleetChanges) none() bool { return c.Added.Count+c.Changed.Count+c.Removed.Count == 0 }

// deviceList counts devices and names the first of them.
type deviceList struct {
	Count int      `json:"count"`
	First []string `json:"first"`
}

// maxNamed is how many devices a plan names of each kind; the report names all.
const maxNamed = 20

func changesOf(plan fleet.Plan) fleetChanges {
	first := func(names []string) deviceList {
		return deviceList{len(names), append([]string{}, names[:min(len(names), maxNamed)]...)}
	}
	return fleetChanges{first(plan.Added), first(plan.Changed), first(plan.Removed)}
}

// pending is what stands in the private state: how the registry differs from the file with the digest.
type pending struct {
	Digest  string       `json:"digest"`
	Report  string       `json:"report"` // the file that names every device in Changes
	Changes fleetChanges `json:"changes"`
}

const pendingKey = "pending-devices"

// private is Terraform's private state of a resource.
type private interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// keepPending writes to the private state; nil says that nothing is known.
func keepPending(ctx context.Context, to private, p *pending) diag.Diagnostics {
	text, err := json.Marshal(p)
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Writing the state", err.Error())}
	}
	return to.SetKey(ctx, pendingKey, text)
}

// pendingIn reads the private state; nil when it knows nothing.
func pendingIn(ctx context.Context, from private) *pending {
	text, diags := from.GetKey(ctx, pendingKey)
	var p *pending
	if diags.HasError() || text == nil || json.Unmarshal(text, &p) != nil {
		return nil // written by another version: the plan lists the registry itself
	}
	return p
}

// fromFile says that the devices come from a file, whose name is known.
func (m *model) fromFile() bool {
	return m.spec.DevicesFrom != nil && !m.unknown.Covers("devices_from.file")
}

func (m *model) report() string {
	if m.spec.DevicesFrom == nil || m.spec.DevicesFrom.Report == nil {
		return ""
	}
	return *m.spec.DevicesFrom.Report
}

// recordedFleet is the attribute fleet as it stands, or nil.
func (m *model) recordedFleet() *fleetState {
	var f fleetState
	if ok, err := m.read("fleet", &f); !ok || err != nil {
		return nil
	}
	return &f
}

// readRoster reads the file of the devices. A read of the pipeline does without one that cannot be read: it may run
// elsewhere.
func readRoster(ctx context.Context, purpose purpose, m *model) (*devicefile.Roster, error) {
	if !m.fromFile() {
		return nil, nil
	}
	list, err := devicefile.Read(m.spec.DevicesFrom.File, pipeline.CheckDevices())
	if err != nil && purpose == reading {
		tflog.Warn(ctx, "the devices were not compared with their file", map[string]any{"reason": err.Error()})
		return nil, nil
	}
	return list, err
}

// compare says how the registry differs from the file, and writes the report when there is to be one.
func (s *session) compare(have map[string]spec.Device) (*pending, error) {
	want := s.wantedFleet()
	plan := fleet.Compare(spec.Fleet{Devices: have}, want)
	report := s.model.report()
	if report != "" {
		if err := writeReport(report, plan); err != nil {
			return nil, err
		}
	}
	return &pending{Digest: s.roster.Digest, Report: report, Changes: changesOf(plan)}, nil
}

// observeFile puts what was observed of the devices into the attribute fleet, and gives what a plan needs to know. A
// file that was edited since the last apply is no drift of the registry.
func (s *session) observeFile(ctx context.Context, records []assembly.Record) (*pending, error) {
	have, was := s.fleet.Observed(), s.model.recordedFleet()
	if !s.model.fromFile() || have == nil {
		return nil, nil
	}
	now := fleetState{Devices: len(have), Changes: changesOf(fleet.Plan{})}
	if was != nil {
		now.Digest, now.Changes = was.Digest, was.Changes
	}
	var left *pending
	if s.roster != nil {
		var err error
		if left, err = s.compare(have); err != nil {
			tflog.Warn(ctx, "the report was not written", map[string]any{"reason": err.Error()}) // a plan fails with it
		}
	}
	if left != nil && now.Digest == nil && left.Changes.none() {
		now.Digest = &left.Digest
	}
	if left == nil || now.Digest == nil || left.Digest != *now.Digest {
		undrift(records)
	}
	return left, s.model.set("fleet", now)
}

// undrift makes a fleet count as ready whose devices differ from a file that has not been applied.
func undrift(records []assembly.Record) {
	for i := range records {
		if records[i].Key == pipeline.KeyFleet &&
			strings.HasPrefix(string(records[i].Status), string(assembly.Drifted)) {
			records[i].Status = assembly.Ready
		}
	}
}

// predictFleet plans the attribute fleet and gives how many devices are added and removed.
func (p *planner) predictFleet(ctx context.Context, s *session) error {
	if p.planned.unknown.Covers("devices_from.file") {
		return nil
	}
	if !p.planned.fromFile() {
		p.planned.tree["fleet"] = nil
		return nil
	}
	left, err := p.pending(ctx, s)
	if err != nil {
		return err
	}
	p.added, p.removed = left.Changes.Added.Count, left.Changes.Removed.Count
	now := fleetState{Digest: &left.Digest, Devices: len(s.roster.Devices), Changes: left.Changes}
	if p.prior != nil && left.Changes.none() {
		if was := p.prior.recordedFleet(); was != nil {
			now.Changes = was.Changes // of the last apply that had any
		}
	}
	return p.planned.set("fleet", now)
}

// pending is how the registry differs from the file: as the refresh has found, when it was for this file, else by a
// look at the registry now. A pipeline that does not exist yet has no devices.
func (p *planner) pending(ctx context.Context, s *session) (*pending, error) {
	if p.prior == nil {
		return s.compare(nil)
	}
	if p.looked != nil {
		return s.compare(p.looked)
	}
	if left := pendingIn(ctx, p.private); left != nil && left.Digest == s.roster.Digest &&
		left.Report == p.planned.report() {
		return left, nil
	}
	have, err := p.observe(ctx, s)
	if err != nil {
		return nil, err
	}
	return s.compare(have)
}

// observe looks at the devices of a pipeline that exists.
func (p *planner) observe(ctx context.Context, s *session) (map[string]spec.Device, error) {
	ref := assembly.Ref{Name: s.model.spec.Name, Owner: s.env.Owner}
	records, err := p.prior.records()
	if err != nil {
		return nil, err
	}
	if rec, ok := byKey(records)[pipeline.KeyFleet]; ok {
		ref = rec.Ref(s.env.Owner)
	}
	if _, err := s.fleet.Observe(ctx, ref); err != nil {
		return nil, err
	}
	return s.fleet.Observed(), nil
}

// holdFile refuses an apply of another file than the planned one. Terraform itself finds most such changes, because it
// plans again just before.
func holdFile(m *model, digest string) error {
	planned := m.recordedFleet()
	if planned == nil || planned.Digest == nil || *planned.Digest != digest {
		return fmt.Errorf(
			"the devices in %q are not those of the plan any more: the file, or one that it names, has changed since; plan again",
			m.spec.DevicesFrom.File,
		)
	}
	return nil
}

// done is what the private state holds after an apply: after a failed one, nothing is known.
func (s *session) done(failed error) *pending {
	if failed != nil || s.roster == nil {
		return nil
	}
	return &pending{Digest: s.roster.Digest, Report: s.model.report(), Changes: changesOf(fleet.Plan{})}
}

// sameFleet says that a plan leaves the attribute fleet as it is.
func sameFleet(prior, planned *model) bool {
	return reflect.DeepEqual(prior.tree["fleet"], planned.tree["fleet"])
}

// maxFaults bounds the faults of a file that a plan shows.
const maxFaults = 500

// reportFaults adds what is wrong with a file of devices, all in one diagnostic. It reports whether err is about that.
func reportFaults(diags *diag.Diagnostics, err error) bool {
	var faulty *devicefile.FaultsError
	if !errors.As(err, &faulty) {
		return false
	}
	var text strings.Builder
	for _, fault := range faulty.Faults[:min(len(faulty.Faults), maxFaults)] {
		if fault.Line > 0 {
			fmt.Fprintf(&text, "line %d: ", fault.Line)
		}
		text.WriteString(fault.Message + "\n")
	}
	if more := len(faulty.Faults) - maxFaults; more > 0 {
		fmt.Fprintf(&text, "and %d more\n", more)
	}
	summary := fmt.Sprintf("%d faults in the devices of %q", len(faulty.Faults), faulty.File)
	if len(faulty.Faults) == 1 {
		summary = fmt.Sprintf("A fault in the devices of %q", faulty.File)
	}
	diags.AddAttributeError(path.Root("devices_from"), summary, text.String()+"\nNothing was changed.")
	return true
}

// failedFile adds why an operation did not begin.
func failedFile(diags *diag.Diagnostics, summary string, err error, next string) {
	if !reportFaults(diags, err) {
		diags.AddError(summary, tfdiag.Detail(err, next))
	}
}
