package ghost

import (
	"fmt"
	"slices"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// Verdict says how likely somebody is behind an entry.
type Verdict uint8

// The verdicts.
const (
	// Alive: nothing speaks against it.
	Alive Verdict = iota
	// Doubtful: something does that also happens to the living.
	Doubtful
	// Ghost: nobody can be there.
	Ghost
)

// String names the verdict.
func (v Verdict) String() string { return [...]string{"alive", "doubtful", "ghost"}[v] }

// Kind says what is suspicious.
type Kind uint8

// What is suspicious, strongest first.
const (
	// SenderLeft: the sender is not joined to the room.
	SenderLeft Kind = iota + 1
	// Expired: its time is over.
	Expired
	// DeviceGone: the user, who is us, has no such device any more.
	DeviceGone
	// Replaced: the same device has a newer membership in the same place.
	Replaced
	// DeviceUnknown: no such device of the user has encryption keys, so that it
	// was logged out, or never had any.
	DeviceUnknown
	// NoLeaveWaiting: the homeserver holds no delayed leave of ours for it.
	NoLeaveWaiting
	// Unseen: our device was not seen since long before now.
	Unseen
	// Quiet: more than half of its life has gone without a refresh.
	Quiet
)

// Sure reports whether nobody can be there: clients wake up, lose a delayed
// leave or go without encryption, but none is in a room that its user has left.
func (k Kind) Sure() bool { return k <= Replaced }

// String is the name of the kind for programs.
func (k Kind) String() string {
	return [...]string{
		"", "sender_left", "expired", "device_gone", "replaced", "device_unknown", "no_leave_waiting", "unseen", "quiet",
	}[k]
}

// Suspicion is one thing that speaks against somebody being there.
type Suspicion struct {
	Kind  Kind
	Words string // a sentence for people
}

// Knowledge is what else is known, each part of which may be missing.
type Knowledge struct {
	// Self is whose knowledge it is.
	Self message.Party
	// OwnDevices are all devices of our user with when they were last seen
	// (zero when nobody says); nil when unknown.
	OwnDevices map[string]time.Time
	// Keyed are the devices that have published encryption keys, by user; a
	// user who is missing is not known.
	Keyed map[string][]string
	// Leaves are the state events that the homeserver holds to send for us;
	// nil when unknown, or when it cannot hold any.
	Leaves []Leave
}

// Leave is a delayed state event (MSC4140).
type Leave struct{ RoomID, Type, StateKey string }

// unseenAfter is how long a device that is in a call may go without being
// seen: it syncs all the time.
const unseenAfter = 10 * time.Minute

// suspicions collects what speaks against an entry.
func suspicions(e *Entry, facts membership.Facts, know Knowledge, now time.Time) (found []Suspicion) {
	suspect := func(is bool, kind Kind, format string, args ...any) {
		if is {
			found = append(found, Suspicion{kind, fmt.Sprintf(format, args...)})
		}
	}
	suspect(!facts.Joined[e.UserID], SenderLeft, "%s is not in the room", e.UserID)
	// Each form has a slack of its own, within which an entry still counts.
	over := !e.ExpiresAt.IsZero() && !e.ExpiresAt.After(now) && !e.Counts
	suspect(over, Expired, "its time was over %s ago", ago(now.Sub(e.ExpiresAt)))
	suspect(e.refusedBy(membership.RuleNewest), Replaced, "the same device has a newer one")
	if e.DeviceID != "" {
		found = append(found, deviceSuspicions(e, facts.RoomID, know, now)...)
	}
	if life := e.ExpiresAt.Sub(e.SentAt); !over && !e.ExpiresAt.IsZero() && life > 0 {
		quiet := now.Sub(e.SentAt)
		suspect(quiet > life/2, Quiet, "not refreshed for %s of the %s it lasts", ago(quiet), ago(life))
	}
	slices.SortStableFunc(found, func(a, b Suspicion) int { return int(a.Kind) - int(b.Kind) })
	return found
}

// deviceSuspicions are those about the device.
func deviceSuspicions(e *Entry, roomID string, know Knowledge, now time.Time) (found []Suspicion) {
	own := e.UserID == know.Self.UserID
	if own && know.OwnDevices != nil {
		seen, there := know.OwnDevices[e.DeviceID]
		switch {
		case !there:
			found = append(found, Suspicion{DeviceGone, "the device " + e.DeviceID + " was logged out"})
		case !seen.IsZero() && now.Sub(seen) > unseenAfter && e.DeviceID != know.Self.DeviceID:
			found = append(found, Suspicion{Unseen, "the device was last seen " + ago(now.Sub(seen)) + " ago"})
		}
	}
	if keyed, asked := know.Keyed[e.UserID]; asked && !slices.Contains(keyed, e.DeviceID) && !(own && know.OwnDevices != nil) {
		found = append(found, Suspicion{DeviceUnknown, "no device " + e.DeviceID + " of " + e.UserID + " has encryption keys: it was logged out, or has none"})
	}
	if own && know.Leaves != nil && !e.Sticky && !slices.Contains(know.Leaves, Leave{roomID, e.Type, e.StateKey}) {
		found = append(found, Suspicion{NoLeaveWaiting, "no delayed leave waits for it, so that nothing takes it out when the device dies"})
	}
	return found
}

func (e *Entry) refusedBy(rule membership.Rule) bool {
	return slices.ContainsFunc(e.Refusals, func(r membership.Refusal) bool { return r.Rule == rule })
}

// ago writes a time for people.
func ago(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return d.Round(time.Second).String()
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
