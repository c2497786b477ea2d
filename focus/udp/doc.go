// Package udp is the socket of a lane: many datagrams in one call, in and out,
// and several to one destination as one message that the kernel cuts up
// (UDP_SEGMENT, udp(7)).
//
// It knows nothing of what the datagrams hold and starts no goroutine. A
// Socket has two sides that share nothing but the port:
//
//	read loop   Read fills an Inbox: recvmmsg straight into the buffers that the
//	            caller brought; what the kernel had put together (UDP_GRO) is
//	            taken apart again without copying
//	send loop   Add and Append fill an Outbox with slices of the caller's arena,
//	            Write sends it: sendmmsg, a message a destination
//
// Each side belongs to one goroutine; WriteTo, Path, Stats and Close are for
// all. Neither side allocates, locks against the other, or looks anything up:
// what is to be known of a destination is in its Path, which the caller keeps
// beside whatever else it knows of the subscriber.
//
// From the smallest to the largest: a datagram; a message, which is a
// destination and one slice of memory with datagrams of one size in it, the
// last of them perhaps shorter; an Outbox, which is messages to many.
//
// Two engines do the work. The batched one is Linux's, by raw system calls. The
// portable one is net.UDPConn, a datagram a call, for all other systems and for
// those who ask for it; both obey one suite of tests. Cutting up by the kernel
// is tried out at Listen and given up where it turns out to be refused: for one
// destination (an interface that cannot sum, a path of smaller packets), or for
// the socket if that goes on. What was refused is sent again without.
//
// A destination that cannot be reached is counted and never ends a batch.
// Sizes are in bytes.
package udp
