// Package egress is what leaves to one subscriber, or to one peer of a mesh: a
// queue, the pacer that empties it, what is remembered of what left, and the
// estimate of the path that the feedback about it makes.
//
// It knows neither keys nor addresses nor what an item is: whoever owns the send
// loop puts items in, takes out what may leave now with the transport-wide number
// it leaves with, and brings the feedback. A Path belongs to that loop. It reads no
// clock and starts nothing; Next says when to come again.
//
//	Put → sound ┐
//	      repair ├→ Take: pacer.Pacer → history.Departures → the caller seals
//	      video ┘      ↑ pace, clusters       │ what left and when
//	   (whole frames   bwe.Estimator ←────────┴── Heard: transport-wide feedback
//	    go, see Limits)                            (draft-holmer) or RFC 8888
//
// # The queue
//
// Sound leaves first and at once, then what is sent again, then pictures in the
// order in which they came (points 19 and 36 of our checklist for simulcast). The
// queue of pictures empties by leaving whole frames out, never parts, in this order
// (Limits gives the times):
//
//  1. where more waits than Limits.Soft: frames that no frame of a lower temporal
//     layer needs, the highest layer first; and what stands before a key frame of
//     the same track
//  2. where more waits than Limits.Hard: everything of the track that has most, up
//     to its next key frame, which Wanted asks for
//  3. a frame that has waited for longer than Limits.Old, and what needs it
//
// A frame that has begun to leave is finished, unless its rest alone is more than
// Limits.Hard: then it is cut off. What is left out comes back by Discarded, in the
// order in which it was left out.
//
// Sizes are in bytes of the IP packet: the datagram and 28 (IPv4) for the headers
// below it, as the capacity of a path is counted. Times of receivers are by their
// own clocks, without wrap.
package egress
