// Command alerts is the pipeline's alert handler: the alerts rule hands it every message for which some condition may
// hold; it decides which do, tells people through SNS and sends the device its command.
//
// Rules and thresholds are in the device table, so that they change without new code; see docs/design/contracts.md.
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
