// Package processor is the pipeline's stream processor. It takes batches of Kinesis records, which devices published,
// and stores them in the device table, in the table of recent readings and in Timestream.
//
// It decides nothing about the pipeline: names, layout and limits come from its environment, see
// docs/design/contracts.md.
package processor

import (
	"io"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

// New makes the function from its environment, and opens a connection to DynamoDB. It writes its log to out.
func New(getenv func(string) string, out io.Writer) (lambda.Handler, error) {
	p, err := newProcessor(getenv, out)
	if err != nil {
		return nil, err
	}
	if p.connect != nil {
		p.connect()
	}
	return p, nil
}

// Options asks Lambda for a SIGTERM, which registers an internal extension, if states of devices wait to be written.
func (p *processor) Options() []lambda.Option {
	if p.refresh == 0 {
		return nil
	}
	return []lambda.Option{lambda.WithEnableSIGTERM(func() {
		p.stop()
		os.Exit(0)
	})}
}
