// Command api is the pipeline's device management API: what an HTTP API of API Gateway calls for each of its routes.
//
// The handler is a plain http.Handler. The Go types of its operations are its OpenAPI document (openapi.json), which
// requests are validated against, which it serves, and which the client is generated from. Who may call is the
// gateway's decision; see docs/design/contracts.md.
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
