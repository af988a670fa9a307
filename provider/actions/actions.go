// Package actions is what operators do with a pipeline from Terraform 1.14 or later: the actions iot_send_command,
// iot_pause, iot_resume, iot_redrive_dead_letters, iot_smoke_test and iot_rotate_certificates. internal/operate does
// the work, for the command iotctl as well.
package actions

import (
	"context"
	"fmt"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/deployed"
	"github.com/iot-pipeline/terraform-provider-iot/internal/operate"
	"github.com/iot-pipeline/terraform-provider-iot/provider/connection"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfdiag"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfvalue"
)

// arguments are those of all actions as written.
type arguments struct {
	Pipeline   string            `json:"pipeline"`
	Region     string            `json:"region"`
	Rules      []string          `json:"rules"`
	Payload    string            `json:"payload"`
	Devices    []string          `json:"devices"`
	Status     string            `json:"status"`
	Attributes map[string]string `json:"attributes"`
	All        bool              `json:"all"`
	DryRun     bool              `json:"dry_run"`
	redrive
	smokeTest
	rotation
}

func (a arguments) command() operate.Command {
	return operate.Command{Payload: a.Payload, Devices: a.Devices, All: a.All, DryRun: a.DryRun,
		Filter: deployed.Filter{Status: a.Status, Attributes: a.Attributes}}
}

// kind is one action.
type kind struct {
	name, summary, description string
	own                        map[string]schema.Attribute // arguments beside pipeline and region
	check                      func(arguments) error
	run                        func(context.Context, *deployed.Pipeline, arguments, operate.Progress) error
}

type pipelineAction struct {
	kind
	connection *connection.Connection
}

var (
	_ action.ActionWithConfigure      = (*pipelineAction)(nil)
	_ action.ActionWithValidateConfig = (*pipelineAction)(nil)
)

// All returns the actions.
func All() []func() action.Action {
	var all []func() action.Action
	for _, k := range []kind{sendCommand(), pause(), resume(), redriveDeadLetters(), testPipeline(),
		rotateCertificates()} {
		all = append(all, func() action.Action { return &pipelineAction{kind: k} })
	}
	return all
}

func sendCommand() kind {
	return kind{
		name:    "_send_command",
		summary: "Sending a command to devices of pipeline %q failed",
		description: "Sends a command to devices of a pipeline, on their topics for commands and with QoS 1. A " +
			"device that is connected gets it, one with a persistent session when it returns, and any of them " +
			"perhaps twice. It is not recorded; for commands with an answer and a deadline, use the device " +
			"management API.",
		own: map[string]schema.Attribute{
			"payload": schema.StringAttribute{Required: true,
				MarkdownDescription: "What is sent, such as `jsonencode({ action = \"rest\" })`. At most 128 KiB."},
			"devices": schema.SetAttribute{Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Names of the devices that get it. Either this, `status` and `attributes`, or " +
					"`all`."},
			"status": schema.StringAttribute{Optional: true,
				MarkdownDescription: "Only devices with this status: `online`, `offline`, `silent` or `never_seen`.",
				Validators:          []validator.String{stringvalidator.OneOf(deployed.Statuses...)}},
			"attributes": schema.MapAttribute{Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Only devices with these attributes, all of them."},
			"all": schema.BoolAttribute{Optional: true, MarkdownDescription: "Whether all devices get it."},
			"dry_run": schema.BoolAttribute{Optional: true,
				MarkdownDescription: "Whether to say which devices would get it, and send nothing."},
		},
		check: func(a arguments) error { return a.command().Check() },
		run: func(ctx context.Context, p *deployed.Pipeline, a arguments, tell operate.Progress) error {
			_, err := operate.Send(ctx, p, a.command(), tell)
			return err
		},
	}
}

func pause() kind {
	return kind{
		name:    "_pause",
		summary: "Pausing pipeline %q failed",
		description: "Switches topic rules of a pipeline off, until `iot_resume`. **Messages that devices send " +
			"meanwhile are lost**: AWS IoT keeps none for a rule. Devices stay connected. The next plan warns that " +
			"the pipeline is paused, because an apply switches its rules on again.",
		own: rules(), run: setRules(false),
	}
}

func resume() kind {
	return kind{
		name:    "_resume",
		summary: "Resuming pipeline %q failed",
		description: "Switches topic rules of a pipeline on that `iot_pause` has switched off. Routes with " +
			"`enabled = false` stay off.",
		own: rules(), run: setRules(true),
	}
}

func rules() map[string]schema.Attribute {
	return map[string]schema.Attribute{"rules": schema.SetAttribute{Optional: true, ElementType: types.StringType,
		MarkdownDescription: "Keys of the rules, such as `telemetry`, `alerts` or a route's key, as in `rule_arns`. " +
			"Defaults to all rules."}}
}

func setRules(on bool) func(context.Context, *deployed.Pipeline, arguments, operate.Progress) error {
	return func(ctx context.Context, p *deployed.Pipeline, a arguments, tell operate.Progress) error {
		return operate.SetRules(ctx, p, a.Rules, on, tell)
	}
}

func (a *pipelineAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + a.name
}

func (a *pipelineAction) Configure(_ context.Context, req action.ConfigureRequest, _ *action.ConfigureResponse) {
	a.connection, _ = req.ProviderData.(*connection.Connection)
}

func (a *pipelineAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	all := map[string]schema.Attribute{
		"pipeline": schema.StringAttribute{Required: true, MarkdownDescription: "Name of the pipeline."},
		"region": schema.StringAttribute{Optional: true,
			MarkdownDescription: "AWS region of the pipeline. Defaults to the region of the provider."},
	}
	maps.Copy(all, a.own)
	resp.Schema = schema.Schema{MarkdownDescription: a.description, Attributes: all}
}

// ValidateConfig reports what is wrong whatever pipeline it is.
func (a *pipelineAction) ValidateConfig(
	_ context.Context,
	req action.ValidateConfigRequest,
	resp *action.ValidateConfigResponse,
) {
	var args arguments
	unknown, err := tfvalue.Decode(req.Config.Raw, &args)
	if err == nil && len(unknown) == 0 && a.check != nil {
		err = a.check(args)
	}
	if err != nil {
		resp.Diagnostics.AddError("The action cannot be invoked", tfdiag.Detail(err, ""))
	}
}

// Invoke does it, and tells Terraform about each step.
func (a *pipelineAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var args arguments
	if _, err := tfvalue.Decode(req.Config.Raw, &args); err != nil {
		resp.Diagnostics.AddError("Reading the configuration", err.Error())
		return
	}
	tell := func(message string) { resp.SendProgress(action.InvokeProgressEvent{Message: message}) }
	clients, err := a.connection.In(args.Region)
	if err == nil {
		var p *deployed.Pipeline
		if p, err = deployed.Find(ctx, clients, args.Pipeline); err == nil {
			err = a.run(ctx, p, args, tell)
		}
	}
	if err != nil {
		resp.Diagnostics.AddError(fmt.Sprintf(a.summary, args.Pipeline), tfdiag.Detail(err, ""))
	}
}
