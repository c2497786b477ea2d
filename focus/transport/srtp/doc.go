// Package srtp turns RTP and RTCP packets of one connection into protected
// ones and back: SRTP and SRTCP (RFC 3711) with AES-GCM (RFC 7714), or with
// AES in counter mode and HMAC-SHA1 for peers that know nothing better.
//
// It is not a session: it holds no socket, negotiates nothing and parses no
// more of a packet than it must in order to find SSRC, number and the end of
// the header. Only the standard library's ciphers are used. What WebRTC does not
// negotiate is left out: master key identifiers, key derivation rates, short
// tags, encrypted header extensions (RFC 6904, RFC 9335).
//
// A DTLS handshake chooses a Profile and exports keying material; NewKeys cuts
// it into the two masters, one for each direction. A Sealer protects what goes
// out with our master, an Opener opens what comes in with the peer's. Each
// belongs to one loop (the send loop, the read loop) and must not be used by
// two goroutines at once; they share nothing with each other.
//
//	read loop   datagram → Opener.OpenRTP, in place → the packet in the clear
//	send loop   header written into the arena, payload wherever it lies →
//	            Sealer.SealRTP appends the protected packet to the arena
//
// Neither allocates while the SSRCs stay the same, and errors are sentinels.
//
// What is kept of an SSRC is made when its first packet has proved to be
// genuine, never before: a flood of forged SSRCs leaves nothing behind. And it
// is kept as long as the keys: the highest index of a stream is never
// forgotten, so nothing that was received can be played back and no index is
// used twice for sealing. Each direction takes 8192 SSRCs for RTP and as many for
// RTCP, then needs new keys; the 256 of them that were used last may have
// packets that come late by up to 960.
//
// Sizes are in bytes. An index is what RFC 3711 calls so: 48 bits of rollover
// counter and sequence number for RTP, 31 bits of count for RTCP.
package srtp
