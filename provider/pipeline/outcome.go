package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfdiag"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfvalue"
)

// save writes the outcome of a run: everything known, nothing unknown.
func (s *session) save(state *tfsdk.State, diags *diag.Diagnostics, records []assembly.Record) {
	err := s.complete(records)
	if err == nil {
		state.Raw, err = s.model.value(state.Schema.Type().TerraformType(context.Background()))
	}
	addError(diags, "Writing the state", err)
}

// complete adds to the model what the provider computes.
func (s *session) complete(records []assembly.Record) error {
	m := s.model
	outputs, err := tfvalue.Object(pipeline.OutputsOf(m.spec, s.env, records))
	if err != nil {
		return err
	}
	maps.Copy(m.tree, outputs)
	err = errors.Join(m.set("tags_all", s.env.Tags), m.set("identities", s.identities()), m.setRecords(records))
	if err == nil && !m.knowsRegistered() {
		err = m.setRegistered(s.fleet.Registered())
	}
	return err
}

// identities are the devices' identities now. A device that will get a new bundle has none here, because a plan must
// not promise a bundle that the apply replaces.
func (s *session) identities() map[string]identityState {
	if s.model.fromFile() {
		return map[string]identityState{}
	}
	known := s.fleet.Identities()
	identities := make(map[string]identityState, len(known))
	for name, identity := range known {
		identities[name] = newIdentityState(name, identity)
	}
	for _, name := range s.undone {
		if identity, ok := identities[name]; ok {
			identity.Credentials = new(string)
			identities[name] = identity
		}
	}
	return identities
}

// saveLeft writes what a delete has left.
func (s *session) saveLeft(state *tfsdk.State, diags *diag.Diagnostics, left []assembly.Record) {
	m := s.model
	err := errors.Join(m.set("identities", s.identities()), m.setRecords(left))
	if err == nil {
		state.Raw, err = m.value(state.Raw.Type())
	}
	addError(diags, "Writing the state", err)
}

// unfinished marks the parts that a run did not finish, so that the next plan shows them even if the configuration does
// not change.
func unfinished(records []assembly.Record, failed error) []assembly.Record {
	var failure *assembly.Failure
	if !errors.As(failed, &failure) {
		return records
	}
	open := map[string]bool{}
	for _, p := range failure.Problems {
		open[p.Key] = true
	}
	for _, skip := range failure.Skipped {
		open[skip.Key] = true
	}
	for i := range records {
		if open[records[i].Key] && records[i].Status == assembly.Ready {
			records[i].Status = assembly.Incomplete
		}
	}
	return records
}

// wrote says whether a failed run may have changed anything.
func wrote(failed error) bool {
	var failure *assembly.Failure
	return !errors.As(failed, &failure) || failure.Wrote
}

// afterCreate says how to go on after a create that failed.
func afterCreate(m *model, failed error, records []assembly.Record) string {
	switch taken := takenParts(failed); {
	case taken[pipeline.KeyManifest]:
		return fmt.Sprintf(
			"A pipeline of this name already exists. If it is yours and its state was lost, import it:\n\n"+
				"  terraform import 'iot_pipeline.<LABEL>' '%s@%s'\n\nOtherwise choose another name.",
			m.spec.Name,
			m.region(),
		)
	case len(taken) > 0:
		return takenNext
	}
	if len(records) == 0 {
		return "Fix the cause, then run terraform apply again."
	}
	return "Terraform has marked the pipeline as tainted and would replace it. To continue from here instead, fix " +
		"the cause and run\n\n" +
		"  terraform untaint 'iot_pipeline.<LABEL>'\n  terraform apply\n\nwith the resource's address in place of " +
		"iot_pipeline.<LABEL>."
}

// afterUpdate says how to go on after an update that failed.
func afterUpdate(failed error) string {
	if len(takenParts(failed)) > 0 {
		return takenNext
	}
	return "The state holds what is done. Fix the cause, then run terraform apply again to continue from here."
}

const (
	takenNext = "Remove the object that has the name, or choose another name for the pipeline or the device. Then " +
		"run terraform apply again."
	dataNext = "Nothing was deleted. To delete the data as well, set force_destroy = true, run terraform apply, and " +
		"then destroy again. To keep it, copy it elsewhere and empty the archive first, or remove the pipeline from " +
		"the state with terraform state rm."
	registeredNext = "Nothing was deleted. To delete these devices and their certificates as well, set " +
		"force_destroy = true, run terraform apply, and then destroy again. To keep them, remove the pipeline from " +
		"the state with terraform state rm."
)

// takenParts are the parts whose names are taken by objects of another owner.
func takenParts(failed error) map[string]bool {
	taken := map[string]bool{}
	var failure *assembly.Failure
	if errors.As(failed, &failure) {
		for _, p := range failure.Problems {
			var foreign *assembly.ForeignError
			taken[p.Key] = errors.As(p.Err, &foreign)
		}
	}
	maps.DeleteFunc(taken, func(_ string, is bool) bool { return !is })
	return taken
}

// refused describes why a delete does not start.
func refused(name string, err error) (summary, detail string) {
	var unreleased *fleet.ReleaseError
	if errors.As(err, &unreleased) {
		return fmt.Sprintf("Pipeline %q cannot release devices and was not deleted", name),
			tfdiag.Detail(err, releaseNext)
	}
	var registered *registeredError
	if errors.As(err, &registered) {
		return fmt.Sprintf("Pipeline %q has devices that registered themselves and was not deleted", name),
			tfdiag.Detail(err, registeredNext)
	}
	var data *dataError
	if errors.As(err, &data) {
		return fmt.Sprintf("Pipeline %q holds data and was not deleted", name), tfdiag.Detail(err, dataNext)
	}
	return tfdiag.Summary(fmt.Sprintf("Deleting pipeline %q failed", name), err),
		tfdiag.Detail(err, "It is not known whether the pipeline holds data. Nothing was deleted.")
}

// dataError is data that a delete would lose.
type dataError struct{ kind, name, data string }

func (e *dataError) Error() string {
	return fmt.Sprintf("%s %q %s", strings.ReplaceAll(e.kind, "_", " "), e.name, e.data)
}

// guard refuses a delete that would lose data or devices.
func (s *session) guard(ctx context.Context, records []assembly.Record) error {
	if err := s.guardReleases(ctx); err != nil {
		return err
	}
	if force := s.model.spec.ForceDestroy; force != nil && *force {
		return nil
	}
	for _, r := range records {
		if r.Status == assembly.Missing || r.Status == assembly.Foreign {
			continue
		}
		data, err := s.engine.Drivers[r.Kind].Data(ctx, r.Ref(s.env.Owner))
		if err != nil {
			return err
		}
		if data != "" {
			return &dataError{r.Kind, r.Name, data}
		}
	}
	return s.guardRegistered(ctx, records)
}
