// Command watch looks for devices that have fallen silent, once a minute, and tells people through the alert topic. It
// also tells them of silent devices that have returned, and counts the devices by status.
//
// Everything it knows from one run to the next is in the device table; see docs/design/contracts.md. A run that comes
// late, twice, or not at all for an hour does no harm: each finds what is due, and tells it in one notice if it is
// much.
package main

import (
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/memory"
)

func main() {
	memory.Tune(os.Getenv)
	h, err := newHandler(os.Getenv, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lambda.Start(h)
}
