package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	data "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"

	"github.com/iot-pipeline/terraform-provider-iot/internal/deployed"
	"github.com/iot-pipeline/terraform-provider-iot/provider/connection"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfdiag"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfvalue"
)

// dataSource gives other configurations the outputs of a pipeline.
type dataSource struct{ connection *connection.Connection }

var _ datasource.DataSourceWithConfigure = (*dataSource)(nil)

// NewDataSource returns the data source.
func NewDataSource() datasource.DataSource { return &dataSource{} }

func (d *dataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_pipeline"
}

func (d *dataSource) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	d.connection, _ = req.ProviderData.(*connection.Connection)
}

func (d *dataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	all := map[string]data.Attribute{
		"name": data.StringAttribute{Required: true, MarkdownDescription: "Name of the pipeline."},
		"region": data.StringAttribute{Optional: true, Computed: true,
			MarkdownDescription: "AWS region of the pipeline. Defaults to the region of the provider."},
	}
	exports, err := allReadOnly(computed())
	addError(&resp.Diagnostics, "Describing the data source", err)
	maps.Copy(all, exports)
	resp.Schema = data.Schema{
		MarkdownDescription: "Reads what a pipeline exports, for configurations other than its own. The pipeline is " +
			"found by its name; its parts are read as a refresh of the resource reads them.",
		Attributes: all,
	}
}

// readOnly is an attribute that the resource computes as one of the data source.
func readOnly(attribute schema.Attribute) (data.Attribute, error) {
	text := attribute.GetMarkdownDescription()
	switch a := attribute.(type) {
	case schema.StringAttribute:
		return data.StringAttribute{Computed: true, MarkdownDescription: text}, nil
	case schema.Int64Attribute:
		return data.Int64Attribute{Computed: true, MarkdownDescription: text}, nil
	case schema.BoolAttribute:
		return data.BoolAttribute{Computed: true, MarkdownDescription: text}, nil
	case schema.ListAttribute:
		return data.ListAttribute{Computed: true, MarkdownDescription: text, ElementType: a.ElementType}, nil
	case schema.MapAttribute:
		return data.MapAttribute{Computed: true, MarkdownDescription: text, ElementType: a.ElementType}, nil
	case schema.SingleNestedAttribute:
		members, err := allReadOnly(a.Attributes)
		return data.SingleNestedAttribute{Computed: true, MarkdownDescription: text, Attributes: members}, err
	case schema.MapNestedAttribute:
		members, err := allReadOnly(a.NestedObject.Attributes)
		return data.MapNestedAttribute{Computed: true, MarkdownDescription: text,
			NestedObject: data.NestedAttributeObject{Attributes: members}}, err
	}
	return nil, fmt.Errorf("an attribute of the type %T cannot be read yet: add it to readOnly", attribute)
}

func allReadOnly(all attributes) (map[string]data.Attribute, error) {
	converted := make(map[string]data.Attribute, len(all))
	for name, attribute := range all {
		one, err := readOnly(attribute)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		converted[name] = one
	}
	return converted, nil
}

// Read finds the pipeline and reads it.
func (d *dataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var wanted identity
	if _, err := tfvalue.Decode(req.Config.Raw, &wanted); err != nil {
		resp.Diagnostics.AddError("Reading the configuration", err.Error())
		return
	}
	wanted.AccountID = "" // an attribute that is computed here
	m, err := lookAt(ctx, d.connection, wanted)
	if err == nil {
		resp.State.Raw, err = tfvalue.Value(resp.State.Schema.Type().TerraformType(ctx),
			exported(m, resp.State.Schema.GetAttributes()))
	}
	if err != nil {
		next := ""
		if errors.As(err, new(*deployed.AbsentError)) {
			next = "Check name and region. If another resource of this configuration makes the pipeline, refer to it " +
				"in depends_on."
		}
		resp.Diagnostics.AddError(fmt.Sprintf("Reading pipeline %q failed", wanted.Name), tfdiag.Detail(err, next))
	}
}

// exported is what the data source has of a pipeline.
func exported[A any](m *model, wanted map[string]A) map[string]any {
	tree := make(map[string]any, len(wanted))
	for name := range wanted {
		tree[name] = m.tree[name]
	}
	return tree
}
