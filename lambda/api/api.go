// Package api is the pipeline's device management API: what an HTTP API of API Gateway calls for each of its routes.
//
// The handler is a plain http.Handler. The Go types of its operations are its OpenAPI document (openapi.json), which
// requests are validated against, which it serves, and which the client is generated from. Who may call is the
// gateway's decision; see docs/design/contracts.md.
package api

import (
	"io"

	"github.com/aws/aws-lambda-go/lambda"
)

// New makes the function from its environment, and opens a connection to DynamoDB. It writes its log to out.
func New(getenv func(string) string, out io.Writer) (lambda.Handler, error) {
	h, err := newHandler(getenv, out)
	if err != nil {
		return nil, err
	}
	h.service.connect()
	return h, nil
}
