// Package remb is what a browser tells a server that sends to it without transport-wide
// numbers: how much may come, found out at the receiver by when packets left and when they
// came. A server that goes by that sends into a queue for ever if it hears of nothing, or
// of a number that is none.
//
//	packets ─▶ groups: how much longer each was under way than the one before
//	        ─▶ filter: the trend of that, its noise and what size does ─▶ overuse, or not
//	        ─▶ rate: down to 0.85 of what comes; else up, to 1.5 times what comes
//
// It is draft-ietf-rmcat-gcc-02, sections 5.2 to 5.5, with what libwebrtc's receivers do beyond
// it where that says nothing, or something that cannot be meant: each such place names it.
//
// Pure: instants are arguments, of the receiver's clock; times of sending are those of
// abs-send-time, of the sender's. A Limit belongs to one goroutine.
package remb
