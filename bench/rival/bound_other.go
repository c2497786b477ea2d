//go:build !linux

package rival

import (
	"os"
	"syscall"
)

func bound() *syscall.SysProcAttr { return nil }

func signal(pid int, s syscall.Signal) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Signal(s)
	}
}
