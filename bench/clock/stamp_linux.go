package clock

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

// came reads it, in nanoseconds of the system's clock; seen is when the datagram was
// read. A clock that was set in between makes it useless.
func came(control []byte, seen int64) int64 {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return seen
	}
	for _, m := range messages {
		if m.Header.Level != unix.SOL_SOCKET || m.Header.Type != unix.SCM_TIMESTAMPNS || len(m.Data) < int(unsafe.Sizeof(unix.Timespec{})) {
			continue
		}
		if at := (*unix.Timespec)(unsafe.Pointer(&m.Data[0])).Nano(); at <= seen && seen-at < int64(time.Second) {
			return at
		}
	}
	return seen
}
