//go:build !portable

package udp

import (
	"encoding/binary"
	"net"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernelInbox is an inbox as recvmmsg wants it: for each slot a header that
// points to a vector, which points to the slot's buffer, to a name and to
// control messages. It is linked once; afterwards only lengths are reset.
type kernelInbox struct {
	headers  []unix.Mmsghdr
	vectors  []unix.Iovec
	names    []unix.RawSockaddrInet6
	controls []receiveControl
	short    int // buffers below Longest
}

// receiveControl holds the control messages that may come with a datagram: the size
// of segments and two traffic classes, each 24 bytes at most, and the time, 32.
type receiveControl [13]uint64

// told is what control messages say.
type told struct {
	size int // of segments, 0 for one
	ecn  ECN
	came int64 // nanoseconds of Unix time, 0 if it does not say
}

func (k *kernelInbox) prepare(slots int) {
	k.headers = make([]unix.Mmsghdr, slots)
	k.vectors = make([]unix.Iovec, slots)
	k.names = make([]unix.RawSockaddrInet6, slots)
	k.controls = make([]receiveControl, slots)
	k.short = slots
	for i := range k.headers {
		h := &k.headers[i].Hdr
		h.Name = (*byte)(unsafe.Pointer(&k.names[i]))
		h.Iov = &k.vectors[i]
		h.SetIovlen(1)
		h.Control = (*byte)(unsafe.Pointer(&k.controls[i]))
		k.rearm(i)
	}
}

// rearm makes a slot ready for the next call.
func (k *kernelInbox) rearm(slot int) {
	h := &k.headers[slot].Hdr
	h.Namelen = unix.SizeofSockaddrInet6
	h.SetControllen(int(unsafe.Sizeof(receiveControl{})))
}

// place puts a buffer into a slot.
func (k *kernelInbox) place(slot int, buffer []byte) {
	v := &k.vectors[slot]
	if v.Base == nil || v.Len < Longest {
		k.short--
	}
	if len(buffer) < Longest {
		k.short++
	}
	v.Base = &buffer[0]
	v.SetLen(len(buffer))
}

// roomy reports whether every slot takes whatever the kernel puts together.
func (k *kernelInbox) roomy() bool { return k.short == 0 }

// receiver is the reading side; the read loop's.
type receiver struct {
	raw   syscall.RawConn
	count *counters
	step  func(fd uintptr) bool // receive, made a function once
	addresses

	// of the call under way
	in    *Inbox
	got   int
	errno syscall.Errno
}

func (r *receiver) read(in *Inbox) error {
	r.in = in
	defer func() { r.in = nil }()
	for failed := 0; ; {
		if err := r.raw.Read(r.step); err != nil {
			return net.ErrClosed // nobody sets a deadline for reading
		}
		if r.errno != 0 {
			r.count.read.errors.Add(1)
			if failed++; failed == stubborn {
				return r.errno
			}
			continue
		}
		failed = 0
		r.sort()
		if len(in.Datagrams) > 0 {
			return nil
		}
	}
}

// receive asks the kernel once. It reports false if there is nothing yet. The
// call does not wait, and does not tell the scheduler (see sendmmsg).
func (r *receiver) receive(fd uintptr) bool {
	var began time.Time
	if r.in.Timed {
		began = time.Now()
	}
	headers := r.in.kernel.headers
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&headers[0])), uintptr(len(headers)), 0, 0, 0)
	r.got, r.errno = int(n), errno
	if r.in.Timed {
		r.in.Took = time.Since(began)
	}
	return errno != unix.EAGAIN
}

// sort makes datagrams of what came.
func (r *receiver) sort() {
	in, bytes, cut, now := r.in, 0, 0, int64(0)
	for slot := range r.got {
		h := &in.kernel.headers[slot]
		length := int(h.Len)
		told := in.kernel.controls[slot].read(int(h.Hdr.Controllen))
		of := Datagram{From: r.addresses.read(&in.kernel.names[slot]), ECN: told.ecn}
		if told.came != 0 {
			if now == 0 {
				now = time.Now().UnixNano() // the clock of the stamps; once for all
			}
			of.Waited = time.Duration(min(max(now-told.came, 0), int64(waitedMost)))
		}
		in.kernel.rearm(slot)
		taken := in.take(slot, length, told.size, of)
		if taken < length {
			cut++
		}
		bytes += taken
	}
	r.count.read.calls.Add(1)
	r.count.read.bytes.Add(uint64(bytes))
	r.count.read.datagrams.Add(uint64(len(in.Datagrams)))
	if cut > 0 {
		r.count.read.cut.Add(uint64(cut))
	}
}

// waitedMost bounds what is believed: the clock of the stamps may be set while a
// datagram waits.
const waitedMost = time.Second

// read takes out what control messages of so many bytes say (cmsg(3)).
func (c *receiveControl) read(length int) (t told) {
	raw := unsafe.Slice((*byte)(unsafe.Pointer(c)), unsafe.Sizeof(*c))[:length]
	for len(raw) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&raw[0]))
		end := int(h.Len)
		if end < unix.SizeofCmsghdr || end > len(raw) {
			break
		}
		data := raw[unix.CmsgLen(0):end]
		switch {
		case h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO && len(data) >= 4:
			t.size = int(int32(binary.NativeEndian.Uint32(data)))
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_TOS && len(data) >= 1:
			t.ecn = ECN(data[0]) & CE
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_TCLASS && len(data) >= 4:
			t.ecn = ECN(binary.NativeEndian.Uint32(data)) & CE
		case h.Level == unix.SOL_SOCKET && h.Type == unix.SCM_TIMESTAMPNS && len(data) >= 16: // struct timespec of 64 bits
			t.came = int64(binary.NativeEndian.Uint64(data))*int64(time.Second) + int64(binary.NativeEndian.Uint64(data[8:]))
		}
		raw = raw[min(unix.CmsgSpace(end-unix.CmsgLen(0)), len(raw)):]
	}
	return t
}

// drops asks how many datagrams found no room in the receive buffer: the last
// of the figures of SO_MEMINFO (SK_MEMINFO_DROPS).
func drops(fd int) uint64 {
	var figures [9]uint32
	length := uint32(unsafe.Sizeof(figures))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&figures)), uintptr(unsafe.Pointer(&length)), 0)
	if errno != 0 {
		return 0
	}
	return uint64(figures[8])
}
