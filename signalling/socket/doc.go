// Package socket is the gateway by which a browser without Matrix is in a
// call: a websocket on one side, a seat on a Matrix device on the other. It
// carries words between them and keeps a browser's seat while its network is
// away.
//
// It is a port. It knows no Matrix client: an [Opener] opens each [Seat]
// (mesh/guest does so on real devices). It negotiates nothing, sees no media
// and answers no call for anybody; what a browser sends goes out as it is or
// not at all.
//
// The protocol is meshfocus.call.v1 (docs/protocol.md, Browsers) over RFC
// 6455: text frames, one JSON object each, the type in "type".
//
// # How it is driven
//
// [New] starts nothing. [Gateway.Handler] is mounted at one path and may be
// called as soon as [Gateway.Run] does; Run's end tells every socket and waits
// for all of them. Everything else may be called from any goroutine.
//
// # Loops
//
//	reader   per socket   what the browser sends, in order
//	writer   per socket   the connection's writing half
//	seat     per seat     the order of enter and leave; the time of grace
//	device   per seat     Seat.Run
//	gateway  one          reports, and the end
//
// A socket and a seat meet in a holder, behind a leaf mutex: frames for the
// browser go into a bounded queue and never make their giver wait. Who reads
// too slowly loses the socket, who stays away too long the seat; nobody else
// waits for either.
//
// Sizes are in bytes; times in Go are time.Duration and in frames
// milliseconds.
package socket
