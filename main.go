// Command terraform-provider-iot serves the provider to Terraform.
package main

import (
	"context"
	"flag"
	"log"

	"github.com/iot-pipeline/terraform-provider-iot/provider"
)

// version is set by the release build.
var version = "dev"

func main() {
	debug := flag.Bool("debug", false, "serve for a debugger: print what to put in TF_REATTACH_PROVIDERS and wait")
	flag.Parse()
	if err := provider.Serve(context.Background(), version, *debug); err != nil {
		log.Fatal(err)
	}
}
