// Package pipeline is the resource iot_pipeline: its schema, and how Terraform's operations become runs of the assembly
// engine. internal/pipeline decides what a pipeline consists of; a driver knows how to make one kind of object.
package pipeline

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/droppedkeys"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/provider/connection"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfdiag"
)

type resourceType struct {
	connection    *connection.Connection
	configuration *droppedkeys.Configuration
}

var (
	_ resource.ResourceWithConfigure      = (*resourceType)(nil)
	_ resource.ResourceWithValidateConfig = (*resourceType)(nil)
	_ resource.ResourceWithModifyPlan     = (*resourceType)(nil)
	_ resource.ResourceWithImportState    = (*resourceType)(nil)
	_ resource.ResourceWithIdentity       = (*resourceType)(nil)
)

// New returns the resource. configuration is where its blocks are written.
func New(configuration *droppedkeys.Configuration) resource.Resource {
	return &resourceType{configuration: configuration}
}

func (r *resourceType) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_pipeline"
}

func (r *resourceType) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = definition()
}

func (r *resourceType) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	r.connection, _ = req.ProviderData.(*connection.Connection)
}

// Create makes the pipeline. Whatever the outcome, the state holds everything that exists, and nothing unknown.
func (r *resourceType) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	m, err := newModel(req.Plan.Raw)
	if err != nil {
		resp.Diagnostics.AddError("Reading the plan", err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(ctx, m.limit("create", defaultTimeout))
	defer cancel()
	identityOf(m, r.connection).write(resp.Identity, &resp.Diagnostics)
	m.setIdentity(uuid.NewString(), nil)
	if err := m.takeSecrets(req.Config.Raw); err != nil {
		resp.Diagnostics.AddError("Reading the configuration", err.Error())
		return
	}
	s, err := newSession(ctx, r.connection, m, options{purpose: applying})
	if err != nil {
		failedFile(&resp.Diagnostics, fmt.Sprintf("Creating pipeline %q failed", m.spec.Name), err,
			"Nothing was created.")
		return
	}
	records, failed := s.engine.Apply(ctx, s.parts, nil, everything)
	resp.Diagnostics.Append(keepPending(ctx, resp.Private, s.done(failed))...)
	resp.Diagnostics.Append(s.keepAdopted(ctx, resp.Private)...)
	records = markCreation(records, failed != nil)
	// An object whose creation was not answered is not recorded. With a state, even an empty one, the next read finds
	// it.
	if len(records) > 0 || failed == nil || wrote(failed) && !takenParts(failed)[pipeline.KeyManifest] {
		s.save(&resp.State, &resp.Diagnostics, records)
	}
	if failed != nil {
		tfdiag.Failure(&resp.Diagnostics, failed,
			tfdiag.Run{Doing: "Creating", Name: m.spec.Name, Done: records, Next: afterCreate(m, failed, records)})
	}
}

func everything(string) bool { return true }

// Update reconciles the parts that the new description changes, and those that are not ready.
func (r *resourceType) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	planned, err := newModel(req.Plan.Raw)
	if err != nil {
		resp.Diagnostics.AddError("Reading the plan", err.Error())
		return
	}
	prior, err := newModel(req.State.Raw)
	if err != nil {
		resp.Diagnostics.AddError("Reading the state", err.Error())
		return
	}
	identityOf(prior, r.connection).write(resp.Identity, &resp.Diagnostics)
	ctx, cancel := context.WithTimeout(ctx, planned.limit("update", defaultTimeout))
	defer cancel()
	planned.missed = missedIn(ctx, req.Private)
	if err := planned.takeSecrets(req.Config.Raw); err != nil {
		resp.Diagnostics.AddError("Reading the configuration", err.Error())
		return
	}
	s, records, changed, err := r.openUpdate(ctx, prior, planned, req.Private)
	if err != nil {
		failedFile(&resp.Diagnostics, fmt.Sprintf("Updating pipeline %q failed", planned.spec.Name), err,
			"Nothing was changed.")
		return
	}
	done, failed := s.engine.Apply(ctx, s.parts, records, func(key string) bool { return changed[key] })
	resp.Diagnostics.Append(keepPending(ctx, resp.Private, s.done(failed))...)
	resp.Diagnostics.Append(s.keepAdopted(ctx, resp.Private)...)
	if failed == nil {
		resp.Diagnostics.Append(keepMissed(ctx, resp.Private, nil)...)
	}
	if failed == nil || wrote(failed) { // else the recorded state still holds
		now := markCreation(unfinished(done, failed), false)
		s.save(&resp.State, &resp.Diagnostics, now)
		resp.Diagnostics.Append(keepDrain(ctx, resp.Private, planned.spec, now,
			pipeline.Queued(prior.spec) != pipeline.Queued(planned.spec))...)
	}
	if failed != nil {
		tfdiag.Failure(&resp.Diagnostics, failed,
			tfdiag.Run{Doing: "Updating", Name: planned.spec.Name, Done: done, Next: afterUpdate(failed)})
	}
}

// openUpdate prepares an update and returns the keys of the parts that the new description changes.
func (r *resourceType) openUpdate(
	ctx context.Context,
	prior, planned *model,
	from private,
) (*session, []assembly.Record, map[string]bool, error) {
	records, err := prior.records()
	if err != nil {
		return nil, nil, nil, err
	}
	planned.setIdentity(prior.text("id"), prior.tree["identities"])
	s, err := newSession(ctx, r.connection, planned, options{purpose: applying, prior: prior})
	if err != nil {
		return nil, nil, nil, err
	}
	d, err := drainingOf(ctx, prior, planned, from)
	if err == nil {
		err = checkSwitch(ctx, s, d)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	changed := changes(ctx, r.connection, prior, s, records)
	if planned.missed {
		changed[pipeline.KeyFleet] = true
	}
	return s, records, changed, nil
}

// Delete removes every recorded part, and what belongs to it.
func (r *resourceType) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	m, err := newModel(req.State.Raw)
	if err != nil {
		resp.Diagnostics.AddError("Reading the state", err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(ctx, m.limit("delete", deleteTimeout))
	defer cancel()
	records, err := m.records()
	if err != nil {
		resp.Diagnostics.AddError("Reading the state", err.Error())
		return
	}
	s, err := newSession(ctx, r.connection, m,
		options{purpose: deleting, keepAdopted: creationFailed(records)})
	if err != nil {
		resp.Diagnostics.AddError(tfdiag.Summary(fmt.Sprintf("Deleting pipeline %q failed", m.spec.Name), err),
			tfdiag.Detail(err, "Nothing was deleted."))
		return
	}
	if err := s.guard(ctx, records); err != nil {
		resp.Diagnostics.AddError(refused(m.spec.Name, err))
		return
	}
	left, failed := s.engine.Destroy(ctx, records)
	if failed == nil {
		return
	}
	s.saveLeft(&resp.State, &resp.Diagnostics, left)
	tfdiag.Failure(&resp.Diagnostics, failed, tfdiag.Run{Doing: "Deleting", Name: m.spec.Name, Done: left,
		Next: "The state holds what is left. Fix the cause, then run terraform destroy again to continue from here."})
}
