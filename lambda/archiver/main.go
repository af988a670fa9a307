// Command archiver turns what devices published into rows of the archive's table. Firehose hands it batches of the
// records of the pipeline's stream, and stores what it answers.
//
// It calls no AWS service. Its settings come from its environment, see docs/design/contracts.md.
package main

import (
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/memory"
)

func main() {
	memory.Tune(os.Getenv)
	a, err := newArchiver(os.Getenv, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lambda.Start(a)
}
