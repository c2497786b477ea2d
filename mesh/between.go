package mesh

import (
	"slices"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// Between finds the focus that two members of a session have between them: both
// say that they get everything by one other member, and that is there and
// forwards. They are not connected then. Everybody else is, so that who knows
// nothing of this meets all as ever (docs/protocol.md, "A member that
// forwards"). The answer is the same for both, in whatever order they are named.
func Between(session membership.Session, a, b message.Party) (focus message.Party, found bool) {
	one, other := find(session, a), find(session, b)
	if one == nil || other == nil || a == b || one.Via != other.Via || one.Via == a || one.Via == b {
		return message.Party{}, false
	}
	focus = one.Via
	if by := find(session, focus); by == nil || !by.Mesh || !by.Forwards {
		return message.Party{}, false
	}
	return focus, true
}

// Forwarder finds the member by which a party gets everything if it wants to:
// of those that forward the one that has been there longest.
func Forwarder(session membership.Session, self message.Party) (focus message.Party, found bool) {
	for i := range session.Members { // oldest first
		if m := &session.Members[i]; m.Forwards && m.Mesh && m.Party != self {
			return m.Party, true
		}
	}
	return message.Party{}, false
}

// find gives a member of the session, nil if the party is none.
func find(session membership.Session, party message.Party) *membership.Member {
	i := slices.IndexFunc(session.Members, func(m membership.Member) bool { return m.Party == party })
	if i < 0 || party == (message.Party{}) {
		return nil
	}
	return &session.Members[i]
}
