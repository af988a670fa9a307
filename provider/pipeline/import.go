package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/iot-pipeline/terraform-provider-iot/internal/deployed"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/provider/connection"
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
	m, err := lookUp(ctx, r.connection, wanted)
	if err == nil {
		resp.State.Raw, err = m.value(resp.State.Raw.Type())
	}
	if err != nil {
		resp.Diagnostics.AddError(tfdiag.Summary(fmt.Sprintf("Importing pipeline %q failed", wanted.Name), err),
			notImported(err))
		return
	}
	identityOf(m, r.connection).write(resp.Identity, &resp.Diagnostics)
}

func notImported(err error) string {
	next := ""
	if errors.As(err, new(*deployed.AbsentError)) {
		next = "Import with the pipeline's name, or name@region for a region other than the provider's."
	}
	return tfdiag.Detail(err, next)
}

// lookUp reads the manifest of a pipeline. It returns what an import knows of it: its description without the devices,
// and the owner token.
func lookUp(ctx context.Context, conn *connection.Connection, wanted identity) (*model, error) {
	clients, err := conn.In(wanted.Region)
	if err == nil {
		err = wanted.checkAccount(clients.AccountID())
	}
	if err != nil {
		return nil, err
	}
	text, err := deployed.ReadManifest(ctx, clients, wanted.Name)
	if err != nil {
		return nil, err
	}
	manifest, err := pipeline.ParseManifest([]byte(text))
	if err != nil {
		return nil, err
	}
	tree, err := tfvalue.Object(manifest.Spec)
	if err != nil {
		return nil, err
	}
	tree["id"], tree["region"] = manifest.ID, clients.Region()
	tree["credentials_store"] = manifest.CredentialsStore
	return modelOf(tree)
}

// lookAt finds a pipeline and reads all of it, as an import and the read that follows do.
func lookAt(ctx context.Context, conn *connection.Connection, wanted identity) (*model, error) {
	m, err := lookUp(ctx, conn, wanted)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, m.limit("read", readTimeout))
	defer cancel()
	s, err := openRead(ctx, conn, m)
	if err != nil {
		return nil, err
	}
	observed, err := s.observe(ctx)
	if err != nil {
		return nil, err
	}
	s.observeDevices()
	if _, err := s.observeFile(ctx, observed); err != nil {
		return nil, err
	}
	return m, errors.Join(m.setRegistered(s.fleet.Registered()), s.complete(observed))
}
