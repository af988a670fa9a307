// Command alerts is the pipeline's alert handler. The alerts rule passes it every message that may meet a condition;
// the handler evaluates the conditions, notifies people through SNS and sends commands to the device.
//
// Rules and thresholds are in the device table, so they can change without new code; see docs/design/contracts.md.
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
