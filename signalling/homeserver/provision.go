package homeserver

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"meshfocus/signalling/homeserver/journal"
)

// The provisioning calls here serve a host who brings people in and sees them
// out: EnsureUser and IssueToken (register.go) make an account and a device,
// EnsureRoom (create.go) makes a room. None of them waits for the journal.

// Name is the server name, the part of every ID behind the colon.
func (s *Server) Name() string { return s.model.name }

// EnsureJoined makes sure that a user is joined to a room, with an invitation
// by the room's creator where one is needed. ErrNoUser and ErrNoRoom say what
// is missing; any other error is that the rules forbid it, as after a ban.
func (s *Server) EnsureJoined(roomID, localpart string) error {
	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	room, u := m.rooms[roomID], m.users[m.userID(localpart)]
	switch {
	case room == nil:
		return fmt.Errorf("bringing %q into %q: %w", localpart, roomID, ErrNoRoom)
	case u == nil:
		return fmt.Errorf("bringing %q into %q: %w", localpart, roomID, ErrNoUser)
	case room.joined[u.id] != nil:
		return nil
	}
	c := m.begin()
	defer c.commit()
	if creator := m.users[room.Creator]; creator != nil && room.text(typeJoinRules, "join_rule") != "public" && room.membership(u.id) != memberInvite {
		if _, refused := c.post(room, m.memberDraft(creator, u.id, memberInvite, "")); refused != nil {
			return fmt.Errorf("inviting %q into %q: %w", localpart, roomID, refused)
		}
	}
	if _, refused := c.post(room, m.memberDraft(u, u.id, memberJoin, "")); refused != nil {
		return fmt.Errorf("bringing %q into %q: %w", localpart, roomID, refused)
	}
	return nil
}

// SetDisplayName changes how others see a user, in the rooms too.
func (s *Server) SetDisplayName(localpart, name string) error {
	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.users[m.userID(localpart)]
	if u == nil {
		return fmt.Errorf("name of %q: %w", localpart, ErrNoUser)
	}
	if u.DisplayName == name {
		return nil
	}
	u.DisplayName = name
	m.saveUser(u)
	m.repeatProfile(u)
	return nil
}

// repeatProfile brings the member events of a user up to date. The model must
// be locked.
func (m *model) repeatProfile(u *user) {
	c := m.begin()
	for _, room := range u.rooms {
		if room.joined[u.id] != nil {
			c.post(room, m.memberDraft(u, u.id, memberJoin, "")) // a member may always stay one
		}
	}
	c.commit()
}

// Localparts lists the users whose localpart begins with a prefix, sorted.
func (s *Server) Localparts(prefix string) (names []string) {
	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	for id := range m.users {
		if local, _ := m.localpart(id); strings.HasPrefix(local, prefix) {
			names = append(names, local)
		}
	}
	slices.Sort(names)
	return names
}

// RemoveUser sees a user out: out of every room, all devices gone, and then
// nothing of the account is kept, so that the name is free again. What was
// said in rooms stays there. A user who does not exist is fine.
func (s *Server) RemoveUser(localpart string) {
	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.users[m.userID(localpart)]
	if u == nil {
		return
	}
	c := m.begin()
	for _, d := range m.delayed {
		if d.Sender == u.id {
			c.fire(d) // most are leaves, whose time has come
		}
	}
	for _, room := range u.rooms {
		if is := room.membership(u.id); is == memberJoin || is == memberInvite {
			c.post(room, m.memberDraft(u, u.id, memberLeave, "")) // nothing forbids leaving
		}
		delete(room.joined, u.id)
		delete(room.typing, u.id)
	}
	c.commit()
	for _, d := range u.devices {
		m.removeDevice(d)
	}
	delete(m.users, u.id)
	m.write(erasuresOf(u)...)
}

// erasuresOf are the journal entries that forget a user without devices.
func erasuresOf(u *user) []journal.Entry {
	entries := []journal.Entry{drop(bucketUser, key(u.id))}
	for at := range u.data {
		entries = append(entries, drop(bucketData, key(u.id, at.room, at.kind)))
	}
	for i := range u.filters {
		entries = append(entries, drop(bucketFilter, key(u.id, strconv.Itoa(i))))
	}
	return entries
}

// RemoveRoom forgets a room with all that was said in it. Those who are in it
// are not told: it is for rooms that everybody has left. A room that does not
// exist is fine.
func (s *Server) RemoveRoom(roomID string) {
	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	room := m.rooms[roomID]
	if room == nil {
		return
	}
	c := m.begin()
	for _, d := range m.delayed {
		if d.Room == roomID {
			c.cancel(d)
		}
	}
	for full, a := range m.aliases {
		if a.Room == roomID {
			delete(m.aliases, full)
			c.drop(bucketAlias, key(full))
		}
	}
	for _, e := range room.timeline {
		c.drop(bucketEvent, key(roomID, positionPart(e.At)))
	}
	for at := range room.receipts {
		c.drop(bucketReceipt, key(roomID, at.user, at.kind, at.thread))
	}
	for id := range room.spans {
		if u := m.users[id]; u != nil {
			u.listsAt = m.position
		}
	}
	m.discard(room)
	c.drop(bucketRoom, key(roomID))
	c.commit()
}

// RoomID finds a room by the localpart of an alias; "" when there is none.
func (s *Server) RoomID(alias string) string {
	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	if a := m.aliases["#"+alias+":"+m.name]; a != nil {
		return a.Room
	}
	return ""
}

// Joined lists the users who are joined to a room, as user IDs.
func (s *Server) Joined(roomID string) (ids []string) {
	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	if room := m.rooms[roomID]; room != nil {
		for id := range room.joined {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
