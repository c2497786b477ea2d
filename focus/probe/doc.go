// Package probe is the media half of the doctor: it asks STUN and TURN servers
// and the network in between the way a call would, and says in words what it
// found, why, and what to change.
//
// It carries no call. It knows no homeserver either: servers and credentials
// come from the caller, who had them from there or from a person. Each check
// makes its own sockets and closes them; the relays it allocates are given
// back, also when the context ends. A TURN server has passed when datagrams
// went through it and came back, not when it said yes.
//
// # How it is driven
//
// A Prober is a bag of settings; its methods block until the check is done,
// start no goroutine that outlives them and may be called one after the other
// from any goroutine (in parallel they would count each other's allocations).
// Each check ends within a bounded time and at once when its context does.
// Prober.Findings does everything in an order in which the first Broken one is
// the cause of those after it.
//
// Standards: STUN (RFC 8489), TURN (RFC 8656), NAT behaviour discovery (RFC
// 5780), padding for path MTU (RFC 4821 in spirit: a size counts when it comes
// back).
//
// # Units
//
// Sizes are bytes of UDP payload. Round trips are two passages through the
// relay. Nothing in a Finding is secret: no password, no user name, no nonce.
package probe
