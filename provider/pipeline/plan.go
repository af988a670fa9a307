package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/provider/connection"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfdiag"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfvalue"
)

// ModifyPlan predicts what an apply does: which parts it creates and repairs, and which stay as they are.
func (r *resourceType) ModifyPlan(
	ctx context.Context,
	req resource.ModifyPlanRequest,
	resp *resource.ModifyPlanResponse,
) {
	planned, err := newModel(req.Plan.Raw)
	if err != nil {
		addError(&resp.Diagnostics, "Reading the plan", err)
		return
	}
	prior, err := newModel(req.State.Raw)
	if err != nil {
		addError(&resp.Diagnostics, "Reading the state", err)
		return
	}
	if planned == nil { // a destroy
		if prior != nil {
			p := &planner{connection: r.connection, planned: prior, private: req.Private}
			p.checkEnd(ctx, "The destroy", prior, &resp.Diagnostics)
		}
		return
	}
	config, err := newModel(req.Config.Raw)
	if err != nil {
		addError(&resp.Diagnostics, "Reading the configuration", err)
		return
	}
	p := &planner{connection: r.connection, config: config, planned: planned, prior: prior, private: req.Private}
	p.locate()
	if prior != nil {
		resp.RequiresReplace = p.replaces()
		if len(resp.RequiresReplace) > 0 {
			if !p.checkEnd(ctx, "The replacement", prior, &resp.Diagnostics) {
				return
			}
			p.prior = nil // what follows is the plan of the new pipeline
		}
	}
	if err := p.fill(ctx); err != nil {
		var problem *pipeline.ProblemError
		if errors.As(err, &problem) {
			tfdiag.Problems(&resp.Diagnostics, req.Plan.Raw.Type(), []pipeline.Problem{problem.Problem})
			return
		}
		p.report(&resp.Diagnostics, err)
		return
	}
	resp.Diagnostics.Append(p.warnings...)
	for _, problem := range p.unread {
		tfdiag.Problems(&resp.Diagnostics, req.Plan.Raw.Type(), []pipeline.Problem{unreadWarning(problem)})
	}
	if p.blind {
		return
	}
	if p.looked != nil {
		resp.Diagnostics.Append(keepMissed(ctx, resp.Private, missedOf(p.looked))...)
	}
	resp.Plan.Raw, err = p.planned.value(req.Plan.Raw.Type())
	addError(&resp.Diagnostics, "Writing the plan", err)
}

func addError(diags *diag.Diagnostics, summary string, err error) {
	if err != nil {
		diags.AddError(summary, err.Error())
	}
}

type planner struct {
	connection             *connection.Connection
	config, planned, prior *model
	private                private
	warnings               diag.Diagnostics
	unread                 []pipeline.Problem     // files that the plan does without
	load                   fleet.Load             // devices
	rotated                []string               // the first of those that get a certificate of a higher version
	released               []string               // adopted devices that a replacement releases in the same region
	adopted                map[string]bool        // devices with certificates of their own that no version concerns
	looked                 map[string]spec.Device // what a deep check of the plan itself has found, if there was one
	blind                  bool                   // the provider or the place is not known: the framework's plan stands
}

func (p *planner) report(diags *diag.Diagnostics, err error) {
	if reportFaults(diags, err) || reportAdoption(diags, p.planned.spec.Name, err) ||
		reportRelease(diags, p.planned.spec.Name, err) {
		return
	}
	if errors.Is(err, awsapi.ErrTimestreamClosed) {
		diags.AddAttributeError(
			path.Root("timestream"),
			"The account cannot use Timestream LiveAnalytics",
			tfdiag.Detail(
				err,
				"Remove the timestream block: the pipeline works without it, with device state in DynamoDB and the "+
					"archive in S3. Nothing was changed.",
			),
		)
		return
	}
	if errors.Is(err, errLoss) {
		diags.AddAttributeError(path.Root("timestream"), "The change would delete time series", tfdiag.Detail(
			err,
			"Nothing was changed. To delete the data, set force_destroy = true, run terraform apply, and then make "+
				"this change.",
		))
		return
	}
	diags.AddError(tfdiag.Summary(fmt.Sprintf("Planning pipeline %q failed", p.planned.spec.Name), err),
		tfdiag.Detail(err, "Nothing was changed."))
}

// locate fills in the region, which defaults to the provider's.
func (p *planner) locate() {
	if p.config.tree["region"] != nil {
		p.planned.tree["region"] = p.config.tree["region"]
		return
	}
	p.planned.tree["region"] = tfvalue.Unknown
	if p.connection != nil && p.connection.Clients != nil {
		p.planned.tree["region"] = p.connection.Clients.Region()
	}
}

// replaces returns the attributes whose change replaces the pipeline. An unknown region may be the same one.
func (p *planner) replaces() path.Paths {
	var paths path.Paths
	for _, name := range []string{"name", "region"} {
		now := p.planned.tree[name]
		if name == "region" && tfvalue.IsUnknown(now) && p.config.tree["region"] == nil {
			p.planned.tree[name] = p.prior.tree[name]
			continue
		}
		if now != p.prior.tree[name] {
			paths = append(paths, path.Root(name))
		}
	}
	return paths
}

// fill plans the computed attributes.
func (p *planner) fill(ctx context.Context) error {
	for name := range computed() {
		p.planned.tree[name] = tfvalue.Unknown
	}
	p.keep()
	p.enableDevices()
	if err := p.planned.describe(); err != nil {
		return err
	}
	unknown := p.planned.unknown
	located := p.connection != nil && p.connection.Clients != nil && !unknown.Covers("name") &&
		!unknown.Covers("region")
	if !located {
		p.blind = true
		return nil
	}
	if !touches(unknown, "tags") {
		if err := p.planned.set("tags_all", p.connection.Tags(p.planned.spec.Tags)); err != nil {
			return err
		}
	}
	s, err := newSession(ctx, p.connection, p.planned, options{purpose: planning, prior: p.prior})
	if err != nil {
		if len(unknown) > 0 {
			return nil // what is unknown now is known at apply
		}
		return err
	}
	p.unread = s.unread
	p.warnExpiry(s)
	if err := errors.Join(p.warnPaused(), p.warnForeign(ctx, s)); err != nil {
		return err
	}
	if err := p.check(ctx, s); err != nil {
		return err
	}
	if err := p.checkRemoved(ctx, s); err != nil {
		return err
	}
	if err := p.predictOutputs(ctx, s); err != nil {
		return err
	}
	if err := p.lookDeep(ctx, s); err != nil {
		return err
	}
	p.predictIdentities(ctx, s)
	p.countMap()
	if err := p.predictFleet(ctx, s); err != nil {
		return err
	}
	p.warnRotated(ctx)
	p.warnLowered()
	p.warnSlow(s, &p.warnings)
	p.warnDeep(s, &p.warnings)
	if err := p.predictRegistered(); err != nil {
		return err
	}
	return p.predictParts(ctx, s)
}

// check refuses what the apply could not do, or what would lose something.
func (p *planner) check(ctx context.Context, s *session) error {
	if err := p.checkTimestream(ctx, s); err != nil {
		return err
	}
	if err := p.checkLoss(s); err != nil {
		return err
	}
	if err := p.checkMode(ctx, s); err != nil {
		return err
	}
	if err := pipeline.CheckCaller(p.planned.spec, s.clients.Caller()); err != nil {
		return err
	}
	if err := p.checkReplaced(s); err != nil {
		return err
	}
	return p.checkAdoption(ctx, s)
}

// enableDevices writes the default of devices[*].enabled, which is computed so that an import can tell it from the
// registry.
func (p *planner) enableDevices() {
	devices, _ := p.planned.tree["devices"].(map[string]any)
	configured := p.config.tree["devices"]
	for name, tree := range devices {
		if device, ok := tree.(map[string]any); ok && member(member(configured, name), "enabled") == nil {
			device["enabled"] = true
		}
	}
}

// keep copies what never changes in the life of a pipeline.
func (p *planner) keep() {
	if p.prior == nil {
		return
	}
	for _, name := range []string{"id", "account_id", "mqtt_endpoint", "credentials_store"} {
		if value := p.prior.tree[name]; value != nil {
			p.planned.tree[name] = value
		}
	}
}

// touches reports whether anything at or below an attribute is unknown.
func touches(unknown tfvalue.Paths, name string) bool {
	for _, at := range unknown {
		if tfvalue.Steps(at)[0] == name {
			return true
		}
	}
	return false
}

// predictable reports whether the parts are known although some arguments are not.
func predictable(unknown tfvalue.Paths) bool {
	for _, at := range unknown {
		if parts, _ := pipeline.Unpredictable(tfvalue.Steps(at)); parts {
			return false
		}
	}
	return true
}

// errLoss is a plan that would delete data.
var errLoss = errors.New("the plan deletes it with its data, and force_destroy is not true")

// checkLoss refuses an update that removes or renames an object with data, unless data may be deleted.
func (p *planner) checkLoss(s *session) error {
	force := p.planned.spec.ForceDestroy
	if p.prior == nil || force != nil && *force || p.planned.unknown.Covers("force_destroy") ||
		!predictable(p.planned.unknown) {
		return nil
	}
	records, err := p.prior.records()
	if err != nil {
		return err
	}
	for _, rec := range records {
		kept := slices.ContainsFunc(
			s.parts,
			func(part assembly.Part) bool { return part.Key == rec.Key && part.Name == rec.Name },
		)
		if s.engine.Drivers[rec.Kind].HoldsData() && rec.Status != assembly.Missing && rec.Status != assembly.Foreign &&
			!kept {
			return fmt.Errorf("%s %q: %w", strings.ReplaceAll(rec.Kind, "_", " "), rec.Name, errLoss)
		}
	}
	return nil
}

// checkTimestream asks, when Timestream is new to the pipeline, whether the account may use it.
func (p *planner) checkTimestream(ctx context.Context, s *session) error {
	if p.planned.spec.Timestream == nil || p.prior != nil && p.prior.spec.Timestream != nil {
		return nil
	}
	return s.clients.CheckTimestream(ctx)
}
