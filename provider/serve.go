package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
)

// Serve serves the provider to the Terraform that started this process. With debug, it waits for a debugger instead and
// prints what to put in TF_REATTACH_PROVIDERS.
//
// providerserver.Serve would do the same, but holds the server of protocol 5 as well: 2 MB that nobody calls.
func Serve(_ context.Context, version string, debug bool) error {
	QuietFramework()
	var options []tf6server.ServeOpt
	if debug {
		options = append(options, tf6server.WithManagedDebug())
	}
	create := New(version)
	return tf6server.Serve(Address, func() tfprotov6.ProviderServer { return providerserver.NewProtocol6(create())() },
		options...)
}
