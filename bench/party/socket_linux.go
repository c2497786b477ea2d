package party

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// batch is how many datagrams are taken in one call. More cost no less each.
	batch = 64
	// longest is longer than any datagram that an Ethernet carries whole.
	longest = 1600
	// buffer is asked for each socket: half a second of a stream of 3000 packets
	// a second, counted as the kernel counts them (2304 bytes each).
	buffer = 4 << 20
)

// socket is a UDP port of IPv4 that never waits. It belongs to the loop, but
// for send, which is for all goroutines.
type socket struct {
	fd    int
	local netip.AddrPort
}

// openSocket binds a port of an address.
func openSocket(address netip.Addr) (*socket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	s := &socket{fd: fd}
	if err := s.prepare(address); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return s, nil
}

func (s *socket) prepare(address netip.Addr) error {
	if err := unix.Bind(s.fd, &unix.SockaddrInet4{Addr: address.As4()}); err != nil {
		return fmt.Errorf("bind %s: %w", address, err)
	}
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return os.NewSyscallError("setsockopt SO_TIMESTAMPNS", err)
	}
	for _, option := range [][2]int{{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}} {
		if unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, option[0], buffer) == nil {
			continue // root may have more than the system's limit
		}
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, option[1], buffer); err != nil {
			return os.NewSyscallError("setsockopt for a buffer", err)
		}
	}
	name, err := unix.Getsockname(s.fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	bound := name.(*unix.SockaddrInet4)
	s.local = netip.AddrPortFrom(netip.AddrFrom4(bound.Addr), uint16(bound.Port))
	return nil
}

func (s *socket) close() { _ = unix.Close(s.fd) }

// send sends one datagram.
func (s *socket) send(datagram []byte, to netip.AddrPort) error {
	return unix.Sendto(s.fd, datagram, 0, &unix.SockaddrInet4{Addr: to.Addr().Unmap().As4(), Port: int(to.Port())})
}

// sample lets one RTP packet through in so many, a power of two, by the last
// bits of its number, and all that is not RTP (RFC 7983 section 7, RFC 5761
// section 4). A filter on a socket sees the datagram from its UDP header on.
func (s *socket) sample(every int) error {
	const payload = 8 // behind the UDP header
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: payload},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0xc0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0x80, Jf: 6}, // not version 2
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: payload + 1},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0xe0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0xc0, Jt: 3}, // RTCP
		{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: payload + 2},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: uint32(every - 1)},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 1 << 16},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
	err := unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	return os.NewSyscallError("setsockopt SO_ATTACH_FILTER", err)
}

// dropped is how many datagrams the kernel has dropped since the socket was opened: for
// want of room, and those that sample did not let through (socket(7) has no word of it;
// sk_meminfo of linux/sock_diag.h, SK_MEMINFO_DROPS).
func (s *socket) dropped() uint64 {
	const drops = 8
	var counters [drops + 1]uint32
	size := uint32(unsafe.Sizeof(counters))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&counters)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0
	}
	return uint64(counters[drops])
}

// inlet is where datagrams of any socket are read to; one for the loop.
type inlet struct {
	headers  [batch]unix.Mmsghdr
	vectors  [batch]unix.Iovec
	names    [batch]unix.RawSockaddrInet4
	controls [batch][8]uint64
	bytes    [batch][longest]byte
}

func newInlet() *inlet {
	in := &inlet{}
	for i := range in.headers {
		h := &in.headers[i].Hdr
		in.vectors[i].Base = &in.bytes[i][0]
		in.vectors[i].SetLen(longest)
		h.Iov = &in.vectors[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&in.names[i]))
		h.Control = (*byte)(unsafe.Pointer(&in.controls[i]))
	}
	return in
}

// receive takes what has come and says how many there are, 0 if none.
func (in *inlet) receive(s *socket) int {
	for i := range in.headers {
		h := &in.headers[i].Hdr
		h.Namelen = unix.SizeofSockaddrInet4
		h.SetControllen(int(unsafe.Sizeof(in.controls[i])))
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&in.headers[0])), batch, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// datagram gives the i-th that receive brought.
func (in *inlet) datagram(i int) []byte { return in.bytes[i][:in.headers[i].Len] }

// from says who sent it.
func (in *inlet) from(i int) netip.AddrPort {
	port := (*[2]byte)(unsafe.Pointer(&in.names[i].Port))
	return netip.AddrPortFrom(netip.AddrFrom4(in.names[i].Addr), binary.BigEndian.Uint16(port[:]))
}

// arrived says when the kernel took it in, 0 if it does not tell.
func (in *inlet) arrived(i int) int64 {
	h := (*unix.Cmsghdr)(unsafe.Pointer(&in.controls[i]))
	if in.headers[i].Hdr.Controllen < unix.SizeofCmsghdr || h.Level != unix.SOL_SOCKET || h.Type != unix.SCM_TIMESTAMPNS {
		return 0
	}
	return (*unix.Timespec)(unsafe.Pointer(&in.controls[i][unix.SizeofCmsghdr/8])).Nano()
}

// outlet is packets of one burst, sent in one call.
type outlet struct {
	headers [batch]unix.Mmsghdr
	vectors [batch]unix.Iovec
	name    unix.RawSockaddrInet4
	count   int
}

// add puts a packet in, which must stay as it is until send.
func (o *outlet) add(packet []byte) {
	o.vectors[o.count].Base = &packet[0]
	o.vectors[o.count].SetLen(len(packet))
	o.count++
}

// send sends what was added and says how many left.
func (o *outlet) send(s *socket, to netip.AddrPort) int {
	o.name = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.Addr().Unmap().As4()}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&o.name.Port))[:], to.Port())
	for i := range o.count {
		h := &o.headers[i].Hdr
		h.Iov = &o.vectors[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&o.name))
		h.Namelen = unix.SizeofSockaddrInet4
	}
	count := o.count
	o.count = 0
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&o.headers[0])), uintptr(count), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// sharpen makes sleeps of the calling thread end when they should: without, the
// kernel lets them last 50 µs longer (prctl(2), PR_SET_TIMERSLACK).
func sharpen() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) }

// sleep lets the thread rest for so many nanoseconds. time.Sleep would be late
// by up to a millisecond when nothing else runs.
func sleep(nanoseconds int64) {
	rest := unix.NsecToTimespec(nanoseconds)
	_ = unix.Nanosleep(&rest, nil) // woken early is no harm
}
