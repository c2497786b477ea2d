package mesh

import (
	"slices"
	"time"

	"meshfocus/signalling/message"
)

// Limits of invites (decision D29). Each one that is taken costs a connection
// and replaces the one before, so that a device has one live call; an honest
// caller places four in its first minute.
const (
	maxInvites = 10
	invitesPer = time.Minute
	// maxCallers are the devices that are kept account of. In cleartext a user
	// may name as many devices as it likes.
	maxCallers = 1024
)

// flood counts the invites of each device over the last minute. It is a value
// without a clock.
type flood map[message.Party][]time.Time

// allow counts an invite, unless its device has used up its share.
func (f flood) allow(from message.Party, now time.Time) bool {
	recent := f.recent(from, now)
	if len(recent) >= maxInvites {
		return false
	}
	if len(recent) == 0 && len(f) >= maxCallers {
		for party := range f {
			f.recent(party, now)
		}
		if len(f) >= maxCallers {
			return false
		}
	}
	f[from] = append(recent, now)
	return true
}

// recent forgets what is older than a minute.
func (f flood) recent(from message.Party, now time.Time) []time.Time {
	recent := slices.DeleteFunc(f[from], func(at time.Time) bool { return now.Sub(at) >= invitesPer })
	if len(recent) == 0 {
		delete(f, from)
	}
	return recent
}
