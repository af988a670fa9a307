//go:build !unix

package localaws

import "syscall"

// apart has no meaning here.
func apart() *syscall.SysProcAttr { return nil }
