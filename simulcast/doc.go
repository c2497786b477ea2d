// Package simulcast is layers: several encodings of one source, how one of them
// is chosen for a subscriber, and how they are joined without a seam.
//
// What a packet's first bytes say of the layer it belongs to is read by the
// packages below, one for each codec, into an Info. A Source, one for each
// published track, observes every packet once: numbers, health, order by size and
// clocks of its streams. An Output, one for each subscription, then answers with
// values: its Selector whether the packet is dropped, forwarded, or begins
// another layer; its Rewriter with the numbers of the outgoing stream.
//
// All are owned by the read loop of the publisher's lane. None knows packets'
// bytes, sockets or clocks: instants are arguments. What leaves keeps to RFC 3550
// in sequence numbers and timestamps, to RFC 7741 and RFC 9628 in picture IDs, and
// to the AV1 RTP specification's dependency descriptor in frame numbers.
//
// What a forwarder has to keep to, point by point, and the tests that say so, are in
// checklist_test.go; decoders judge the outcome in focus/internal/judge.
package simulcast
