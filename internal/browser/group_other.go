//go:build !unix

package browser

import (
	"os"
	"os/exec"
)

// signal is what a process can be told here: to end. It cannot be halted.
type signal bool

const (
	kill  signal = true
	sleep signal = false
	wake  signal = false
)

func ownGroup(*exec.Cmd) {}

func tell(process int, s signal) {
	if p, err := os.FindProcess(process); err == nil && s == kill {
		_ = p.Kill()
	}
}
