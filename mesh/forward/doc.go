// Package forward is the seat of a focus in a mesh: a member whom others call as they
// call any other, and who passes on to each what it asks for of what the others send.
//
// A Host is the mesh.Connector of such a member. Each connection that a mesh makes by
// it is a party of a focus.Session, one session for each call. To those who say
// nothing more the member is merely silent: it takes what they send, and sends
// silence. Who opens the data channel "datachannel" is told whose streams there are,
// and may subscribe to tracks; what changes in the connection by that is negotiated
// over the channel, the member offering. The messages are those of MSC3898
// (message.FocusMessage), the rules are in docs/protocol.md.
//
// All methods may be called from any goroutine. Each connection has a loop that hears
// its party and its peer; it ends with the connection.
package forward
