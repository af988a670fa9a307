// Package devices is the data source iot_devices: the devices of a pipeline as the registry and the device table have
// them, also those that registered themselves or come from a file.
package devices

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/deployed"
	"github.com/iot-pipeline/terraform-provider-iot/provider/connection"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfdiag"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfvalue"
)

type dataSource struct{ connection *connection.Connection }

var _ datasource.DataSourceWithConfigure = (*dataSource)(nil)

// New returns the data source.
func New() datasource.DataSource { return &dataSource{} }

func (d *dataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_devices"
}

func (d *dataSource) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	d.connection, _ = req.ProviderData.(*connection.Connection)
}

func (d *dataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the devices of a pipeline: those of its configuration or file, and those that " +
			"registered themselves. It takes one request per 250 devices, and one read of the device table per 100.",
		Attributes: map[string]schema.Attribute{
			"pipeline": schema.StringAttribute{Required: true, MarkdownDescription: "Name of the pipeline."},
			"region": schema.StringAttribute{Optional: true, Computed: true,
				MarkdownDescription: "AWS region of the pipeline. Defaults to the region of the provider."},
			"status": schema.StringAttribute{Optional: true,
				MarkdownDescription: "Only devices with this status: `" + strings.Join(deployed.Statuses, "`, `") +
					"`.",
				Validators: []validator.String{stringvalidator.OneOf(deployed.Statuses...)}},
			"attributes": schema.MapAttribute{Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Only devices with these attributes, all of them."},
			"names": schema.ListAttribute{Computed: true, ElementType: types.StringType,
				MarkdownDescription: "Names of the devices, in order."},
			"devices": schema.ListNestedAttribute{Computed: true,
				MarkdownDescription: "The devices in order of their names.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"name":      result("Name of the thing, which is the MQTT client ID."),
					"thing_arn": result("ARN of the thing."),
					"attributes": schema.MapAttribute{Computed: true, ElementType: types.StringType,
						MarkdownDescription: "Attributes of the thing."},
					"status":    result("`online`, `offline`, `silent`, or `never_seen`."),
					"last_seen": result("When its newest message arrived, in RFC 3339. Null if none has."),
					"gateway": result("Name of the gateway that it is behind. Null for a device that connects " +
						"itself."),
					"registered": result("How it registered itself: `claim` or `jitp`. Null for a device of the " +
						"configuration."),
				}}},
		},
	}
}

func result(description string) schema.Attribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: description}
}

// arguments are the filters as written.
type arguments struct {
	Pipeline   string            `json:"pipeline"`
	Region     string            `json:"region"`
	Status     string            `json:"status"`
	Attributes map[string]string `json:"attributes"`
}

// device is one device as Terraform sees it.
type device struct {
	Name       string            `json:"name"`
	ThingARN   string            `json:"thing_arn"`
	Attributes map[string]string `json:"attributes"`
	Status     string            `json:"status"`
	LastSeen   *string           `json:"last_seen"`
	Gateway    *string           `json:"gateway"`
	Registered *string           `json:"registered"`
}

// Read lists the devices.
func (d *dataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var args arguments
	if _, err := tfvalue.Decode(req.Config.Raw, &args); err != nil {
		resp.Diagnostics.AddError("Reading the configuration", err.Error())
		return
	}
	fail := func(err error) {
		resp.Diagnostics.AddError(fmt.Sprintf("Listing the devices of pipeline %q failed", args.Pipeline),
			tfdiag.Detail(err, ""))
	}
	clients, err := d.connection.In(args.Region)
	if err != nil {
		fail(err)
		return
	}
	found, err := list(ctx, clients, args)
	if err != nil {
		fail(err)
		return
	}
	tree, err := tfvalue.Tree(req.Config.Raw)
	values, ok := tree.(map[string]any)
	if err == nil && ok {
		err = complete(values, clients.Region(), found)
	}
	if err == nil {
		resp.State.Raw, err = tfvalue.Value(resp.State.Schema.Type().TerraformType(ctx), values)
	}
	if err != nil {
		fail(err)
	}
}

func list(ctx context.Context, c *awsapi.Clients, args arguments) ([]device, error) {
	p, err := deployed.Find(ctx, c, args.Pipeline)
	if err != nil {
		return nil, err
	}
	found := []device{}
	for d, err := range p.Devices(ctx, deployed.Filter{Status: args.Status, Attributes: args.Attributes}) {
		if err != nil {
			return nil, err
		}
		one := device{Name: d.Name, ThingARN: d.ThingARN, Attributes: d.Attributes, Status: d.Status}
		if !d.LastSeen.IsZero() {
			text := d.LastSeen.Format(time.RFC3339)
			one.LastSeen = &text
		}
		if d.Gateway != "" {
			one.Gateway = &d.Gateway
		}
		if d.Registered != "" {
			one.Registered = &d.Registered
		}
		found = append(found, one)
	}
	slices.SortFunc(found, func(a, b device) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// complete adds to the arguments what was found.
func complete(values map[string]any, region string, found []device) error {
	names := make([]any, len(found))
	for i, d := range found {
		names[i] = d.Name
	}
	devices, err := tfvalue.Of(found)
	values["region"], values["names"], values["devices"] = region, names, devices
	return err
}
