// Package via gets everybody's media by way of a member that forwards, in place of
// a connection to each: the other end of mesh/forward.
//
// A Guide belongs to one participant in one call. It wraps the connections to
// members that forward (Connect): a Client speaks the messages of MSC3898 on the
// data channel of such a connection, subscribes to what is wanted and answers what
// is offered there, one negotiation at a time with those of the mesh. The tracks
// that come are their owners', as the focus names them, and are told with them.
//
// Two parts decide, without a clock or a goroutine: Director, by which member
// everything is got, and when that is said in the membership and taken back; Talk,
// what is said on a channel. The rule by which two members need no connection
// is mesh.Between, and stands in docs/protocol.md, "A member that forwards".
//
// All methods of Guide and Client may be called from any goroutine.
package via
