package membership

import (
	"slices"

	"meshfocus/signalling/message"
)

// agreed is the type of transport on which the members of a slot meet, oldest
// first (decision D6). A sticky member agrees with each other one for itself,
// so one that can be met in a mesh makes the session a mesh, for those who can
// use it. Else the oldest member written in the state decides for all.
func agreed(group []*claim) string {
	decides := -1
	for i, c := range group {
		sticky := c.member.Form == message.FormSticky
		if sticky && c.member.Mesh {
			return c.member.Focus
		}
		if !sticky && decides < 0 {
			decides = i
		}
	}
	return group[max(decides, 0)].member.Focus
}

// Transport is the transport that others find a member on, given the whole
// session: of the sticky form the first it publishes; of the state forms by
// focus_selection, its own first or that of the oldest member, while a mesh
// needs no selection. The zero Focus means that others find it nowhere.
func (s Session) Transport(m Member) message.Focus {
	if m.Form == message.FormSticky || m.Mesh || m.Selection == selectOwn {
		return m.first()
	}
	if m.Selection != selectOldest {
		return message.Focus{}
	}
	oldest := m
	if at := slices.IndexFunc(s.Members, func(m Member) bool { return !m.Behind }); at >= 0 {
		oldest = s.Members[at]
	}
	if oldest.Form == message.FormSticky || oldest.Selection == selectOldest || oldest.Selection == selectOwn {
		return oldest.first()
	}
	return message.Focus{}
}

// first is what the member itself puts first: no focus if all it has is the
// kind of focus that is active.
func (m Member) first() message.Focus {
	if len(m.Published) == 0 || m.Published[0].Selection != "" {
		return message.Focus{}
	}
	return m.Published[0]
}

// Connects reports whether two members of a session can connect directly: in a
// mesh that each of them publishes on or can subscribe to (decision D6),
// whatever the session's oldest member uses.
func (s Session) Connects(a, b Member) bool {
	return a.Mesh && b.Mesh && (a.publishesMesh() || b.publishesMesh())
}

func (m Member) publishesMesh() bool {
	for _, focus := range m.Published {
		if message.IsMesh(focus.Type) {
			return true
		}
	}
	return m.Form == message.FormCalls
}
