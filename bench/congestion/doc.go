// Package congestion judges algorithms that estimate a path: the cases of
// RFC 8867 and those beyond it that a server for calls meets, played in
// simulated time (internal/simnet/discrete), with metrics that are defined to the
// letter and goals that are data.
//
// A [Case] is conditions, a [Controller] what is judged, and [Run] makes a
// [Result] of both and a seed: figures, a curve, and the hash of all packets. Media and
// feedback are bytes as on the wire: receivers report with focus/feedback, in
// steps of 250 µs. With the same case, code and seed the same happens.
//
// A case may be varied by the seed (times and capacities ±15 %, queue ±30 %,
// delay ±50 %), so that nobody can learn the schedule by heart.
//
// Rates count IP packets: a datagram and 28 bytes. Times count from the start of
// the run. Nothing here starts a goroutine, but several runs may be made at once.
package congestion
