package plain

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// awake is how much earlier than due an alarm rings: about what it takes until who
// waits for it runs. The rest passes without sleep.
const awake = 100 * time.Microsecond

// alarm waits for instants by a timer of the kernel that is read like a socket
// (timerfd_create(2)). The runtime's own would be late by up to a millisecond where
// all sleep, as it waits for whole ones (runtime.netpoll); and a loop that looks at
// the clock for that long, where there is one core, keeps others from what sockets
// have for them.
type alarm struct{ timer *os.File }

// newAlarm makes one; without a timer of the kernel it goes by the runtime's.
func newAlarm() *alarm {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return &alarm{}
	}
	return &alarm{os.NewFile(uintptr(fd), "timer")}
}

func (a *alarm) close() {
	if a.timer != nil {
		_ = a.timer.Close()
	}
}

// until waits for an instant.
func (a *alarm) until(due time.Time) {
	if rest := time.Until(due) - awake; rest > 0 && !a.ring(rest) {
		time.Sleep(rest)
	}
	for time.Now().Before(due) {
	}
}

// ring waits for a time, and reports whether it did.
func (a *alarm) ring(after time.Duration) bool {
	if a.timer == nil {
		return false
	}
	connection, err := a.timer.SyscallConn()
	if err != nil {
		return false
	}
	var failed error
	err = connection.Control(func(fd uintptr) {
		failed = unix.TimerfdSettime(int(fd), 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(after))}, nil)
	})
	if err != nil || failed != nil {
		return false
	}
	var rang [8]byte
	_, err = a.timer.Read(rang[:])
	return err == nil
}
