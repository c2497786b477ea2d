// Package ring decides about ringing: whether a notification rings us
// (Receive), and what becomes of a ring on either side (Machine).
//
// It follows MSC4075 (notification) as js-sdk 43 reads it, MSC4310 (decline)
// and the decisions D32 to D37; where a slot is missing it counts as open. A
// ring is about people: a decline is that of a user and silences all their
// devices, while a dismissal is that of one device and is told nobody. There is
// no "busy" and, outside of one abandoned text, no word that a device rings.
//
// It is not the session: who is in the call decides signalling/membership, and
// a call may run, be joined and be left without any ring.
//
// A Machine is driven by one goroutine: events with the instant in, actions
// out; at Next it wants a Tick. Observe turns the members of the session into
// events. Everything is pure: no clock, no goroutine, no logger. Table lists
// every state and event, for tests and for ports to other languages
// (testdata/table.json).
package ring
