//go:build unix

package terraform

import (
	"os/exec"
	"syscall"
)

// apart puts the command into a process group of its own, so that a Ctrl-C in the terminal does not reach it by itself,
// and lets the end of its context do what Ctrl-C does, to the command and its plugins.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
}
