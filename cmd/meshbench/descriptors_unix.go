//go:build unix

package main

import (
	"fmt"
	"syscall"

	"meshfocus/bench/scenario"
)

// spare is how many files a run has open besides the sockets of its parties.
const spare = 100

// descriptors says whether scenarios want more sockets than this process may have: Go
// has raised the soft limit to the hard one already.
func descriptors(scenarios []scenario.Scenario) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("getrlimit: %w", err)
	}
	for _, s := range scenarios {
		if want := uint64(s.Publishers + s.Subscribers + spare); want > uint64(limit.Cur) {
			return fmt.Errorf("%s wants %d open files and %d are allowed; raise the limit (ulimit -Hn)", s.Name, want, limit.Cur)
		}
	}
	return nil
}
