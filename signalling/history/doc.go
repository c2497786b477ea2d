// Package history tells which calls there were in a room: sessions computed
// from the join and leave intervals in its timeline, with who took part, who
// was rung and did not come, and over what they met.
//
// It is best effort and says so (decision D13): MSC4143 has no history. What
// is missing in the timeline is missing here: sticky memberships leave none
// once they have run out, encrypted events cannot be read, redacted ones are
// empty, and clocks of servers differ. What is never read is counted in
// Reader.Unreadable.
//
// Two rules turn state changes into intervals. RuleSlots is ours: each change
// of slot closes one interval and opens another. RuleSeed is the first text of
// MSC4143 read literally, under which a change of the application alone is no
// change.
//
// A Reader takes events from the newest to the oldest, as backwards pagination
// gives them, and keeps no more than what one day of the room holds: for that
// a membership without a leave counts at most Horizon after its event. Sessions
// does the same for a sequence; Sort brings events without an order into the
// one that everybody would choose.
//
// Everything is pure: no clock, no goroutine, no logger. Instants are
// origin_server_ts, but for joins whose writer gives created_ts.
package history
