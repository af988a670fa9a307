// Command processor is the pipeline's stream processor. It takes batches of Kinesis records, which devices published,
// and stores them in the device table, in the table of recent readings and in Timestream.
//
// It decides nothing about the pipeline: names, layout and limits come from its environment, see
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
	p, err := newProcessor(os.Getenv, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if p.refresh == 0 {
		lambda.Start(p)
		return
	}
	// Registers an internal extension: without one, Lambda sends no SIGTERM.
	lambda.StartWithOptions(p, lambda.WithEnableSIGTERM(func() {
		p.stop()
		os.Exit(0)
	}))
}
