// Package watch looks for devices that have fallen silent, once a minute, and tells people through the alert topic. It
// also tells them of silent devices that have returned, and counts the devices by status.
//
// Everything it knows from one run to the next is in the device table; see docs/design/contracts.md. A run that comes
// late, twice, or not at all for an hour does no harm: each finds what is due, and tells it in one notice if it is
// much.
package watch

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
	h.connect()
	return h, nil
}
