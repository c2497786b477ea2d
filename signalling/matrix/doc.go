// Package matrix is the client side of Matrix: one account on one device that
// follows rooms, carries call signals from device to device, and keeps its own
// membership of a call alive.
//
// It is a port. It says what the homeserver said and does what it is told: it
// computes no session (signalling/membership does), decides about no call
// (mesh does) and knows no media.
//
// Followed are the client-server API v1.11 and later; Olm with MSC4147
// sender_device_keys for to-device messages, and Megolm for messages in
// encrypted rooms; MSC4140 delayed events and
// MSC3401, MSC4143 (per-device state, and sticky events by MSC4354) for the own
// membership; MSC4143 transports and the TURN endpoint for discovery. The stands
// taken are decisions D4, D7, D8, D10, D11, D14 to D17, D23, D24 and D29.
//
// An Account runs two loops, both inside Run: the sync loop owns the sync
// token, the room state and everything received; the outbox loop owns order
// and retry of what is sent. A Membership has a third, its own Run. Subscribe,
// Send and the request methods may be called from any goroutine. What the
// account pushes to a Sink comes from the sync loop, one response at a time:
// first the facts of every changed room, then all signals of the response.
//
// Times are time.Duration in Go and milliseconds on the wire; instants are the
// local clock unless a name says "server".
//
// The package needs the build tag goolm (Olm in Go, no libolm).
package matrix
