// Package lane is the per-packet work of connections and the loops that do it: what
// arrives is opened once, understood once, and leaves to everybody who subscribed.
//
// It knows neither session descriptions nor parties. Whoever negotiates makes an
// End for each connection, tells it keys, path and what comes in, and subscribes
// it to the Tracks of other Ends. A mesh connection and a focus are the same
// machine: one subscribes to tracks that are written here, the other to tracks
// that arrive.
//
//	read loop    udp.Socket.Read → End by address → opened, parsed, routed →
//	of a socket  Track → for each Subscription what leaves and with which
//	             numbers (simulcast.Output) → one batch to each lane it goes to
//	send loop    batches → gathered for each End, for a while if it is busy → header,
//	of a lane    payload, sealed into an arena → udp.Socket.Write, many to many
//	clock loop   what is due though nothing arrives: requests, reports upstream
//	of a lane
//
// # Who owns what
//
// What an End knows of what it receives is guarded by the End's mutex, taken once
// for a run of datagrams of one sender: a lane may have several sockets, and a
// connection may move between them, so no loop can own it alone
// (docs/decisions/0014). What an End knows of what it sends belongs to the send loop
// of its lane; others post letters to it, which never blocks. A batch belongs to who
// fills it until it is handed over. Between lanes there is nothing but batches.
//
// Nothing on the way of a packet takes a lock, allocates, walks a map, reads a clock
// or writes a log line; what happens once for a batch may.
//
// RFC 3550, 3711, 4585, 4588, 5104, 8285, 8888 and
// draft-holmer-rmcat-transport-wide-cc-extensions-01, by the packages that do the
// work. Sizes are in bytes.
package lane
