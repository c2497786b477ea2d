// Package headless is a participant without a screen: a Matrix account that is
// in the call of one room, sends what files or RTP give it and records what
// arrives.
//
// It only puts the rooms together: signalling/matrix for the words, mesh for
// who is connected to whom, focus/transport and focus/record for the media.
// It decides nothing about the protocol; the order in which it starts and
// stops them is that of a MatrixRTC client: sync, check, delayed leave and
// membership, calls. It ends with the membership, then the calls, then sync.
//
// # How it is driven
//
// Open does everything that can be refused: it reads the sources, logs in and
// joins the room. Run is the call; it blocks until its context ends or the
// account is refused, leaves the call and finishes the recordings. With
// OnDemand Run only stays in touch, and each Call beside it is a call. Status
// may be called from any goroutine. Nothing runs before Run nor after it.
//
// # Loops
//
// Run starts the account's sync and outbox loops, and one sampler that takes
// the statistics of all links once a second. Call starts the registry's loop,
// the membership's, one per source and one per recorded track.
package headless
