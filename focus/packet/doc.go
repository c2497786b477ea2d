// Package packet is one received datagram: where its RTP header ends, what it
// says, and the pooled, counted buffer it lies in until the last subscriber has
// sent it; and the header it leaves with, which is another for each subscriber.
//
// It follows RFC 3550 section 5.1, RFC 8285 for header extensions, RFC 4588 for
// packets that are sent again and RFC 7983 for telling protocols apart. It knows
// neither sockets nor keys: bytes are in the clear when a header is read. Nothing
// here judges what a stream means; codecs and reports have packages of their own.
//
//	read loop   Pool.Take → bytes from the socket, opened in place →
//	            Packet.Parse, once → Retain, once for each lane it goes to
//	send loop   Writer.Append: the header anew, with the time and number of
//	            leaving → payload → Release
//
// A header is read once, by the read loop, and everything after it is offsets:
// from the hand-over on nobody writes to a Packet any more. Nothing on that way
// allocates, locks or reads a clock. Sizes and offsets are in bytes.
package packet
