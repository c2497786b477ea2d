// Package inspect looks at a homeserver from outside, the way a client would,
// and says what keeps calls from working: which step was tried, what came
// back, what that usually means, how to mend it and what to paste where.
//
// It is not a client: it keeps nothing, follows no room and needs no Matrix
// library, only net/http. What goes over TURN, NAT and the media ports is not
// its business.
//
// The checks stand in one table, in the order in which one depends on the
// other: address, name, connection, certificate, API, clock, cross-origin
// rules, login, transports, keys, messages, events that leave later. Of what
// depends on a broken step nothing is tried, so the first broken finding is
// the cause.
//
// How it is driven. New starts nothing. Findings runs the checks one after the
// other on the caller's goroutine and hands each finding over as it ends, so
// that there is progress to show; it may be called once. What it does in the
// account: with a password it makes a device and logs it out again; it sends
// one message to its own device; it makes one private room, tries delayed and
// sticky events there, leaves and forgets it. It writes nothing in rooms that
// people use, and never acknowledges a message that a running client of the
// same device waits for.
//
// It follows the client-server API v1.12, MSC4140, MSC4143 and MSC4354.
// Durations are time.Duration; on the wire they are milliseconds.
package inspect
