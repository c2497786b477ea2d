// Package relay measures TURN servers (RFC 8656): what a packet costs that they
// relay, and how late it is.
//
// A Target is a program, started anew for each round. Clients allocate over UDP, with
// the long-term credentials that calls use, and bind a channel to one peer, which is
// a socket of ours. Then both ends send evenly, at the rate of the scenario: clients
// to the peer as ChannelData, the peer to each relayed address. One loop on one
// thread sends for all and empties all sockets, by the clock; nobody waits on a
// socket, so that the relay's packets wake nobody. Latency is from the instant
// before sending, which a packet carries, to when the kernel took it in for who
// receives it (SO_TIMESTAMPNS). Packets say in which part of a round they were sent, so
// that loss is exact.
//
// The loop watches itself: a round in which it was late, left packets out or had no room
// for what came does not count.
//
// Linux only. Instants are nanoseconds of the system's clock; rates are packets a
// second.
package relay
