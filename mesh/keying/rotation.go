package keying

import (
	"slices"
	"time"

	"meshfocus/internal/secret"
	"meshfocus/signalling/message"
)

// The times of a key, see the package comment.
const (
	// Grace is how young a key has to be for somebody who joins to get it: what
	// was said under it is what they would have heard had they been quicker
	// (MSC4143 names ten seconds as an example, js-sdk uses them).
	Grace = 10 * time.Second
	// Settle is from the last message of a round to the use of its key.
	Settle = time.Second
	// Longest is from the beginning of a round to the use of its key, whatever
	// became of its messages.
	Longest = 5 * time.Second
	// MaxAge is how old a key is when the round of the next begins.
	MaxAge = 6 * time.Hour
	// Again is after what time somebody gets a key once more who could not be
	// given it: distrusted, or away from their homeserver.
	Again = 30 * time.Second
)

// Member is a device during one stay in the call.
type Member struct {
	message.Party
	SessionID string
}

// compare orders members as they are given keys.
func compare(a, b Member) int {
	switch {
	case a == b:
		return 0
	case a.Party == b.Party && a.SessionID < b.SessionID, a.Party != b.Party && a.Before(b.Party):
		return -1
	}
	return 1
}

// Key is a key of ours with the index by which frames name it.
type Key struct {
	Index uint8
	Raw   secret.Bytes
}

// ActionKind says what to do.
type ActionKind uint8

const (
	// Share: give the key to the member, inside Olm, and call Sent.
	Share ActionKind = iota + 1
	// Use: encrypt with the key from now on.
	Use
)

// Action is what is to be done, in the order given.
type Action struct {
	Kind ActionKind
	Key  Key
	To   Member // of Share
}

// state is what became of giving a member a key.
type state uint8

const (
	underWay state = iota + 1
	taken
	failed
)

// holder is a member who was given the latest key.
type holder struct {
	state state
	at    time.Time // when it failed
}

// Rotation is our own key. It belongs to one loop.
type Rotation struct {
	make    func() secret.Bytes
	members []Member // sorted
	present Key      // in use
	begun   time.Time
	made    time.Time // the latest key
	latest  Key       // present, or the one that a round gives out
	round   bool
	quiet   time.Time // since when nothing of the round is under way; zero while something is
	more    bool      // something happened that needs a round after this
	holders map[Member]holder
}

// NewRotation makes one without a key. Make gives a fresh raw key each time it
// is called, at random.
func NewRotation(make func() secret.Bytes) *Rotation {
	return &Rotation{make: make, holders: map[Member]holder{}}
}

// Members says who is to hear us from now on, ourselves excluded. The first
// call makes the first key, also when nobody is there.
func (r *Rotation) Members(members []Member, now time.Time) []Action {
	members = slices.Compact(slices.SortedFunc(slices.Values(members), compare))
	left := slices.ContainsFunc(r.members, func(m Member) bool { return !slices.Contains(members, m) })
	joined := slices.ContainsFunc(members, func(m Member) bool { return !slices.Contains(r.members, m) })
	r.members = members
	for m := range r.holders {
		if !slices.Contains(members, m) {
			delete(r.holders, m)
		}
	}
	switch {
	case r.made.IsZero():
		return r.first(now)
	case left, joined && !r.round && now.Sub(r.made) >= Grace:
		r.more = true
	}
	return r.Tick(now)
}

// Sent tells what became of a Share: an error when it was given up.
func (r *Rotation) Sent(to Member, index uint8, err error, now time.Time) []Action {
	if h, ok := r.holders[to]; !ok || h.state != underWay || index != r.latest.Index {
		return nil // of a key before, or gone
	}
	r.holders[to] = holder{state: taken}
	if err != nil {
		r.holders[to] = holder{state: failed, at: now}
	}
	return r.Tick(now)
}

// Tick does what is due.
func (r *Rotation) Tick(now time.Time) (actions []Action) {
	if r.made.IsZero() {
		return nil
	}
	if now.Sub(r.made) >= MaxAge {
		r.more = true
	}
	r.listen(now)
	if r.round && !now.Before(r.usedAt()) {
		r.round, r.present = false, r.latest
		actions = append(actions, Action{Kind: Use, Key: r.present})
	}
	if r.more && !r.round {
		actions = append(actions, r.begin(now)...)
	}
	return append(actions, r.share(now)...)
}

// Deadline is when to call Tick at the latest; zero without a key.
func (r *Rotation) Deadline() time.Time {
	if r.made.IsZero() {
		return time.Time{}
	}
	at := r.made.Add(MaxAge)
	if r.round {
		at = r.usedAt()
	}
	for _, h := range r.holders {
		if again := h.at.Add(Again); h.state == failed && again.Before(at) {
			at = again
		}
	}
	return at
}

// Present is the key in use; false before the first.
func (r *Rotation) Present() (Key, bool) { return r.present, !r.made.IsZero() }

// first makes the first key, which is used at once: nobody has another.
func (r *Rotation) first(now time.Time) []Action {
	r.made = now
	r.latest = Key{Raw: r.make()}
	r.present = r.latest
	return append([]Action{{Kind: Use, Key: r.present}}, r.share(now)...)
}

// begin makes the next key. If nobody has the present one, it is used at once.
func (r *Rotation) begin(now time.Time) []Action {
	r.more, r.made, r.begun = false, now, now
	r.latest = Key{Index: r.latest.Index + 1, Raw: r.make()}
	alone := len(r.holders) == 0
	clear(r.holders)
	if alone {
		r.present = r.latest
		return []Action{{Kind: Use, Key: r.present}}
	}
	r.round, r.quiet = true, time.Time{}
	return nil
}

// share gives the latest key to everybody who has not been given it, or could
// not be.
func (r *Rotation) share(now time.Time) (actions []Action) {
	for _, m := range r.members {
		h, ok := r.holders[m]
		if ok && (h.state != failed || now.Sub(h.at) < Again) {
			continue
		}
		r.holders[m] = holder{state: underWay}
		r.quiet = time.Time{}
		actions = append(actions, Action{Kind: Share, Key: r.latest, To: m})
	}
	return actions
}

// listen notes since when nothing of a round is under way.
func (r *Rotation) listen(now time.Time) {
	busy := false
	for _, h := range r.holders {
		busy = busy || h.state == underWay
	}
	switch {
	case busy:
		r.quiet = time.Time{}
	case r.quiet.IsZero():
		r.quiet = now
	}
}

// usedAt is when the key of the round is used, as far as is known now.
func (r *Rotation) usedAt() time.Time {
	at := r.begun.Add(Longest)
	if settled := r.quiet.Add(Settle); !r.quiet.IsZero() && settled.Before(at) {
		return settled
	}
	return at
}
