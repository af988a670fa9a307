//go:build !unix

package queue

import (
	"errors"
	"os"
)

// lock fails: gateways run Unix.
func lock(string) (*os.File, error) {
	return nil, errors.New("the queue of a gateway needs a Unix system")
}
