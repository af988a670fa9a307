// Package archiver turns what devices published into rows of the archive's table. Firehose hands it batches of the
// records of the pipeline's stream, and stores what it answers.
//
// It calls no AWS service. Its settings come from its environment, see docs/design/contracts.md.
package archiver

import (
	"io"

	"github.com/aws/aws-lambda-go/lambda"
)

// New makes the function from its environment. It writes its log to out.
func New(getenv func(string) string, out io.Writer) (lambda.Handler, error) {
	return newArchiver(getenv, out)
}
