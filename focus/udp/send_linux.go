//go:build !portable

package udp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// depth is how many messages go into one call. More save nothing: at 16 the
// call's own cost is spread thin enough.
const depth = 64

// resigned is how many destinations one after the other must refuse messages
// that are cut up until the socket makes none any more.
const resigned = 4

// segmentControl is the control message that says how long a segment is.
type segmentControl struct {
	header unix.Cmsghdr
	size   uint16
	_      [6]byte
}

func newSegmentControl() (c segmentControl) {
	c.header.Level, c.header.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	c.header.SetLen(unix.CmsgLen(2))
	return c
}

// sender is the sending side; the send loop's. Its headers are linked once to
// their vectors and control messages; for a batch only lengths, names and
// bases are filled in.
type sender struct {
	// set once
	raw      syscall.RawConn
	conn     *net.UDPConn
	patience time.Duration
	count    *counters
	errs     *troubles
	step     func(fd uintptr) bool // send, made a function once
	call     func(fd uintptr, headers []unix.Mmsghdr) (int, syscall.Errno)

	segmenter
	refused int // destinations that refused messages to be cut up, since one was taken

	headers  [depth]unix.Mmsghdr
	vectors  [depth]unix.Iovec
	controls [depth]sendControl
	shares   [depth]share

	// of the batch under way
	out     *Outbox
	at      place
	suspect *Path // refused as a message to be cut up, is being sent in pieces
	why     syscall.Errno
	bounded bool // a deadline is set
	late    bool // and has passed: whoever was off the processor so long tries once more
}

// share is what one header carries.
type share struct {
	path      *Path
	end       place
	datagrams int
}

func (s *sender) prepare() {
	s.step = s.send
	for i := range s.headers {
		h := &s.headers[i].Hdr
		h.Iov = &s.vectors[i]
		h.SetIovlen(1)
		s.controls[i] = newSendControl()
	}
}

func (s *sender) write(out *Outbox) error {
	s.out, s.at, s.late = out, place{}, false
	defer s.finish()
	err := s.raw.Write(s.step)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.bound(time.Time{})
		s.late = true
		err = s.raw.Write(s.step)
	}
	if err != nil {
		return net.ErrClosed
	}
	s.abandon()
	return nil
}

// bound sets until when to wait for room; the zero time is for ever.
func (s *sender) bound(until time.Time) {
	_ = s.conn.SetWriteDeadline(until) // of a socket that is closed we hear soon enough
	s.bounded = !until.IsZero()
}

// finish leaves nothing of the batch behind that would keep memory alive.
func (s *sender) finish() {
	s.out, s.suspect = nil, nil
	for i := range s.shares {
		if s.shares[i].path == nil {
			break
		}
		s.shares[i].path, s.headers[i].Hdr.Name, s.vectors[i].Base = nil, nil, nil
	}
	if s.bounded {
		s.bound(time.Time{})
	}
}

// send sends until the batch is through, or until there is no room and it is
// late. It reports false to be called again when there is room.
func (s *sender) send(fd uintptr) bool {
	for s.at.message < len(s.out.messages) {
		n := s.fill()
		sent, errno := s.call(fd, s.headers[:n])
		s.count.sent.calls.Add(1)
		switch {
		case errno == 0:
			s.acknowledge(sent)
		case errno == unix.EAGAIN:
			if !s.late && !s.bounded {
				s.bound(time.Now().Add(s.patience))
			}
			return s.late
		case again(errno):
		default:
			s.overcome(errno)
		}
	}
	return true
}

// fill makes headers of what is next, as many as there are.
func (s *sender) fill() int {
	n, p, off := 0, s.at, s.refusal.Load() != nil
	for ; n < depth && p.message < len(s.out.messages); n++ {
		m := &s.out.messages[p.message]
		length, datagrams := m.share(p.at, off || m.path.whole)
		h, v := &s.headers[n].Hdr, &s.vectors[n]
		h.Name, h.Namelen = (*byte)(unsafe.Pointer(&m.path.name.raw)), m.path.name.length
		v.Base = &m.data[p.at]
		v.SetLen(length)
		s.controls[n].fill(h, m.path, datagrams, m.size)
		p = s.out.after(p, length)
		s.shares[n] = share{path: m.path, end: p, datagrams: datagrams}
	}
	return n
}

// acknowledge goes on behind the headers that were sent, which may be fewer
// than were handed over: the call ends before the first that is refused, and
// says why when it is tried again.
func (s *sender) acknowledge(sent int) {
	if s.suspect != nil {
		s.convict()
	}
	datagrams, bytes := 0, 0
	for i := range sent {
		datagrams += s.shares[i].datagrams
		bytes += int(s.vectors[i].Len)
		if s.shares[i].datagrams > 1 {
			s.refused = 0
		}
	}
	s.at = s.shares[sent-1].end
	s.count.sent.datagrams.Add(uint64(datagrams))
	s.count.sent.bytes.Add(uint64(bytes))
}

// convict: what was refused as one message was taken in pieces, so it was the
// cutting up that was refused.
func (s *sender) convict() {
	s.suspect = nil
	s.count.sent.resent.Add(1)
	if s.refused++; s.refused == resigned && s.refusal.Load() == nil {
		s.refuse(fmt.Errorf("refused by %d destinations in turn, the last time: %w", resigned, s.why))
	}
}

// overcome decides what becomes of the first header after the kernel refused it.
func (s *sender) overcome(errno syscall.Errno) {
	first := &s.shares[0]
	if first.datagrams > 1 && segmentation(errno) {
		s.suspect, s.why = first.path, errno
		first.path.whole = true
		return
	}
	if s.suspect == first.path {
		s.suspect.whole, s.suspect = false, nil // it was not that
	}
	if errno == unix.EINVAL && first.path.marked && !first.path.plain { // a kernel that knows the class of sockets alone
		first.path.plain = true
		return
	}
	s.at = first.end
	if errno == unix.ENOBUFS { // a queue below us is full, and no poller tells when it is not
		s.count.sent.full.Add(uint64(first.datagrams))
		return
	}
	s.count.sent.failed.Add(uint64(first.datagrams))
	s.errs.note(first.path, first.datagrams, errno)
}

// segmentation reports errors by which a kernel refuses to cut up: an interface
// that cannot sum (EIO), a segment longer than the path takes (EINVAL,
// EMSGSIZE), a kernel or sandbox without it.
func segmentation(errno syscall.Errno) bool {
	switch errno {
	case unix.EIO, unix.EINVAL, unix.EMSGSIZE, unix.EOPNOTSUPP, unix.ENOPROTOOPT:
		return true
	}
	return false
}

// abandon drops what is left of a batch: nothing, if there was room.
func (s *sender) abandon() {
	for p := s.at; p.message < len(s.out.messages); {
		m := &s.out.messages[p.message]
		length, datagrams := m.share(p.at, false)
		s.count.sent.full.Add(uint64(datagrams))
		p = s.out.after(p, length)
	}
}

// sendmmsg is the system call. It does not wait: the descriptor is the poller's.
// So it need not tell the scheduler, which would take the processor away from
// the loop after 20 µs, wake another thread for it and go on watching: a call
// with a full arena takes longer than that every time.
func sendmmsg(fd uintptr, headers []unix.Mmsghdr) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&headers[0])), uintptr(len(headers)), 0, 0, 0)
	return int(n), errno
}
