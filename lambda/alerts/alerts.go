// Package alerts is the pipeline's alert handler. The alerts rule passes it every message that may meet a condition;
// the handler evaluates the conditions, notifies people through SNS and sends commands to the device.
//
// Rules and thresholds are in the device table, so they can change without new code; see docs/design/contracts.md.
package alerts

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
