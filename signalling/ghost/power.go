package ghost

import (
	"encoding/json"
	"math"
	"strconv"
)

// Powers is m.room.power_levels as far as clearing up needs it (client-server
// API, defaults filled in).
type Powers struct {
	Redact int

	users                                     map[string]int
	events                                    map[string]int
	usersDefault, eventsDefault, stateDefault int
	creators                                  bool
}

// ParsePowers reads the content of m.room.power_levels; nil is a room without
// it. In room versions from 12 on creators have all power and stand in no
// list: who is not listed there is taken to have it, and the homeserver says
// otherwise.
func ParsePowers(content json.RawMessage, roomVersion string) Powers {
	raw := struct {
		Users         map[string]int `json:"users"`
		UsersDefault  int            `json:"users_default"`
		Events        map[string]int `json:"events"`
		EventsDefault int            `json:"events_default"`
		StateDefault  *int           `json:"state_default"`
		Redact        *int           `json:"redact"`
	}{}
	_ = json.Unmarshal(content, &raw) // what cannot be read keeps its default
	p := Powers{
		Redact: 50, users: raw.Users, events: raw.Events,
		usersDefault: raw.UsersDefault, eventsDefault: raw.EventsDefault, stateDefault: 50,
	}
	if content == nil {
		p.stateDefault = 0
	}
	if raw.Redact != nil {
		p.Redact = *raw.Redact
	}
	if raw.StateDefault != nil {
		p.stateDefault = *raw.StateDefault
	}
	version, err := strconv.Atoi(roomVersion)
	p.creators = err == nil && version >= 12
	return p
}

// User is the level of a user.
func (p Powers) User(userID string) int {
	if level, ok := p.users[userID]; ok {
		return level
	}
	if p.creators {
		return math.MaxInt
	}
	return p.usersDefault
}

// State is the level that writing a state event takes.
func (p Powers) State(eventType string) int {
	if level, ok := p.events[eventType]; ok {
		return level
	}
	return p.stateDefault
}

// Event is the level that sending a message event takes.
func (p Powers) Event(eventType string) int {
	if level, ok := p.events[eventType]; ok {
		return level
	}
	return p.eventsDefault
}
