package browser

import "syscall"

// inGroup gives a command a process group, which ends with us.
func inGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
