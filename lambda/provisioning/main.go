// Command provisioning is the pipeline's pre-provisioning hook. AWS IoT calls it for every device that wants to
// register with the claim certificate, and registers only those that it admits.
//
// The serials that can register are in the allow-list table, so they can change without new code; see
// docs/design/contracts.md.
package main

import (
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/memory"
)

func main() {
	memory.Tune(os.Getenv)
	h, err := newHandler(os.Getenv, os.Stdout, ofAWS)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lambda.Start(h)
}
