package pipeline

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/iot-pipeline/terraform-provider-iot/provider/connection"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfvalue"
)

// identity is what tells a pipeline from every other one. Terraform 1.12 and later keep it beside the state.
type identity struct {
	Name      string `json:"name"`
	Region    string `json:"region"`
	AccountID string `json:"account_id"`
}

// IdentitySchema describes the identity.
func (r *resourceType) IdentitySchema(
	_ context.Context,
	_ resource.IdentitySchemaRequest,
	resp *resource.IdentitySchemaResponse,
) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"name": identityschema.StringAttribute{RequiredForImport: true, Description: "Name of the pipeline."},
		"region": identityschema.StringAttribute{OptionalForImport: true,
			Description: "AWS region of the pipeline. Defaults to the region of the provider."},
		"account_id": identityschema.StringAttribute{OptionalForImport: true,
			Description: "ID of the AWS account of the pipeline. Defaults to the account of the provider. An import " +
				"with credentials for another account fails."},
	}}
}

// identityOf is the identity of the pipeline that a plan or a state describes. What is not known yet follows from the
// connection.
func identityOf(m *model, conn *connection.Connection) identity {
	i := identity{Name: m.spec.Name, Region: m.region(), AccountID: m.text("account_id")}
	if conn == nil || conn.Clients == nil {
		return i
	}
	clients := conn.Clients.InRegion(i.Region)
	if i.Region == "" {
		i.Region = clients.Region()
	}
	if i.AccountID == "" {
		i.AccountID = clients.AccountID()
	}
	return i
}

// write puts the identity where the framework expects it.
func (i identity) write(to *tfsdk.ResourceIdentity, diags *diag.Diagnostics) {
	tree, err := tfvalue.Object(i)
	if err == nil {
		to.Raw, err = tfvalue.Value(to.Raw.Type(), tree)
	}
	addError(diags, "Writing the identity", err)
}

// readIdentity reads the identity of an import block. What the block leaves out is empty.
func readIdentity(from *tfsdk.ResourceIdentity) (identity, error) {
	var i identity
	if from == nil {
		return i, nil
	}
	_, err := tfvalue.Decode(from.Raw, &i)
	return i, err
}

// checkAccount refuses an identity of another account than the credentials'.
func (i identity) checkAccount(have string) error {
	if i.AccountID == "" || i.AccountID == have {
		return nil
	}
	return fmt.Errorf("the identity names account %s, and the provider's credentials belong to account %s. Use "+
		"credentials for account %s, or leave account_id out to import from account %s", i.AccountID, have, i.AccountID,
		have)
}

// accountError is a pipeline that another account has than the one that the credentials belong to.
type accountError struct{ recorded, have string }

func (e *accountError) Error() string {
	return fmt.Sprintf("the state says that the pipeline is in account %s, and the provider's credentials belong to "+
		"account %s. Use credentials for account %s. If that account no longer exists, remove the pipeline from the "+
		"state with terraform state rm", e.recorded, e.have, e.recorded)
}

// Outcome ends the summary of the diagnostic.
func (e *accountError) Outcome() string { return "the credentials are for another account" }

// ownAccount refuses the credentials of another account than the recorded one, with which every part would look
// deleted, and an apply would make the pipeline a second time. An empty account is not known.
func ownAccount(recorded, have string) error {
	if recorded == "" || have == "" || recorded == have {
		return nil
	}
	return &accountError{recorded, have}
}
