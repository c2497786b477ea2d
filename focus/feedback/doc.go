// Package feedback is RTCP in and out: what receivers tell of our packets, what
// we tell publishers of theirs, and the small machines that decide when.
//
// It is not a session: it holds no socket, reads no clock, starts nothing, and
// opens no SRTCP; bytes are in the clear. Whoever owns a loop calls it with the
// instant it has read once for the batch, asks each machine by Next when it
// wants to be called again, and sends what the Append functions have added to
// its buffer. No value here may be used by two goroutines at once.
//
//	subscriber's RTCP  Read → Message: NACKs to history, arrivals to the
//	                   estimate, reports to Clock and RoundTrip, and requests
//	                   for key frames to KeyFrames
//	publisher's media  Receiver (loss, jitter), Missing (what to ask for
//	                   again), Arrivals or StreamArrivals (when what came)
//	our media          Sender: reports whose clock is Base, one per publisher
//
// Standards: RFC 3550 (reports, section 6.4, A.3, A.8), RFC 4585 and 5104 (NACK,
// PLI, FIR), RFC 5506 (reduced size), RFC 8888 and
// draft-holmer-rmcat-transport-wide-cc-extensions-01 (arrivals), and
// draft-alvestrand-rmcat-remb-03 read only. XR and everything else is passed
// over. Loss downstream is never told upstream: nothing here is relayed.
//
// Nothing allocates once it is made. What a peer can send is at worst a fault
// that is counted; work on one datagram is bounded. Sizes are in bytes.
package feedback
