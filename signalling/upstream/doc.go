// Package upstream stands in front of a homeserver, or beside it on some of
// its paths, and adds what calls need and the homeserver lacks:
//
//   - rtc/transports on the unstable and the v1 path (MSC4143, section on
//     discovery; decisions D14 to D17);
//   - delayed events (MSC4140, by query parameter as clients ask today and by
//     the endpoints that were accepted): kept in a journal, encrypted, and sent
//     on time with the token of the user who scheduled them;
//   - the flags of both in /versions, the limits of delayed events in
//     /capabilities, and the transports in .well-known/matrix/client.
//
// It is a port and no homeserver: it judges no event, keeps no room and knows
// no more of a user than whoami tells. Everything else passes untouched, and
// so does each of these once the homeserver has it itself, which is looked up
// every few minutes.
//
// Sticky events (MSC4354) cannot be added from here, see docs/upstream.md.
//
//	request ─▶ match ─┬─ ours, and the homeserver lacks it ─▶ answered here
//	                  └─ anything else ─▶ ReverseProxy ─▶ homeserver
//	                                        │ a 401, a logout, a state event
//	                                        ▼
//	                                      book: tokens and delayed events
//	Run: agenda ─▶ what is due ─▶ the request as the client made it ─▶ homeserver
//
// A Server is driven from two sides: its Handler by any number of goroutines,
// and Run by one, which sends what is due and writes the journal. Both meet in
// the book, a leaf mutex under which nothing waits. Times are time.Duration in
// Go and milliseconds on the wire.
package upstream
