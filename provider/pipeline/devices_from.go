package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
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

// The IoT registry is the only record of a fleet that comes from a file. A read lists the registry, compares it with
// the file, and stores the difference in the private state for the plan. Terraform plans a second time when it applies,
// and both plans must agree: neither lists the registry again.

// fleetState is the computed attribute fleet.
type fleetState struct {
	Digest  *string      `json:"digest"` // nil: the registry differs from every file that was applied
	Devices int          `json:"devices"`
	Changes fleetChanges `json:"changes"`
}

// fleetChanges are the devices that an apply affects.
type fleetChanges struct {
	Added   deviceList `json:"added"`
	Changed deviceList `json:"changed"`
	Removed deviceList `json:"removed"`
	// Rotated is nil in a state from before there were versions.
	Rotated *deviceList `json:"rotated"`
}

func (c fleetChanges) none() bool { return c.Added.Count+c.Changed.Count+c.Removed.Count == 0 }

// deviceList counts devices and names the first of them.
type deviceList struct {
	Count int      `json:"count"`
	First []string `json:"first"`
}

// maxNamed is how many devices of each kind a plan names; the report names all of them.
const maxNamed = 20

func changesOf(plan fleet.Plan) fleetChanges {
	first := func(names []string) deviceList {
		return deviceList{len(names), append([]string{}, names[:min(len(names), maxNamed)]...)}
	}
	rotated := first(plan.Rotated)
	return fleetChanges{first(plan.Added), first(plan.Changed), first(plan.Removed), &rotated}
}

// pending is the entry in the private state: how the registry differs from the file with the digest.
type pending struct {
	Digest  string       `json:"digest"`
	Report  string       `json:"report"`  // the file that names every device in Changes
	Version int64        `json:"version"` // of the fleet's certificates
	Changes fleetChanges `json:"changes"`
	Load    fleet.Load   `json:"load"`
}

const pendingKey = "pending-devices"

// private is Terraform's private state of a resource.
type private interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// keepPending writes to the private state; nil means that nothing is known.
func keepPending(ctx context.Context, to private, p *pending) diag.Diagnostics {
	text, err := json.Marshal(p)
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Writing the state", err.Error())}
	}
	return to.SetKey(ctx, pendingKey, text)
}

// pendingIn reads the private state; nil means that nothing is known.
func pendingIn(ctx context.Context, from private) *pending {
	text, diags := from.GetKey(ctx, pendingKey)
	var p *pending
	if diags.HasError() || text == nil || json.Unmarshal(text, &p) != nil {
		return nil // written by another version: the plan lists the registry itself
	}
	return p
}

// fromFile reports whether the devices come from a file whose name is known.
func (m *model) fromFile() bool {
	return m.spec.DevicesFrom != nil && !m.unknown.Covers("devices_from.file")
}

func (m *model) report() string {
	if m.spec.DevicesFrom == nil || m.spec.DevicesFrom.Report == nil {
		return ""
	}
	return *m.spec.DevicesFrom.Report
}

// recordedFleet is the attribute fleet, or nil.
func (m *model) recordedFleet() *fleetState {
	var f fleetState
	if ok, err := m.read("fleet", &f); !ok || err != nil {
		return nil
	}
	return &f
}

// readRoster reads the device file. A refresh continues without a file that it cannot read, since it may run on another
// machine. An apply refuses a file that has changed since the plan.
func readRoster(ctx context.Context, purpose purpose, m *model) (*devicefile.Roster, error) {
	if !m.fromFile() {
		return nil, nil
	}
	list, err := devicefile.Read(m.spec.DevicesFrom.File, pipeline.CheckDevices())
	switch {
	case err != nil && purpose == reading:
		tflog.Warn(ctx, "the devices were not compared with their file", map[string]any{"reason": err.Error()})
		return nil, nil
	case err == nil && purpose == applying:
		return list, holdFile(m, list.Digest)
	}
	return list, err
}

// compare returns how the registry differs from the file, and writes the report if the configuration has one.
func (s *session) compare(have map[string]spec.Device) (*pending, error) {
	want := s.wantedFleet()
	plan := fleet.Compare(spec.Fleet{Devices: have}, want)
	report := s.model.report()
	if report != "" {
		if err := writeReport(report, plan); err != nil {
			return nil, err
		}
	}
	load := fleet.LoadOf(plan.Added, plan.Removed)
	load.Rotated = len(plan.Rotated)
	return &pending{Digest: s.roster.Digest, Report: report, Version: want.CertificateVersion,
		Changes: changesOf(plan), Load: load}, nil
}

// observeFile writes the observed devices to the attribute fleet, and returns what a plan needs. A file that was edited
// since the last apply is not drift of the registry.
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

// undrift marks a fleet, and what changes with it, as ready if its devices differ only from a file that has not been
// applied.
func undrift(records []assembly.Record) {
	for i := range records {
		follows := records[i].Key == pipeline.KeyFleet || slices.Contains(pipeline.FollowDevices, records[i].Key)
		if follows &&
			strings.HasPrefix(string(records[i].Status), string(assembly.Drifted)) {
			records[i].Status = assembly.Ready
		}
	}
}

// predictFleet plans the attribute fleet and counts the devices that are added and removed.
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
	p.load = left.Load
	if rotated := left.Changes.Rotated; rotated != nil {
		p.rotated = rotated.First
	}
	now := fleetState{Digest: &left.Digest, Devices: len(s.roster.Devices), Changes: left.Changes}
	if p.prior != nil && left.Changes.none() {
		if was := p.prior.recordedFleet(); was != nil {
			now.Changes = was.Changes // of the last apply that had any
		}
	}
	return p.planned.set("fleet", now)
}

// pending returns how the registry differs from the file: as the refresh found it, if that was for this file, else by
// reading the registry now. A pipeline that does not exist yet has no devices.
func (p *planner) pending(ctx context.Context, s *session) (*pending, error) {
	if p.prior == nil {
		return s.compare(nil)
	}
	if p.looked != nil {
		return s.compare(p.looked)
	}
	if left := pendingIn(ctx, p.private); left != nil && left.Digest == s.roster.Digest &&
		left.Report == p.planned.report() && left.Version == s.wantedFleet().CertificateVersion {
		return left, nil
	}
	have, err := p.observe(ctx, s)
	if err != nil {
		return nil, err
	}
	return s.compare(have)
}

// observe reads the devices of a pipeline that exists.
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

// holdFile refuses to apply another file than the planned one. Terraform itself finds most such changes, because it
// plans again just before.
func holdFile(m *model, digest string) error {
	planned := m.recordedFleet()
	if planned == nil || planned.Digest == nil || *planned.Digest != digest {
		return fmt.Errorf(
			"the devices in %q are no longer those of the plan: the file, or one that it names, has changed; plan "+
				"again",
			m.spec.DevicesFrom.File,
		)
	}
	return nil
}

// done returns the entry for the private state after an apply; after a failed one, nothing is known.
func (s *session) done(failed error) *pending {
	if failed != nil || s.roster == nil {
		return nil
	}
	return &pending{Digest: s.roster.Digest, Report: s.model.report(), Version: s.wantedFleet().CertificateVersion,
		Changes: changesOf(fleet.Plan{})}
}

// sameFleet reports whether a plan leaves the attribute fleet as it is.
func sameFleet(prior, planned *model) bool {
	return reflect.DeepEqual(prior.tree["fleet"], planned.tree["fleet"])
}

// warnExpiry warns of certificates in the file that expire; of those in the map, the validation does.
func (p *planner) warnExpiry(s *session) {
	if s.roster == nil {
		return
	}
	if problem := pipeline.ExpiringDevices(s.roster.Devices); problem != nil {
		p.warnings.AddAttributeWarning(path.Root(problem.Path), problem.Summary, problem.Detail)
	}
}

// maxFaults bounds the faults of a file that a plan shows.
const maxFaults = 500

// reportFaults adds what is wrong with the device file as one diagnostic. It reports whether err is about that.
func reportFaults(diags *diag.Diagnostics, err error) bool {
	var faulty *devicefile.FaultsError
	var closed *fs.PathError
	if errors.As(err, &closed) {
		diags.AddAttributeError(path.Root("devices_from"), fmt.Sprintf("The file %q cannot be read", closed.Path),
			tfdiag.Detail(err, "Nothing was changed. A path counts from the working directory; in a module, write "+
				"\"${path.module}/fleet.csv\". The file must be there when Terraform plans."))
		return true
	}
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
	summary := fmt.Sprintf("%d faults in the device file %q", len(faulty.Faults), faulty.File)
	if len(faulty.Faults) == 1 {
		summary = fmt.Sprintf("A fault in the device file %q", faulty.File)
	}
	diags.AddAttributeError(path.Root("devices_from"), summary, text.String()+"\nNothing was changed.")
	return true
}

// failedFile adds the reason why an operation did not start.
func failedFile(diags *diag.Diagnostics, summary string, err error, next string) {
	if !reportFaults(diags, err) {
		diags.AddError(tfdiag.Summary(summary, err), tfdiag.Detail(err, next))
	}
}
