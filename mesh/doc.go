// Package mesh keeps us connected to everybody who is in a call with us: it
// turns member events into peer connections and takes them down again.
//
// It is where the two wings meet: who is a member comes from
// signalling/membership, what is said to a device goes through a [Signaller],
// and media goes through a [Conn] of focus/transport. It knows no Matrix
// client, no socket and no codec. It follows MSC3401 and MSC4143 where they
// speak of peers, and decisions D6, D18 to D26 and D29.
//
// # How it is driven
//
// A [Registry] is made once for a session ID and driven by [Registry.Run].
// All its other methods may be called from any goroutine and do not block,
// but for [Registry.Leave], which waits. Facts of rooms come in with SetFacts,
// call messages with Receive, and Enter says where we are a member.
//
// # Loops
//
//	registry   one          facts, timer of the next change, held messages, which
//	                        session a pair meets in
//	mesh       per session  party → peer
//	peer       per device   the negotiate.Machine of the pair and its timer
//	line       per call     one connection: the slow steps, in order
//
// Messages go down from registry to line and results come back up; each loop
// has a mailbox that never makes its sender wait. A connection that hangs
// therefore holds up its own line and nothing else. When Run has returned,
// all of them have ended.
//
// Times are instants of the process's clock; inside testing/synctest it is
// the virtual one.
package mesh
