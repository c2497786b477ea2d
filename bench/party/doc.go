// Package party is synthetic participants: many connections that publish and
// subscribe to measure a server, at as little cost to themselves as can be.
//
// An End is one connection. It negotiates with the rooms of this house (jsep,
// link, srtp), so that it is a real WebRTC peer to any server: it speaks ICE and
// DTLS, seals what it sends and reads RTCP. What it says is the same to every
// server, and what Chromium says of VP8; what a server makes of it is the server's
// (End.Negotiated):
//
//	both        header extensions for the mid, the rid of layers, the time of
//	            sending and the transport-wide number; reports every second
//	publishers  key frames by PLI and FIR; what a NACK asks for, as RFC 4588 has it
//	subscribers NACKs for what they miss; arrivals by transport-wide numbers every
//	            50 ms, or how much may come (REMB), where the server wants that
//
// A network of one machine loses nothing, so subscribers can take a part of what
// arrives for lost (Config.Lose): it counts as received, and as asked for again.
// Publishers can send up to three layers (RFC 8853).
//
// A Load is the loop that sends and receives for all Ends, on one system thread.
// It goes by the clock: what is due is sent, and every millisecond all sockets
// are emptied, many datagrams in one call. Nobody waits on a socket, so that a
// server's packets wake nobody, and what is measured does not hang on when the
// loop comes round:
//
//	latency   from the instant before a packet's sending, which it carries, to
//	          when the kernel took it in for the subscriber (SO_TIMESTAMPNS),
//	          of one packet in sixteen, which is opened for that
//	loss      by counting, of all
//
// A Load watches itself (Counts.Lateness, Counts.Full): when it was the limit,
// a measurement says nothing of the server. Subscribers that only sample let
// the kernel drop all but one packet in so many, by a filter on the socket: a
// server that fills two cores can then be measured on a machine that has two.
//
// Faithful parties (Config.Faithful) are fewer: who publishes shows package clip's
// pictures and says its sound, in frames as large as an encoder's, key frames when
// they are asked for; who subscribes opens all packets and makes of them what a
// receiver would (package playout), asks for key frames that it misses, and can be
// led through a bottleneck (End.Through). Latency is then from the capture of the
// frame, of all packets that have room to say it behind what a decoder reads: it
// stands there and not in a header extension (abs-capture-time), since servers pass
// on those extensions alone that they know.
//
// Linux only: other systems get ErrSystem. Instants are nanoseconds of the
// system's clock; rates are packets in a second.
package party
