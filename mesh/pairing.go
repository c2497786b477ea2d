package mesh

import (
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// plan says with whom we connect in the sessions of one room, and with whom
// not.
type plan struct {
	peers     map[membership.Key][]membership.Member
	strangers map[membership.Key][]Stranger
	apart     map[membership.Key][]Apart
	parted    map[message.Party]bool // those who stand in apart
}

// pairing is what a plan depends on besides the sessions.
type pairing struct {
	self       message.Party
	maxMembers int
	entered    map[membership.Key]bool
	// met says where a pair has a live call; it stays there (D6: members who
	// are in are not dropped).
	met map[message.Party]membership.Key
	// invited says where a device last called us although we would have met
	// it elsewhere.
	invited map[message.Party]membership.Key
}

// plan assigns every member of the sessions that we entered to the one session
// where we meet it: where the pair is connected, else where it called us,
// else a slot before a conference. Whom we have a focus between us there we do
// not meet.
func (p pairing) plan(sessions []membership.Session) plan {
	result := plan{
		peers:     map[membership.Key][]membership.Member{},
		strangers: map[membership.Key][]Stranger{},
		apart:     map[membership.Key][]Apart{},
		parted:    map[message.Party]bool{},
	}
	place := p.places(sessions)
	for _, session := range sessions {
		if !p.entered[session.Key] {
			continue
		}
		for i, member := range session.Members {
			if member.Party == p.self {
				continue
			}
			err := p.refuse(session, i)
			if p.met[member.Party] == session.Key && session.Slot != membership.SlotClosed {
				err = nil
			}
			focus, apart := Between(session, p.self, member.Party)
			switch {
			case err != nil:
				result.strangers[session.Key] = append(result.strangers[session.Key], Stranger{member.Party, err})
			case place[member.Party] != session.Key:
			case apart:
				result.apart[session.Key] = append(result.apart[session.Key], Apart{member.Party, focus})
				result.parted[member.Party] = true
			default:
				result.peers[session.Key] = append(result.peers[session.Key], member)
			}
		}
	}
	return result
}

// places finds the session in which each device is met.
func (p pairing) places(sessions []membership.Session) map[message.Party]membership.Key {
	place := map[message.Party]membership.Key{}
	rank := map[message.Party]int{}
	for _, session := range sessions {
		if !p.entered[session.Key] || session.Slot == membership.SlotClosed {
			continue
		}
		for i, member := range session.Members {
			score := 1
			switch {
			case p.met[member.Party] == session.Key:
				score = 4
			case p.refuse(session, i) != nil:
				continue
			case p.invited[member.Party] == session.Key:
				score = 3
			case session.Form == message.FormSession:
				score = 2
			}
			if score > rank[member.Party] {
				place[member.Party], rank[member.Party] = session.Key, score
			}
		}
	}
	return place
}

// refuse says why the member at a place of the session's list is not connected
// to, or nil. Whoever chose the mesh is met in it, whatever the oldest member
// uses: that one may have come later than it says, or be left over from those
// who were there first. Members are counted oldest first, so that all compute
// the same.
func (p pairing) refuse(session membership.Session, place int) error {
	switch {
	case session.Slot == membership.SlotClosed:
		return ErrSlotClosed
	case !session.Members[place].Mesh && !message.IsMesh(session.Focus):
		return ErrUnsupportedFocus
	case !session.Members[place].Mesh:
		return ErrMemberFocus
	case place >= p.maxMembers || p.own(session) >= p.maxMembers:
		return ErrMeshFull
	}
	return nil
}

// own is our place in the session's list; before our membership has come back
// to us it is the last.
func (p pairing) own(session membership.Session) int {
	for i, member := range session.Members {
		if member.Party == p.self {
			return i
		}
	}
	return len(session.Members)
}
