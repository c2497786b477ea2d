//go:build !linux

package home

import (
	"runtime"
	"time"
)

// spent is the processor time of this process, which is not known here.
func spent() (time.Duration, bool) { return 0, false }

func ownCores() int { return runtime.NumCPU() }

// Apart has this process and homeservers run on cores apart, where that is known to
// be done; here it does nothing.
func Apart() (prefix []string, back func(), err error) { return nil, func() {}, nil }
