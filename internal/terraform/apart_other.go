//go:build !unix

package terraform

import (
	"os"
	"os/exec"
)

// apart lets the end of the command's context interrupt it.
func apart(cmd *exec.Cmd) {
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
}
