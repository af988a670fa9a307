package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfdiag"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfvalue"
)

// ImportState imports a pipeline by its name, by name@region, or by its identity. The manifest holds the description
// and the owner token; the read that follows finds the objects.
func (r *resourceType) ImportState(
	ctx context.Context,
	req resource.ImportStateRequest,
	resp *resource.ImportStateResponse,
) {
	wanted, err := readIdentity(req.Identity)
	if err != nil {
		resp.Diagnostics.AddError("Reading the identity", err.Error())
		return
	}
	if req.ID != "" {
		wanted = identity{}
		wanted.Name, wanted.Region, _ = strings.Cut(req.ID, "@")
	}
	name := wanted.Name
	summary := fmt.Sprintf("Importing pipeline %q failed", name)
	clients, err := r.connection.In(wanted.Region)
	if err == nil {
		err = wanted.checkAccount(clients.AccountID())
	}
	if err != nil {
		resp.Diagnostics.AddError(summary, tfdiag.Detail(err, ""))
		return
	}
	text, err := clients.ReadParameter(ctx, contract.ManifestName(name))
	if errors.Is(err, awsapi.ErrNotFound) {
		resp.Diagnostics.AddError(summary,
			fmt.Sprintf("Pipeline %q does not exist in account %s and region %s: there is no SSM parameter %q.\n\n"+
				"Import with the pipeline's name, or name@region for a region other than the provider's.",
				name, clients.AccountID(), clients.Region(), contract.ManifestName(name)))
		return
	}
	if err != nil {
		resp.Diagnostics.AddError(summary, tfdiag.Detail(err, ""))
		return
	}
	manifest, err := pipeline.ParseManifest([]byte(text))
	if err != nil {
		resp.Diagnostics.AddError(summary, tfdiag.Detail(err, ""))
		return
	}
	state, err := tfvalue.Object(manifest.Spec)
	if err != nil {
		resp.Diagnostics.AddError(summary, err.Error())
		return
	}
	state["id"], state["region"] = manifest.ID, clients.Region()
	state["credentials_store"] = manifest.CredentialsStore
	resp.State.Raw, err = tfvalue.Value(resp.State.Raw.Type(), state)
	addError(&resp.Diagnostics, summary, err)
	found := identity{Name: name, Region: clients.Region(), AccountID: clients.AccountID()}
	found.write(resp.Identity, &resp.Diagnostics)
}
