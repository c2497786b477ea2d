package keying

import (
	"slices"
	"time"

	"meshfocus/signalling/message"
)

// Bounds of what is kept for devices that are no members yet.
const (
	// HoldFor is how long a key waits for the membership of its sender, and how
	// long the keys of a device are kept that is no member any more: a
	// homeserver brings both within seconds, or is away for minutes, and a
	// membership that is missed and comes back never ended for its sender.
	HoldFor = 5 * time.Minute
	// HoldEach and HoldAll bound how many wait, of one device and together.
	HoldEach = 8
	HoldAll  = 256
)

// Received is a key of another device: From is the device that encrypted the
// message, which is proven (decision D7).
type Received struct {
	From message.Party
	Key  message.MediaKey
}

// Verdict says what became of a key.
type Verdict uint8

const (
	// Accepted: it counts from now on.
	Accepted Verdict = iota + 1
	// Held: no membership that it fits is known; it is kept for a while.
	Held
	// Stale: the sender has sent another one of the index since.
	Stale
)

// Keychain knows which keys of others count. It belongs to one loop.
type Keychain struct {
	members map[message.Party]string // session IDs
	past    map[message.Party]stay   // of those who may come back
	held    []held                   // oldest first
	newest  map[slot]time.Time
}

// held is a key that waits, and until when.
type held struct {
	Received
	until time.Time
}

// stay is one that is over, and until when its keys are kept.
type stay struct {
	session string
	until   time.Time
}

// slot is a place in the ring of a sender.
type slot struct {
	party message.Party
	index uint8
}

// NewKeychain makes an empty one.
func NewKeychain() *Keychain {
	return &Keychain{members: map[message.Party]string{}, past: map[message.Party]stay{}, newest: map[slot]time.Time{}}
}

// Members says who is in the call. It gives the keys that waited for one of
// them, in the order in which they came, and the devices all of whose keys are
// to be forgotten: they left some time ago, or are there for another stay.
func (k *Keychain) Members(members []Member, now time.Time) (accepted []Received, gone []message.Party) {
	is := make(map[message.Party]string, len(members))
	for _, m := range members {
		is[m.Party] = m.SessionID
	}
	for party, session := range k.members {
		if is[party] != session {
			k.past[party] = stay{session, now.Add(HoldFor)}
		}
	}
	for party, was := range k.past {
		session, back := is[party]
		over := !back && !now.Before(was.until)
		if back || over {
			delete(k.past, party)
		}
		if over || back && session != was.session {
			gone = append(gone, party)
			k.forget(party)
		}
	}
	slices.SortFunc(gone, func(a, b message.Party) int { return compare(Member{Party: a}, Member{Party: b}) })
	k.members = is
	k.expire(now)
	k.held = slices.DeleteFunc(k.held, func(h held) bool {
		fits := k.fits(h.Received)
		if fits && k.isNew(h.Received) {
			accepted = append(accepted, h.Received)
		}
		return fits
	})
	return accepted, gone
}

// Take judges a key that came. One that is Accepted is to be used from now on
// in place of an earlier one of its index.
func (k *Keychain) Take(r Received, now time.Time) Verdict {
	k.expire(now)
	switch {
	case !k.fits(r):
		k.hold(r, now)
		return Held
	case !k.isNew(r):
		return Stale
	}
	return Accepted
}

// fits reports whether a key is one of a member's in its present stay.
func (k *Keychain) fits(r Received) bool {
	session, ok := k.members[r.From]
	return ok && r.Key.Of(r.From, session)
}

// isNew notes when a key was sent, where its sender says so, and reports
// whether it is none that another one of its index has followed.
func (k *Keychain) isNew(r Received) bool {
	at := slot{r.From, r.Key.Index}
	if r.Key.SentAt.Before(k.newest[at]) {
		return false
	}
	k.newest[at] = r.Key.SentAt
	return true
}

func (k *Keychain) forget(party message.Party) {
	for at := range k.newest {
		if at.party == party {
			delete(k.newest, at)
		}
	}
}

// hold keeps a key; when there are too many, the oldest goes, of the device's
// own first.
func (k *Keychain) hold(r Received, now time.Time) {
	k.held = append(k.held, held{r, now.Add(HoldFor)})
	own := 0
	for _, h := range k.held {
		if h.From == r.From {
			own++
		}
	}
	drop := 0
	switch {
	case own > HoldEach:
		drop = slices.IndexFunc(k.held, func(h held) bool { return h.From == r.From })
	case len(k.held) <= HoldAll:
		return
	}
	k.held = slices.Delete(k.held, drop, drop+1)
}

func (k *Keychain) expire(now time.Time) {
	k.held = slices.DeleteFunc(k.held, func(h held) bool { return !now.Before(h.until) })
}
