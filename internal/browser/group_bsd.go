//go:build unix && !linux

package browser

import "syscall"

// inGroup gives a command a process group. No signal tells it that we have ended.
func inGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
