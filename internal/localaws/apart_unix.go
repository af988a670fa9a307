//go:build unix

package localaws

import "syscall"

// apart puts the server into a process group of its own, so that a Ctrl-C in the terminal does not reach it.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
