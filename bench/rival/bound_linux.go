package rival

import "syscall"

// bound has a process end with us, whatever becomes of us, and gives it a group of
// its own, so that what it starts can be ended with it.
func bound() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// signal tells a process that bound was for, and all that it has started.
func signal(pid int, s syscall.Signal) { _ = syscall.Kill(-pid, s) }
