//go:build !linux

package rival

import "syscall"

func bound() *syscall.SysProcAttr { return nil }
