package rival

import "syscall"

// bound has a process end with us, whatever becomes of us.
func bound() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
