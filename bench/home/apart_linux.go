package home

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// spent is the processor time of this process.
func spent() (time.Duration, bool) {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0, false
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), true
}

// ownCores is how many cores this process may run on.
func ownCores() int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return runtime.NumCPU()
	}
	return max(set.Count(), 1)
}

// Apart has this process run on the last of the cores that it may run on, and gives
// the command before a homeserver's that has it run on the others, with what undoes
// both. On one core it does nothing.
func Apart() (prefix []string, back func(), err error) {
	var whole unix.CPUSet
	if err := unix.SchedGetaffinity(0, &whole); err != nil {
		return nil, nil, fmt.Errorf("which cores there are: %w", err)
	}
	if whole.Count() < 2 {
		return nil, func() {}, nil
	}
	var names []string
	last := 0
	for core := range len(whole) * strconv.IntSize {
		if whole.IsSet(core) {
			last = core
			names = append(names, strconv.Itoa(core))
		}
	}
	var own unix.CPUSet
	own.Set(last)
	if err := bind(&own); err != nil {
		return nil, nil, err
	}
	threads := runtime.GOMAXPROCS(1) // as many as cores: with more, threads that look for work have a third of the core
	return []string{"taskset", "-c", strings.Join(names[:len(names)-1], ",")}, func() {
		runtime.GOMAXPROCS(threads)
		_ = bind(&whole) // which it was allowed before
	}, nil
}

// bind has all threads of this process, and those to come, run on some cores.
func bind(cores *unix.CPUSet) error {
	bound := make(map[string]bool)
	for fresh := true; fresh; { // a thread that was not bound may have made another
		fresh = false
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, thread := range threads {
			number, err := strconv.Atoi(thread.Name())
			if err != nil || bound[thread.Name()] {
				continue
			}
			if err := unix.SchedSetaffinity(number, cores); err != nil && err != unix.ESRCH { // it may have ended
				return fmt.Errorf("run on some cores only: %w", err)
			}
			bound[thread.Name()], fresh = true, true
		}
	}
	return nil
}
