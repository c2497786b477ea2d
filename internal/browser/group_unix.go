//go:build unix

package browser

import (
	"os/exec"
	"syscall"
)

// signal is what a whole process group can be told.
type signal = syscall.Signal

const (
	kill  = syscall.SIGKILL
	sleep = syscall.SIGSTOP
	wake  = syscall.SIGCONT
)

func ownGroup(c *exec.Cmd) { c.SysProcAttr = inGroup() }

func tell(group int, s signal) { _ = syscall.Kill(-group, s) }
