// Package ghost tells which memberships of a room's calls are probably left
// over, and what would take them out.
//
// It is not the judge of who is in a call (signalling/membership): it looks at
// everything that stands in a room, whether it counts or not, and says how much
// speaks for somebody being there. Nothing is written here; a Removal is what
// somebody with the right to do so may write.
//
// Followed are MSC3401 and MSC4143 for the contents, the authorisation rules of
// the client-server API for who may write what, and decisions D7, D8 and D10.
//
// Everything is pure: facts, what else is known, and an instant go in; values
// come out. Any goroutine may call anything.
package ghost
