// Package metrics computes statistics per device and measure over windows of time. Lambda passes it the records of a
// tumbling window, batch by batch, with what the function returned for the batch before; at the end of the window, it
// writes the statistics to the table of metrics.
//
// It decides nothing about the pipeline: names and limits come from its environment, see docs/design/contracts.md.
package metrics

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
