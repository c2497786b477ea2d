package bottleneck

import (
	"net"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// stamped has the kernel tell when datagrams came.
func stamped(conn *net.UDPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) })
}

// came reads it, and tells it on the clock of seen: the kernel counts in the
// time of day.
func came(control []byte, seen time.Time) time.Time {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return seen
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})) {
			t := (*unix.Timespec)(unsafe.Pointer(&m.Data[0]))
			late := seen.Round(0).Sub(time.Unix(t.Unix()))
			return seen.Add(-min(max(late, 0), time.Second))
		}
	}
	return seen
}
