// Package homeserver is a single-process Matrix homeserver: enough of the
// client-server API (v1.12, with MSC4140 delayed events, MSC4354 sticky events
// and the MSC4143 transports endpoint) for unmodified clients to meet, write
// and call each other. `meshfocus serve` embeds it, and tests run against it.
//
// It is not a general homeserver and says so: one server name, no federation,
// no media store, no push, no key backup, no search, no spaces. What it does
// not know it answers with M_UNRECOGNIZED.
//
// How it is built. All of it is held in memory, the history of rooms too: good
// for a family or a club, and for some hundred devices. One model (users,
// devices, rooms, inboxes, keys) is guarded by one mutex, a leaf: nothing but
// the journal's queue is called under it, and no request holds it while it
// waits, hashes a password or writes to a socket. Everything a client can see
// moves one counter, the stream position, and what /sync shows is what lies
// between two positions. Every change is handed to the journal as keyed JSON
// while the lock is held, so the journal's order is the model's; a request is
// answered when its change is durable, and a sync answer when the newest thing
// it shows is. With an empty DataDir there is no journal and nothing to wait
// for.
//
// How it is driven. New loads the data and starts nothing. Handler may be
// mounted on any http.Server; its requests run on that server's goroutines.
// Run must be running while requests are served: it sends delayed events when
// they are due and drives the journal. The provisioning calls (EnsureUser,
// IssueToken, EnsureRoom, EnsureJoined, RemoveUser, RemoveRoom, Compact and their like)
// may come from any goroutine, before or during Run.
//
// Units: timestamps on the wire are milliseconds since the epoch, durations
// milliseconds; Go values use time.Time and time.Duration.
package homeserver
