// Package history is what was sent: packets that are kept in order to send them
// again, which of them a subscriber means by a number, and when what left.
//
// It is not a queue and does not pace: whoever owns a loop asks it and sends.
// Three things, each owned by one loop and sharing nothing but the packets:
//
//	Ring        of each published layer   read loop, publisher's lane
//	            holds what arrived, by time and count, once for all subscribers
//	Sent        of each subscription      send loop, subscriber's lane
//	            output number → packet and the numbers it left with. It remembers
//	            packets without holding them, so that a switch to another layer
//	            or another SSRC changes nothing about what is remembered
//	Departures  of each connection        send loop, subscriber's lane
//	            transport-wide number → instant and size, for the estimate
//
// A packet that is sent again goes as RFC 4588 has it, on an SSRC with numbers of
// its own; no index is sealed twice under one key. The way of a NACK:
//
//	feedback.Message → Sent.Again → packet.Writer with the retransmission's
//	numbers → packet.AppendOriginal → the payload, patched as the first time
//
// RFC 3550, RFC 4585 section 6.2.1, RFC 4588 and
// draft-holmer-rmcat-transport-wide-cc-extensions-01. Sizes are in bytes. Nothing
// allocates but while a Ring or Departures grows to what its stream needs.
package history
