// Package pacer says when what may leave on one path: evenly, at a rate that
// somebody else has estimated.
//
// It has no queue and no clock and starts nothing: whoever owns the path's queue
// asks May before it lets a packet go, says Sent afterwards, and learns from When
// how long the next one has to wait. It belongs to one loop. A loop that comes by
// every few milliseconds and a simulation that comes at the exact instant are both
// served: what a tick was late is made good, up to the bound. The cut, a budget
// that the caller asks and tells, is that of quic-go's pacer
// (quic-go/quic-go: internal/congestion/pacer.go).
//
//	Sound    at any time (as in libwebrtc; point 36 of our checklist), and
//	         counted: what it took is paid back out of three quarters of the pace,
//	         so that the rest goes on
//	Repair   paced like Video; the queue puts it first
//	Video
//	Padding  paced; the queue puts it last
//
// # The bound
//
// Within any interval, what leaves of Repair, Video and Padding is at most
// pace × interval + Burst(pace): one packet of 1500 bytes and what the pace brings
// in 5 ms, as late as a loop may come by. RFC 9002 section 7.7 allows ten packets at
// once; here two already stand in the queue of the path like an estimate that is
// 20 ms too high. A cluster (Probe) leaves at its own rate instead, at most one
// packet and 5 ms of that rate ahead of it.
//
// A pace of 0 means that nobody has estimated anything: everything may leave.
// Falling below the delivered rate until a queue is gone is not decided here: the
// pace says it (estimate of the path).
package pacer
