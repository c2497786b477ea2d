// Package live plays cases of bench/congestion in real time with Chromium at one
// end: what keeps the simulator honest (docs/bwe.md).
//
//	to Chromium    source ─ focus/lane, adaptive ─▶ bottleneck ─▶ Chromium
//	from Chromium  Chromium, libwebrtc's estimator ─▶ bottleneck ─▶ focus/lane
//
// The source makes what the simulated one does, of the same code: frames of the
// size that the estimate asks for (5.1), or three layers (S1), as VP8 that can be
// decoded. The bottleneck is internal/simnet/bottleneck, whose links are those of the
// simulation; its log goes through the same metrics. What differs is all the rest:
// the lane's loops in place of a function call, real sockets and clocks, and Chromium
// as receiver, which reports, decodes and freezes as it does.
//
// A [Stage] is one run. Everything belongs to the test, or to the program in the guise of
// one, whose goroutine calls: it ends when that does.
package live
