package guest

import (
	"cmp"
	"errors"
	"slices"

	"meshfocus/signalling/matrix"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
	"meshfocus/signalling/socket"
)

// errThrownOut ends Run: a membership that was armed would be renewed on and
// on, and count for nobody.
var errThrownOut = errors.New("guest: not in the room any more")

// sink gives what the sync loop finds to the listener. Its methods are called
// by the sync loop.
type sink struct {
	seat *Seat
	to   socket.Listener
	// owned by the sync loop
	names   map[string]string
	refused refused
}

func (s *sink) SetNames(_ string, names map[string]string) { s.names = names }

func (s *sink) SetFacts(facts membership.Facts) {
	s.seat.mu.Lock()
	s.seat.facts = facts
	s.seat.mu.Unlock()
	members := make([]socket.Member, 0, len(facts.Joined))
	for user := range facts.Joined {
		members = append(members, socket.Member{UserID: user, Name: cmp.Or(s.names[user], user)})
	}
	slices.SortFunc(members, func(a, b socket.Member) int { return cmp.Compare(a.UserID, b.UserID) })
	if !facts.Joined[s.seat.place.Self.UserID] {
		s.seat.abandon(errThrownOut)
	}
	s.to.State(socket.State{Events: facts.State, Sticky: facts.Sticky, Members: members})
}

// Refuse tells the browser of devices that are not listened to.
func (s *sink) Refuse(batch []matrix.Refusal) {
	changed := false
	for _, r := range batch {
		changed = s.refused.add(socket.Distrust{Party: r.From, Words: distrustWords(r.From, r.Err)}) || changed
	}
	if changed {
		s.to.Distrusted(slices.Clone(s.refused))
	}
}

// MediaKey gives the browser the key of another device's frames, in the form of
// MSC4143 whatever it came in.
func (s *sink) MediaKey(from message.Party, key message.MediaKey) {
	if key.RoomID != s.seat.place.Room.ID {
		return
	}
	if key.MemberID == "" { // as early builds of Element Call have it
		key.MemberID = from.UserID + ":" + from.DeviceID
	}
	content, err := key.Encode()
	if err != nil {
		s.seat.log.Debug("dropped a media key", "party", from.String(), "err", err)
		return
	}
	s.to.Signal(socket.Signal{From: from, Encrypted: true, Type: message.TypeMediaKey, Content: content})
}

func (s *sink) Receive(batch []matrix.Received) {
	for _, r := range batch {
		if s.refused.remove(r.From) {
			s.to.Distrusted(slices.Clone(s.refused))
		}
		s.to.Signal(socket.Signal{From: r.From, Encrypted: r.Encrypted, Type: r.Type, Content: r.Content})
	}
}
