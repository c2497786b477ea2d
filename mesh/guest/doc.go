// Package guest gives a browser without Matrix a seat in a call: one real
// device on a homeserver, a member of the room's slot (MSC4143) and of its
// conference (MSC3401), so that headless parties, MatrixRTC members and
// GroupCall clients meet an ordinary member.
//
// It is where the websocket (signalling/socket) and the Matrix client
// (signalling/matrix) meet. It negotiates nothing and knows no media: the
// browser does both; decision 0009. Signals go to other devices inside Olm
// where they have keys. The guest's own keys live in this process, so they
// prove as much as this server is trusted.
//
// # How it is driven
//
// [Open] logs in, names the user, joins the room and publishes keys. After
// that a [Seat] is driven as socket.Seat says. Seat.Run runs the account's
// loops, the membership's while there is one, and a watch over TURN
// credentials; when it has returned they have ended.
package guest
