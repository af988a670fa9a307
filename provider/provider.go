// Package provider is the Terraform provider "iot": its configuration, and the list
// of its resources and functions. All that Terraform sees is below this folder.
package provider

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	framework "github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/droppedkeys"
	"github.com/iot-pipeline/terraform-provider-iot/provider/actions"
	"github.com/iot-pipeline/terraform-provider-iot/provider/connection"
	"github.com/iot-pipeline/terraform-provider-iot/provider/costfunc"
	"github.com/iot-pipeline/terraform-provider-iot/provider/credentials"
	"github.com/iot-pipeline/terraform-provider-iot/provider/devices"
	"github.com/iot-pipeline/terraform-provider-iot/provider/grafanafunc"
	"github.com/iot-pipeline/terraform-provider-iot/provider/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/provider/sqlfunc"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfdiag"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfvalue"
)

// Address is where Terraform finds the provider in a registry.
const Address = "registry.terraform.io/iot-pipeline/iot"

// New gives a constructor of the provider in the given version.
func New(version string) func() framework.Provider {
	return func() framework.Provider {
		return &iot{version: version, configuration: droppedkeys.In(".", "iot_pipeline")}
	}
}

type iot struct {
	version string
	// configuration is the one that Terraform works in: it starts the provider there.
	configuration *droppedkeys.Configuration
}

var (
	_ framework.ProviderWithFunctions          = (*iot)(nil)
	_ framework.ProviderWithListResources      = (*iot)(nil)
	_ framework.ProviderWithEphemeralResources = (*iot)(nil)
	_ framework.ProviderWithActions            = (*iot)(nil)
)

func (p *iot) Metadata(_ context.Context, _ framework.MetadataRequest, resp *framework.MetadataResponse) {
	resp.TypeName = "iot"
	resp.Version = p.version
}

func (p *iot) Schema(_ context.Context, _ framework.SchemaRequest, resp *framework.SchemaResponse) {
	resp.Schema = configuration()
}

// arguments is the provider block as written.
type arguments struct {
	awsapi.Settings
	DefaultTags []struct {
		Tags map[string]string `json:"tags"`
	} `json:"default_tags"`
	IgnoreTags []connection.IgnoreTags `json:"ignore_tags"`
}

// Configure connects to AWS, unless the block holds values that are not known
// yet: then resources plan without looking at the account.
func (p *iot) Configure(ctx context.Context, req framework.ConfigureRequest, resp *framework.ConfigureResponse) {
	var args arguments
	unknown, err := tfvalue.Decode(req.Config.Raw, &args)
	if err != nil {
		resp.Diagnostics.AddError("Reading the provider configuration", err.Error())
		return
	}
	c := &connection.Connection{Version: p.version, Unknown: unknown.Sorted(), DefaultTags: map[string]string{}}
	for _, block := range args.DefaultTags {
		for key, value := range block.Tags {
			c.DefaultTags[key] = value
		}
	}
	for _, block := range args.IgnoreTags {
		c.IgnoreTags.Keys = append(c.IgnoreTags.Keys, block.Keys...)
		c.IgnoreTags.KeyPrefixes = append(c.IgnoreTags.KeyPrefixes, block.KeyPrefixes...)
	}
	if len(unknown) == 0 {
		args.UserAgent = "terraform-provider-iot/" + p.version
		args.Waiting, args.Failing = logWaiting, logFailing
		if c.IgnoreTags.Any() {
			args.IgnoreTag = c.IgnoreTags.Has
		}
		clients, warnings, err := awsapi.Connect(ctx, args.Settings)
		for _, w := range warnings {
			resp.Diagnostics.AddWarning("AWS configuration", w)
		}
		if err != nil {
			addConnectError(&resp.Diagnostics, err)
			return
		}
		c.Clients = clients
	}
	resp.ResourceData, resp.DataSourceData, resp.ListResourceData = c, c, c
	resp.EphemeralResourceData, resp.ActionData = c, c
}

// logWaiting writes to Terraform's log what an operation waits for, since it may take minutes.
func logWaiting(ctx context.Context, what string, waited time.Duration) {
	tflog.Info(ctx, what, map[string]any{"waited": waited.Round(time.Second).String()})
}

// logFailing writes to Terraform's log that a service keeps failing. The part is a field of the context's logger.
func logFailing(ctx context.Context, o awsapi.Outage) {
	tflog.Info(ctx, "the service fails, and the request is repeated", map[string]any{"operation": o.Operation,
		"attempt": o.Failures, "since": o.Since.Round(time.Second).String(),
		"next_try_within": awsapi.NextTryWithin.String(), "error": o.Err.Error()})
}

func addConnectError(diags *diag.Diagnostics, err error) {
	var setting *awsapi.SettingError
	if errors.As(err, &setting) {
		diags.AddAttributeError(path.Root(setting.Root()), "Provider configuration cannot be used",
			setting.Error()+".\n\nNothing was read or changed.")
		return
	}
	diags.AddError(tfdiag.Summary("Connecting to AWS failed", err), tfdiag.Detail(err,
		"Nothing was read or changed. What counts is the provider block, then the environment, then the shared "+
			"configuration files."))
}

func (p *iot) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{func() resource.Resource { return pipeline.New(p.configuration) }}
}

func (p *iot) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{pipeline.NewDataSource, devices.New}
}

func (p *iot) ListResources(context.Context) []func() list.ListResource {
	return []func() list.ListResource{pipeline.NewList}
}

func (p *iot) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{credentials.NewDevice, credentials.NewClaim}
}

func (p *iot) Actions(context.Context) []func() action.Action { return actions.All() }

func (p *iot) Functions(context.Context) []func() function.Function {
	return slices.Concat(sqlfunc.All(), costfunc.All(), grafanafunc.All())
}
