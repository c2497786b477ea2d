package homeserver

import (
	"encoding/json"
	"time"

	"meshfocus/signalling/homeserver/journal"
)

// user is one account. Guarded by the model's lock.
type user struct {
	userRecord
	id      string
	devices map[string]*device
	// rooms the user has or had a membership in and has not forgotten.
	rooms map[string]*room
	// data is the account data by room ("" = global) and type.
	data map[dataKey]*datum
	// filters by their ID, which is the index.
	filters []json.RawMessage

	// dataAt is the position of the newest change to data; listsAt that of
	// the newest change that matters to the device lists this user sees.
	dataAt, listsAt int64
	// written is where the newest of the above stands in the journal.
	written journal.Position
}

// userRecord is the part of a user that is one journal value.
type userRecord struct {
	Password    string    `json:"password,omitempty"` // argon2id, PHC string format
	DisplayName string    `json:"displayname,omitempty"`
	AvatarURL   string    `json:"avatar_url,omitempty"`
	Guest       bool      `json:"guest,omitempty"`
	Deactivated bool      `json:"deactivated,omitempty"`
	Created     time.Time `json:"created"`
	// KeysAt is the position at which others must fetch this user's keys anew.
	KeysAt    int64     `json:"keys_at,omitempty"`
	CrossKeys crossKeys `json:"cross_keys,omitzero"`
	// Forgotten are the rooms the user asked not to see again.
	Forgotten map[string]bool `json:"forgotten,omitempty"`
}

type dataKey struct{ room, kind string }

type datum struct {
	Content json.RawMessage `json:"content"`
	At      int64           `json:"at"`
}

func newUser(id string) *user {
	return &user{
		id: id, devices: make(map[string]*device), rooms: make(map[string]*room),
		data: make(map[dataKey]*datum),
	}
}

// addUser creates an account and writes it down.
func (m *model) addUser(id string, record userRecord) *user {
	u := newUser(id)
	u.userRecord = record
	u.Created = time.Now()
	m.users[id] = u
	m.saveUser(u)
	return u
}

func (m *model) saveUser(u *user) {
	u.written = m.write(put(bucketUser, key(u.id), u.userRecord))
}

// wakeAll wakes every device of the user.
func (u *user) wakeAll() {
	for _, d := range u.devices {
		d.notify()
	}
}

// knows says whether two users share a room both are joined to.
func (u *user) knows(other *user) bool {
	if u == other {
		return true
	}
	for _, r := range u.rooms {
		if r.joined[u.id] != nil && r.joined[other.id] != nil {
			return true
		}
	}
	return false
}

// acquaintances calls each for every user that shares a room with u, and for
// u itself, once.
func (u *user) acquaintances(each func(*user)) {
	seen := map[string]bool{u.id: true}
	each(u)
	for _, r := range u.rooms {
		if r.joined[u.id] == nil {
			continue
		}
		for id, other := range r.joined {
			if !seen[id] {
				seen[id] = true
				each(other)
			}
		}
	}
}
