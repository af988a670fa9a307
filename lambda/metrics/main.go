// Command metrics computes statistics per device and measure over windows of time. Lambda passes it the records of a
// tumbling window, batch by batch, with what the function returned for the batch before; at the end of the window, it
// writes the statistics to the table of metrics.
//
// It decides nothing about the pipeline: names and limits come from its environment, see docs/design/contracts.md.
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
