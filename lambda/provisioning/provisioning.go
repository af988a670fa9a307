// Package provisioning is the pipeline's pre-provisioning hook. AWS IoT calls it for every device that wants to
// register with the claim certificate, and registers only those that it admits.
//
// The serials that can register are in the allow-list table, so they can change without new code; see
// docs/design/contracts.md.
package provisioning

import (
	"io"

	"github.com/aws/aws-lambda-go/lambda"
)

// New makes the function from its environment, and opens a connection to DynamoDB. It writes its log to out.
func New(getenv func(string) string, out io.Writer) (lambda.Handler, error) {
	h, err := newHandler(getenv, out, ofAWS)
	if err != nil {
		return nil, err
	}
	h.connect()
	return h, nil
}
