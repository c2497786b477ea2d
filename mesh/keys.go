package mesh

import (
	"crypto/rand"
	"slices"
	"time"

	"meshfocus/internal/secret"
	"meshfocus/mesh/keying"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// Frames encrypts the frames that we send and opens those that come. It is told
// of keys from the registry's loop and must not block.
type Frames interface {
	// Use is told of the key of our frames from now on.
	Use(index uint8, key secret.Bytes)
	// Take is told of a key of a peer, in place of an earlier one of its index.
	Take(from message.Party, index uint8, key secret.Bytes)
	// Forget is told of a device whose keys count no more.
	Forget(from message.Party)
}

// KeySender carries media keys to devices: inside Olm and in no other way.
type KeySender interface {
	// SendMediaKey queues a key and never blocks. It calls done once, from any
	// goroutine: with nil when the homeserver took it, else with why not.
	SendMediaKey(to message.Party, key message.MediaKey, done func(error))
}

// keySize is what js-sdk's keys have, too.
const keySize = 16

// keys are the keys of the frames of all sessions that we are in: media is
// encrypted once for all, so there is one key of ours. Owned by the registry's
// loop.
type keys struct {
	rotation *keying.Rotation
	keychain *keying.Keychain
	rooms    map[keying.Member]string // where we meet a member
}

// Orders to the loop.
type (
	// keyReceived is a key that came.
	keyReceived keying.Received
	// keySent says what became of one that we gave.
	keySent struct {
		to    keying.Member
		index uint8
		err   error
	}
)

func newKeys() *keys {
	return &keys{
		rotation: keying.NewRotation(func() secret.Bytes {
			raw := make([]byte, keySize)
			_, _ = rand.Read(raw) // never fails (crypto/rand)
			return secret.Of(raw)
		}),
		keychain: keying.NewKeychain(),
		rooms:    map[keying.Member]string{},
	}
}

// ReceiveKey takes the key of another device's frames; from is the device that
// encrypted the message. It never blocks. Without Config.Frames it does
// nothing.
func (r *Registry) ReceiveKey(from message.Party, key message.MediaKey) {
	if r.keys != nil {
		r.mailbox.Put(keyReceived{from, key})
	}
}

// rekey says to the keys whom we meet by now.
func (r *Registry) rekey(now time.Time) {
	if r.keys == nil {
		return
	}
	clear(r.keys.rooms)
	var members []keying.Member
	for roomID, room := range r.rooms {
		for _, reader := range r.readers(room) {
			m := keying.Member{Party: reader.Party, SessionID: reader.SessionID}
			members, r.keys.rooms[m] = append(members, m), roomID
		}
	}
	accepted, gone := r.keys.keychain.Members(members, now)
	for _, party := range gone {
		r.config.Frames.Forget(party)
	}
	for _, got := range accepted {
		r.config.Frames.Take(got.From, got.Key.Index, got.Key.Key)
	}
	r.exchange(r.keys.rotation.Members(members, now))
}

// readers are those in a room who are to read our frames: whom we meet, and where
// one of them forwards, everybody in its session but the one that does.
func (r *Registry) readers(room *room) (readers []membership.Member) {
	known := map[message.Party]bool{r.config.Self: true}
	add := func(m membership.Member) {
		if !known[m.Party] && !m.Forwards {
			known[m.Party] = true
			readers = append(readers, m)
		}
	}
	for key, peers := range room.plan.peers {
		for _, peer := range peers {
			if r.entered[key] {
				add(peer)
			}
		}
	}
	for _, session := range room.result.Sessions {
		forwards := func(m membership.Member) bool { return m.Forwards }
		if !r.entered[session.Key] || !slices.ContainsFunc(session.Members, forwards) {
			continue
		}
		for _, member := range session.Members {
			add(member)
		}
	}
	return readers
}

// exchange does what the rotation asks for.
func (r *Registry) exchange(actions []keying.Action) {
	for _, a := range actions {
		switch a.Kind {
		case keying.Use:
			r.config.Log.Debug("another key encrypts our frames", "index", a.Key.Index)
			r.config.Frames.Use(a.Key.Index, a.Key.Raw)
		case keying.Share:
			r.share(a)
		}
	}
}

func (r *Registry) share(a keying.Action) {
	key := message.MediaKey{RoomID: r.keys.rooms[a.To], MemberID: r.config.SessionID, Index: a.Key.Index, Key: a.Key.Raw}
	r.config.Keys.SendMediaKey(a.To.Party, key, func(err error) {
		r.mailbox.Put(keySent{a.To, a.Key.Index, err})
	})
}

// takeKey judges a key that came.
func (r *Registry) takeKey(got keyReceived) {
	if r.rooms[got.Key.RoomID] == nil {
		r.config.Log.Warn("dropped a media key for another room", "party", got.From.String(), "room", got.Key.RoomID)
		return
	}
	if r.keys.keychain.Take(keying.Received(got), time.Now()) == keying.Accepted {
		r.config.Frames.Take(got.From, got.Key.Index, got.Key.Key)
	}
}

// keyAnswered hears what became of a key that we gave.
func (r *Registry) keyAnswered(sent keySent) {
	if sent.err != nil {
		r.config.Log.Warn("a device did not get the key of our frames", "party", sent.to.String(), "err", sent.err)
	}
	r.exchange(r.keys.rotation.Sent(sent.to, sent.index, sent.err, time.Now()))
}

// keysDue is when the rotation wants to be called; zero without keys.
func (r *Registry) keysDue() time.Time {
	if r.keys == nil {
		return time.Time{}
	}
	return r.keys.rotation.Deadline()
}

// keysTick does what is due.
func (r *Registry) keysTick(now time.Time) {
	if r.keys != nil {
		r.exchange(r.keys.rotation.Tick(now))
	}
}
