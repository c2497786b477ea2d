// Package call measures calls: what people see and hear of each other by way of a
// server. Publishers and subscribers are faithful parties (package party): what is
// sent can be decoded, and what arrives is put together, held by a jitter buffer and
// shown, so that freezes, first frames and sound that is missing are those of a
// receiver, of every stream.
//
// All subscribers come in at once, each timed from its asking. When all have seen all
// publishers, and after a time to warm up, the measurement begins; while it lasts
// subscribers may leave and others come in their place (scenario's leave), want other
// layers (change), and sit behind a path of their own, each behind its own (path):
//
//	server ── path's bandwidth, queue, delay, loss ──▶ subscriber
//	server ◀── path's delay ── subscriber
//
// A round does not count if parties, paths or clocks were the limit, and says which.
package call
