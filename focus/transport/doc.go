// Package transport carries media between this process and one remote device:
// ICE, DTLS and SRTP behind a Conn, and the tracks that go through it.
//
// It does not know who the other device is, why we talk to it or how
// descriptions reach it: the caller makes an offer or an answer with a Conn,
// carries the text to the other side by whatever signalling it has, and feeds
// back what arrives.
//
// A Network is the sockets: one UDP port, and the same TCP port, for every
// connection of the process, on each local address (RFC 8445; ICE-TCP passive,
// RFC 6544). A Conn is one connection. A LocalTrack is media to send, in any
// number of connections at once and packetised once. A RemoteTrack is media
// received from one connection.
//
// # Layers
//
// A connection is an exchange: whose turn it is to speak, candidates and their
// generations, events. What is said there is its strand's matter, which puts
// together session descriptions (focus/transport/jsep), a way and its keys
// (focus/transport/link) and media (focus/lane):
//
//	Conn, Bundle ── exchange ── strand ─┬─ jsep.Session   words
//	                                    ├─ link.Link      ICE, DTLS, data channels
//	                                    └─ lane.End       media
//
// A Bundle gives its lines to the caller as tracks of lanes: that is what a focus
// needs, which sends what others sent. A Conn is the same with the four lines of
// a call and media as samples, one picture or packet of sound each: a LocalTrack
// cuts them into packets, once for each lane that has connections (its feeds),
// and a RemoteTrack puts them together.
//
// Below them a Network has a berth for each port: its sockets (focus/udp) and the
// lane that reads them.
//
// # How it is driven
//
// All methods may be called from any goroutine. CreateOffer, AcceptOffer and
// AcceptAnswer of one Conn run one after the other. What a connection has to
// say arrives in order on Conn.Events; nothing calls back. A LocalTrack is
// written by one goroutine at a time, its source.
//
// # Negotiation
//
// Offer and answer follow RFC 9429 with one bundle and rtcp-mux. A Conn has no
// rollback (decision D25): an offer can be made or accepted in the stable
// state only, and everything a call may need is in the first offer, so that
// later changes are done by exchanging tracks. A Bundle can withdraw an offer.
//
// # Units
//
// Bytes count payload of RTP without headers unless a field says packets.
// RTP timestamps are in the clock of the codec: 90 kHz video, 48 kHz Opus.
package transport
