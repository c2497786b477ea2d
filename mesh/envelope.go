package mesh

import (
	"cmp"
	"slices"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// Received is a call message as it came from the homeserver, decrypted if it
// was encrypted. From is the device that encrypted it; of a cleartext message
// the user is certain and the device a claim.
type Received struct {
	From      message.Party
	Encrypted bool
	Signal    message.Signal
}

// maxSize of descriptions and candidates in one message: an event has at most
// 65 536 bytes.
const maxSize = 65_536

// outlook is what the checks of an envelope need to know.
type outlook struct {
	self      message.Party
	sessionID string
	rooms     map[string]*room
	entered   map[membership.Key]bool
	config    *Config
	// lingers reports whether a device whose membership is gone still has a
	// connection to us in that session.
	lingers func(membership.Key, message.Party, string) bool
	// waiting reports whether messages of a call are being held.
	waiting func(message.Party, string) bool
}

// check decides about a message in the order that MSC3401 and decision D23
// ask for: sender, session, conference, encryption and device, membership.
// Order within the call comes after it, in mesh/negotiate. It answers with
// the session the message is for, or with errHold if more facts may change
// the verdict, or with the reason for refusing it.
func (o outlook) check(r Received) (membership.Key, error) {
	s := r.Signal
	switch {
	case r.From.UserID == "" || r.From.DeviceID == "" || r.From == o.self:
		return membership.Key{}, ErrNobody
	case size(s) > maxSize:
		return membership.Key{}, ErrTooLarge
	case s.DestSessionID != o.sessionID:
		return membership.Key{}, ErrOtherSession
	case s.Kind == message.Invite && !o.invited(s):
		return membership.Key{}, ErrOtherInvitee
	case r.Encrypted && s.DeviceID != "" && s.DeviceID != r.From.DeviceID:
		return membership.Key{}, ErrOtherDevice
	case !r.Encrypted && o.config.Encryption == EncryptRequire:
		return membership.Key{}, ErrCleartext
	}
	key, err := o.place(r)
	if err == nil && o.waits(r) {
		err = errHold
	}
	return key, err
}

// waits reports whether a message belongs to a call by one whom a focus is
// between us and. It calls because it has learnt of a change that we have not, or
// the other way round, so that the next facts say what it comes to.
func (o outlook) waits(r Received) bool {
	return o.parts(r.From) && (r.Signal.Kind == message.Invite || o.waiting(r.From, r.Signal.CallID))
}

// parts reports whether a focus is between us and a device.
func (o outlook) parts(party message.Party) bool {
	for _, room := range o.rooms {
		if room.plan.parted[party] {
			return true
		}
	}
	return false
}

// place finds the session that a message is for.
func (o outlook) place(r Received) (key membership.Key, err error) {
	err = errHold
	for _, room := range o.roomsFor(r.Signal) {
		for _, session := range room.result.Sessions {
			if !session.Meant(r.Signal) {
				continue
			}
			key = session.Key
			switch {
			case !r.Encrypted && o.config.requireEncryption(room.facts):
				err = ErrCleartext
			case !room.facts.Joined[r.From.UserID] || !o.entered[key] || !o.member(session, r):
				err = errHold
			default:
				return key, nil
			}
		}
	}
	return key, err
}

// roomsFor gives the rooms a message can be about, by ID: the one it names,
// else all, for js-sdk and Hydrogen name none.
func (o outlook) roomsFor(s message.Signal) (rooms []*room) {
	if s.RoomID != "" {
		if room, ok := o.rooms[s.RoomID]; ok {
			rooms = append(rooms, room)
		}
		return rooms
	}
	for _, room := range o.rooms {
		rooms = append(rooms, room)
	}
	slices.SortFunc(rooms, func(a, b *room) int { return cmp.Compare(a.facts.RoomID, b.facts.RoomID) })
	return rooms
}

// member reports whether the sender is in the session with the client instance
// it names. One that was in it and still has media may at least end the call.
func (o outlook) member(session membership.Session, r Received) bool {
	for _, m := range session.Members {
		if m.Party == r.From {
			return r.Signal.SenderSessionID == "" || r.Signal.SenderSessionID == m.SessionID
		}
	}
	return r.Signal.Kind != message.Invite && o.lingers(session.Key, r.From, r.Signal.SenderSessionID)
}

// invited: an invite names us or nobody.
func (o outlook) invited(s message.Signal) bool {
	return (s.Invitee == "" || s.Invitee == o.self.UserID) &&
		(s.InviteeDeviceID == "" || s.InviteeDeviceID == o.self.DeviceID)
}

// size is what a message takes, near enough to bound it.
func size(s message.Signal) int {
	total := len(s.Description.SDP)
	for _, c := range s.Candidates {
		total += len(c.Candidate)
	}
	for id := range s.Metadata {
		total += len(id)
	}
	return total
}
