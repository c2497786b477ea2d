// Package turn is a relay for those who reach each other in no other way: a TURN server
// (RFC 8656) over UDP, that one line of configuration starts.
//
// The protocol's state machine is pion/turn's. Here is what a relay on a public address
// needs besides: credentials that run out (Secret), bounds on how much one user and all
// may take, whom it sends to (peers), counts (Stats), and sockets that read many
// datagrams in one call and send what came together together (focus/udp). Packets of
// channels, which are nearly all, pass pion/turn by: it says which channels there are.
//
// It is no way into the network that it stands in: private, loopback and link-local
// addresses are refused as peers unless allowed. This machine's own address is a peer at
// ports that are relayed themselves, by which two meet who both need a relay, and at those
// that sent to the relayed address before, as ICE of a program here does. TCP, TLS and
// allocations over TCP (RFC 6062) there are none of.
//
// How it runs: one goroutine reads the socket that clients send to, and sends on for
// them; one for each allocation reads its relayed address. Both are pion/turn's, in our
// ReadFrom, and each owns what it has read and not yet sent. Stats is for all
// goroutines. Durations are time.Duration, sizes bytes.
package turn
