package pipeline

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	framework "github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/deployed"
	"github.com/iot-pipeline/terraform-provider-iot/provider/connection"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfdiag"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfvalue"
)

// listResource finds the pipelines of an account for terraform query, which Terraform has since 1.14.
type listResource struct{ connection *connection.Connection }

var _ framework.ListResourceWithConfigure = (*listResource)(nil)

// NewList returns the list resource.
func NewList() framework.ListResource { return &listResource{} }

func (l *listResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_pipeline"
}

func (l *listResource) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	l.connection, _ = req.ProviderData.(*connection.Connection)
}

func (l *listResource) ListResourceConfigSchema(
	_ context.Context,
	_ framework.ListResourceSchemaRequest,
	resp *framework.ListResourceSchemaResponse,
) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Finds the pipelines of an account and region by their manifests in Parameter Store, 50 " +
			"with a request. With `include_resource = true`, it also reads each of them as a refresh does.",
		Attributes: map[string]schema.Attribute{
			"region": schema.StringAttribute{Optional: true,
				MarkdownDescription: "AWS region to look in. Defaults to the region of the provider."},
			"tags": schema.MapAttribute{Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Tags that a pipeline must have, all of them, with these values."},
		},
	}
}

// query is the configuration of a list block.
type query struct {
	Region string            `json:"region"`
	Tags   map[string]string `json:"tags"`
}

// List passes the pipelines on one by one. It asks AWS for a page only when Terraform wants more.
func (l *listResource) List(ctx context.Context, req framework.ListRequest, stream *framework.ListResultsStream) {
	const summary = "Listing pipelines failed"
	var q query
	if _, err := tfvalue.Decode(req.Config.Raw, &q); err != nil {
		stream.Results = failedList(summary, err.Error())
		return
	}
	clients, err := l.connection.In(q.Region)
	if err != nil {
		stream.Results = failedList(summary, tfdiag.Detail(err, ""))
		return
	}
	stream.Results = func(push func(framework.ListResult) bool) {
		for name, err := range deployed.Pipelines(ctx, clients, q.Tags) {
			if err != nil {
				failedList(summary, tfdiag.Detail(err, ""))(push)
				return
			}
			if !push(l.result(ctx, req, clients, name)) {
				return
			}
		}
	}
}

func failedList(summary, detail string) func(func(framework.ListResult) bool) {
	return framework.ListResultsStreamDiagnostics(diag.Diagnostics{diag.NewErrorDiagnostic(summary, detail)})
}

// result is one pipeline. One that cannot be read is left out with a warning, so that it does not hide the others.
func (l *listResource) result(
	ctx context.Context,
	req framework.ListRequest,
	clients *awsapi.Clients,
	name string,
) framework.ListResult {
	found := identity{Name: name, Region: clients.Region(), AccountID: clients.AccountID()}
	result := req.NewListResult(ctx)
	result.DisplayName = name
	found.write(result.Identity, &result.Diagnostics)
	if !req.IncludeResource {
		return result
	}
	m, err := lookAt(ctx, l.connection, found)
	if err == nil {
		result.Resource.Raw, err = m.value(result.Resource.Schema.Type().TerraformType(ctx))
	}
	if err != nil {
		return framework.ListResult{Diagnostics: diag.Diagnostics{diag.NewWarningDiagnostic(
			fmt.Sprintf("Pipeline %q is left out", name),
			tfdiag.Detail(err, "Without include_resource, it is listed."))}}
	}
	return result
}
