package udp

import "errors"

// What a caller may want to tell apart. A closed Socket answers net.ErrClosed.
var (
	// ErrNoEngine: Batched was asked for on a system that has no such calls.
	ErrNoEngine = errors.New("the batched engine needs Linux with recvmmsg and sendmmsg: ask for Best or Portable")
	// ErrFamily: an IPv6 address cannot be reached from a socket of IPv4, nor the
	// other way round if the socket is bound to an IPv6 address.
	ErrFamily = errors.New("the socket does not speak that family of addresses")
	// ErrShortBuffer: the kernel may put datagrams together (Config.Coalesce) and
	// an Inbox brings a buffer that is shorter than Longest.
	ErrShortBuffer = errors.New("a socket that coalesces reads into buffers of 65536 bytes only")
	// ErrFull: the send buffer had no room within Config.Patience.
	ErrFull = errors.New("no room in the send buffer")
)
