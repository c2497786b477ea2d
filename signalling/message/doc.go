// Package message holds the words of a full-mesh call as Go values: the room
// events that say who is in a call, and the to-device messages two devices
// negotiate with.
//
// It follows MSC3401 (m.calls, m.call.* to-device), the per-device state form
// of MSC4143 and what js-sdk, Hydrogen and the Dart SDK really write. It only
// reads and writes JSON: whether an event counts is decided by
// signalling/membership, whether a message is acted upon by mesh/negotiate.
//
// Reading is tolerant where peers differ and collects every fault it finds
// (see Faults); writing is strict and produces the union of what peers need.
// All functions are pure and may be called from any goroutine. Timestamps on
// the wire are milliseconds since the epoch, durations milliseconds, unless a
// field says otherwise.
package message
