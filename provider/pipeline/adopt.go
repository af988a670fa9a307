package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/provider/connection"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfdiag"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfvalue"
)

// Adopted devices have certificates whose keys only the devices hold, and that no apply can make again. A removal
// releases them, unless force_destroy says that it may delete them. A pipeline whose creation has failed is tainted:
// the next apply destroys it, which nobody has asked for. That destroy releases them in any case.

// adoptedKey is the key in the private state of what is known of the adopted devices.
const adoptedKey = "adopted-devices"

// adoptedState counts the adopted devices and names the first of them.
type adoptedState struct {
	Count int      `json:"count"`
	Names []string `json:"names"`
}

// keepAdopted stores which devices are adopted, if this session has read the registry.
func (s *session) keepAdopted(ctx context.Context, to private) diag.Diagnostics {
	names, known := s.fleet.Adopted()
	if !known {
		return nil
	}
	text, err := json.Marshal(adoptedState{len(names), names[:min(len(names), pipeline.MaxDevices)]})
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Writing the state", err.Error())}
	}
	return to.SetKey(ctx, adoptedKey, text)
}

func adoptedIn(ctx context.Context, from private) (a adoptedState) {
	text, diags := from.GetKey(ctx, adoptedKey)
	if diags.HasError() || text == nil || json.Unmarshal(text, &a) != nil {
		return adoptedState{}
	}
	return a
}

// outputCreation is the output of the fleet that says that the creation of the pipeline has failed. Terraform does not
// pass the private state to the delete of a tainted resource (measured with 1.11.4).
const outputCreation = "creation"

// markCreation notes in the record of the fleet whether the creation of the pipeline has failed.
func markCreation(records []assembly.Record, failed bool) []assembly.Record {
	for i, r := range records {
		if r.Key != pipeline.KeyFleet || failed == creationFailed(records) {
			continue
		}
		outputs := map[string]string{}
		maps.Copy(outputs, r.Outputs)
		if delete(outputs, outputCreation); failed {
			outputs[outputCreation] = "failed"
		}
		records[i].Outputs = outputs
	}
	return records
}

// creationFailed reports whether nothing has been applied to the pipeline since its creation failed.
func creationFailed(records []assembly.Record) bool {
	return slices.ContainsFunc(records, func(r assembly.Record) bool {
		return r.Key == pipeline.KeyFleet && r.Outputs[outputCreation] != ""
	})
}

func (m *model) forceDestroy() bool {
	return m.spec.ForceDestroy != nil && *m.spec.ForceDestroy
}

// warnAdopted warns of what a removal does to adopted devices; names are the first of n.
func warnAdopted(diags *diag.Diagnostics, doing string, force bool, n int, names []string) {
	if n == 0 {
		return
	}
	listed := strings.Join(names[:min(len(names), maxNamed)], ", ")
	if more := n - min(len(names), maxNamed); more > 0 {
		listed += fmt.Sprintf(" and %d more", more)
	}
	if force {
		diags.AddAttributeWarning(path.Root("devices"), fmt.Sprintf("%s deletes %d adopted devices", doing, n),
			fmt.Sprintf("Only the devices have the keys of their certificates, and nothing can make these again: %s. "+
				"To release their things and certificates in place of deleting them, set force_destroy = false and "+
				"run terraform apply first.", listed))
		return
	}
	diags.AddAttributeWarning(path.Root("devices"), fmt.Sprintf("%s releases %d adopted devices", doing, n),
		fmt.Sprintf("Their things and certificates stay as they are, and belong to no pipeline: %s. They lose what "+
			"the pipeline's policy allows, and keep what other policies on their certificates allow. To delete them, "+
			"set force_destroy = true and run terraform apply first.", listed))
}

// checkRemoved warns when devices are removed that were adopted, and refuses a removal that cannot release them.
func (p *planner) checkRemoved(ctx context.Context, s *session) error {
	if p.prior == nil || p.planned.unknown.Covers("devices") || touches(p.planned.unknown, "devices_from") {
		return nil
	}
	names := slices.DeleteFunc(adoptedIn(ctx, p.private).Names, func(name string) bool { return p.describes(s, name) })
	warnAdopted(&p.warnings, "The apply", p.planned.forceDestroy(), len(names), names)
	if p.planned.forceDestroy() {
		return nil
	}
	return s.fleet.CheckRelease(ctx, s.env.Owner, p.prior.mayHaveMany(names))
}

// describes reports whether the configuration has a device.
func (p *planner) describes(s *session, name string) bool {
	if s.roster != nil {
		_, is := s.roster.Devices[name]
		return is
	}
	devices, _ := p.planned.tree["devices"].(map[string]any)
	_, is := devices[name]
	return is
}

// checkEnd warns when a pipeline with adopted devices ends, and refuses that if it cannot release them.
func (p *planner) checkEnd(ctx context.Context, doing string, prior *model, diags *diag.Diagnostics) bool {
	adopted := adoptedIn(ctx, p.private)
	warnAdopted(diags, doing, prior.forceDestroy(), adopted.Count, adopted.Names)
	if err := checkReleases(ctx, p.connection, prior, adopted.Names); err != nil {
		p.report(diags, err)
		return false
	}
	if !prior.forceDestroy() && p.planned.tree["region"] == prior.tree["region"] {
		p.released = adopted.Names
	}
	return true
}

// checkReleases refuses the end of a pipeline that cannot release its adopted devices.
func checkReleases(ctx context.Context, conn *connection.Connection, m *model, names []string) error {
	if names = m.mayHaveMany(names); len(names) == 0 || m.forceDestroy() || conn == nil || conn.Clients == nil {
		return nil
	}
	s, err := newSession(ctx, conn, m, options{purpose: deleting})
	if err != nil {
		return err
	}
	return s.fleet.CheckRelease(ctx, s.env.Owner, names)
}

// mayHaveMany are those devices that may have more attributes than a release allows: a state has no devices of a file.
func (m *model) mayHaveMany(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return m.spec.DevicesFrom == nil && len(m.spec.Devices[name].Attributes) <= fleet.MaxReleased
	})
}

// guardReleases refuses a delete that cannot release adopted devices. Those of the map have no version in the state.
func (s *session) guardReleases(ctx context.Context) error {
	if !s.keepsAdopted {
		return nil
	}
	var names []string
	for name, d := range s.model.spec.Devices {
		if d.CSRPEM == nil && d.CertificatePEM == nil && contract.GatewayOf(name) == "" &&
			member(member(s.model.tree["identities"], name), "certificate_version") == nil {
			names = append(names, name)
		}
	}
	return s.fleet.CheckRelease(ctx, s.env.Owner, s.model.mayHaveMany(names))
}

// releaseNext says what to do about adopted devices that cannot be released.
const releaseNext = "Nothing was changed. Remove attributes of these devices until 3 are left, or create their " +
	"earlier thing type again, and run terraform apply; then remove the devices. To delete their things and " +
	"certificates in place of releasing them, set force_destroy = true and run terraform apply first. If Terraform " +
	"wants to replace a pipeline because its creation has failed, run terraform untaint."

// reportRelease adds a *fleet.ReleaseError. It reports whether err is one.
func reportRelease(diags *diag.Diagnostics, name string, err error) bool {
	var refused *fleet.ReleaseError
	if !errors.As(err, &refused) {
		return false
	}
	diags.AddAttributeError(path.Root("devices"), fmt.Sprintf("Pipeline %q cannot release devices", name),
		tfdiag.Detail(err, releaseNext))
	return true
}

// checkReplaced refuses a replacement that would end half-way: it releases adopted devices, and the new pipeline does
// not take things by name.
func (p *planner) checkReplaced(s *session) error {
	var lost []string
	for _, name := range p.released {
		if p.describes(s, name) && p.config.spec.Devices[name].Adopt == nil && !touchesAdopt(p, name) {
			lost = append(lost, name)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	return &pipeline.ProblemError{Problem: pipeline.Problem{Path: "devices",
		Summary: "The replacement of the pipeline would lose adopted devices",
		Detail: fmt.Sprintf("It releases %s, and the new pipeline adopts nothing by name alone. Nothing was changed. "+
			"Write adopt for each of them in devices, with its thing and certificates, or leave name as it is.",
			firstOf(len(lost), lost))}}
}

// checkAdoption looks at the things and certificates that devices adopt, so that a plan finds what an apply would
// refuse. Devices that the pipeline has already are its own.
func (p *planner) checkAdoption(ctx context.Context, s *session) error {
	if p.config.unknown.Covers("devices") {
		return nil
	}
	for _, name := range adoptedIn(ctx, p.private).Names {
		if d := p.planned.spec.Devices[name]; d.CertificateVersion != nil && d.CSRPEM == nil &&
			d.CertificatePEM == nil && p.prior != nil {
			return &pipeline.ProblemError{Problem: pipeline.AdoptedVersion(name)}
		}
	}
	adoptees, err := pipeline.Adoptees(p.config.spec, s.env, func(name string) bool {
		return member(p.priorTree("devices"), name) == nil && !touchesAdopt(p, name)
	})
	if err != nil || len(adoptees) == 0 {
		return err
	}
	if err := s.fleet.CheckAdoption(ctx, adoptees); err != nil {
		return err
	}
	if names := s.fleet.Unreleasable(adoptees); len(names) > 0 && !p.planned.forceDestroy() {
		p.warnings.AddAttributeWarning(path.Root("devices"),
			fmt.Sprintf("%d adopted devices cannot be released as they are described", len(names)),
			fmt.Sprintf("Their things have no thing type, and without one AWS IoT allows %d attributes: %s. Before "+
				"you remove such a device or the pipeline, remove attributes until %[1]d are left and run terraform "+
				"apply, or set force_destroy = true, which deletes things and certificates.", fleet.MaxReleased,
				firstOf(len(names), names)))
	}
	return nil
}

// touchesAdopt reports whether anything of what a device adopts is unknown.
func touchesAdopt(p *planner, name string) bool {
	for _, at := range p.config.unknown {
		steps := tfvalue.Steps(at)
		if steps[0] == "devices" && (len(steps) < 2 || steps[1] == name && (len(steps) < 3 || steps[2] == "adopt")) {
			return true
		}
	}
	return false
}

// reportAdoption adds an *AdoptionError of a plan. It reports whether err is one.
func reportAdoption(diags *diag.Diagnostics, name string, err error) bool {
	var refused *fleet.AdoptionError
	if !errors.As(err, &refused) {
		return false
	}
	diags.AddAttributeError(path.Root("devices"), fmt.Sprintf("Pipeline %q cannot adopt devices", name),
		tfdiag.Detail(err, "Nothing was changed. Correct what adopt names, or the objects, then plan again."))
	return true
}
