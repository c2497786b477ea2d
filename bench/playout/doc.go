// Package playout is what a receiver makes of packets that arrive: when it can
// put a frame together, when it shows it, when what it shows stands still, and
// how much of the sound it has to make up. It is a model: nothing is decoded, and
// what it says is what a decoder would have had to work with.
//
//	packets ─▶ frames: whole, and following what was shown ─▶ Delay: when each is
//	shown ─▶ Freezes: pauses that people see
//
// A frame can be shown if all its packets are there and it follows, number by
// number, the one before, or if it is a key frame: servers number without holes
// what they forward, whatever they leave out (RFC 7667 section 3.7). A freeze is
// what freezeCount of "Identifiers for WebRTC's Statistics API" counts: a pause
// between two frames of at least three times the mean of the last thirty, and of
// at least that mean and 150 ms.
//
// Pure: instants are arguments, in nanoseconds of any clock that is the same for
// all; each value belongs to one goroutine.
package playout
