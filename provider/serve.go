package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
)

// Serve serves the provider to the Terraform that started this process. With debug, it waits for a debugger instead and
// prints what to put in TF_REATTACH_PROVIDERS.
func Serve(ctx context.Context, version string, debug bool) error {
	QuietFramework()
	return providerserver.Serve(ctx, New(version),
		providerserver.ServeOpts{Address: Address, Debug: debug, ProtocolVersion: 6})
}
