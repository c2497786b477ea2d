// Package bottleneck is a path in real time: between two programs that speak UDP
// with each other it puts a queue, a rate and a delay in each direction, and
// notes what became of every datagram.
//
//	guest ──▶ near socket ─ link Back ──▶ far socket ──▶ target
//	guest ◀── near socket ◀─ link Forward ─ far socket ◀── target
//
// The links are those of internal/simnet/discrete: the same arithmetic decides when
// a datagram leaves here and in a simulation, so that one can be held against
// the other. A datagram enters at the instant at which the kernel got it
// (SO_TIMESTAMPNS, where there is that), however late it is read; as it has to
// wait for its delay anyway, only a machine that is later than that falsifies
// anything. How late datagrams were handed over is counted ([Audit]): it tells
// when the machine was the limit and not the path.
//
// Each address that guests send from has a far socket of its own, as behind a
// NAT, so ICE finds its way through: a guest has to be told the near address in
// place of the target's candidates, and the target none.
//
// Open starts a loop, which owns the links and the log, and a reader for each
// socket; Close ends them. Before Begin everything passes at once. All methods
// may be called from any goroutine. Sizes are of IP packets: a datagram and 28
// bytes.
package bottleneck
