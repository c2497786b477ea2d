// Package discrete is a network in which nothing waits: events in the order of
// their instants, links that are a queue, a rate and a delay, and a TCP that
// fills them. A hundred seconds pass in milliseconds, and what happens is a pure
// function of the machines put in, the seed, and the code.
//
// It is not internal/simnet, which carries messages between goroutines in the
// virtual time of testing/synctest. Here there is one thread: a [Clock] wakes an
// [Actor] at the instant it asked for, and the actor puts packets into a [Link],
// which hands them to the [Receiver] of their flow when they arrive.
//
//	Actor ── Put ──▶ queue ─ bottleneck ─▶ wire of the flow ──▶ Receiver
//	                 drop-tail, marks      delay, jitter, loss
//
// Because the rates of a link are known beforehand, when a packet leaves the
// queue is computed as it enters: there is one event for each packet and link.
//
// Sizes are bytes of IP packets (datagram and 28 bytes of IPv4 and UDP), rates
// are bits of these in a second. Times in configurations count from the Start of
// the simulation. Conditions as RFC 8867 and RFC 8868 have them; TCP as RFC 9438.
// Nothing may be used by two goroutines at once.
package discrete
