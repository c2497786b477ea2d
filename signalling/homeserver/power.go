package homeserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
)

// powerLevels is the content of m.room.power_levels (client-server API) with
// the defaults filled in.
type powerLevels struct {
	Users         map[string]int64 `json:"users"`
	UsersDefault  int64            `json:"users_default"`
	Events        map[string]int64 `json:"events"`
	EventsDefault int64            `json:"events_default"`
	StateDefault  int64            `json:"state_default"`
	Ban           int64            `json:"ban"`
	Kick          int64            `json:"kick"`
	Redact        int64            `json:"redact"`
	Invite        int64            `json:"invite"`
	Notifications map[string]int64 `json:"notifications,omitempty"`
}

// Levels as clients name them.
const (
	powerUser      = 0
	powerModerator = 50
	powerAdmin     = 100
)

// defaultPower holds in a room without the event: the creator may do all.
func defaultPower(creator string) powerLevels {
	return powerLevels{
		Users: map[string]int64{creator: powerAdmin},
		Ban:   powerModerator, Kick: powerModerator, Redact: powerModerator,
	}
}

// unsetPower is what members left out of the event mean.
func unsetPower() powerLevels {
	return powerLevels{
		StateDefault: powerModerator, Ban: powerModerator, Kick: powerModerator, Redact: powerModerator,
	}
}

// parsePower reads content that checkPower has let through, or that was
// redacted.
func parsePower(content json.RawMessage) powerLevels {
	p := unsetPower()
	if json.Unmarshal(content, &p) != nil {
		return unsetPower()
	}
	return p
}

// user is the power of a user.
func (p *powerLevels) user(id string) int64 {
	if level, ok := p.Users[id]; ok {
		return level
	}
	return p.UsersDefault
}

// event is the power that sending an event takes.
func (p *powerLevels) event(kind string, state bool) int64 {
	switch level, ok := p.Events[kind]; {
	case ok:
		return level
	case state:
		return p.StateDefault
	default:
		return p.EventsDefault
	}
}

// decodePower reads content strictly: since room version 10 every level must
// be an integer.
func decodePower(content json.RawMessage) (powerLevels, error) {
	p := unsetPower()
	decoder := json.NewDecoder(bytes.NewReader(content))
	if err := decoder.Decode(&p); err != nil {
		return p, fmt.Errorf("power levels must be integers: %w", err)
	}
	for id := range p.Users {
		if !validUserID(id) {
			return p, fmt.Errorf("power level of %q, which is no user ID", id)
		}
	}
	return p, nil
}

// checkPower decides whether a user may change the power levels from p to
// next: nothing above the own level may be set or touched, and nobody of the
// same level but oneself (room version 10, authorization rules for
// m.room.power_levels).
func (p *powerLevels) checkPower(sender string, next *powerLevels) *refusal {
	own := p.user(sender)
	single := []struct {
		name     string
		old, new int64
	}{
		{"users_default", p.UsersDefault, next.UsersDefault},
		{"events_default", p.EventsDefault, next.EventsDefault},
		{"state_default", p.StateDefault, next.StateDefault},
		{"ban", p.Ban, next.Ban}, {"kick", p.Kick, next.Kick},
		{"redact", p.Redact, next.Redact}, {"invite", p.Invite, next.Invite},
	}
	for _, level := range single {
		if level.old != level.new && (level.old > own || level.new > own) {
			return forbidden("%s cannot be changed from %d to %d with a power of %d", level.name, level.old, level.new, own)
		}
	}
	for _, table := range []struct {
		name     string
		old, new map[string]int64
		except   string
	}{
		{"events", p.Events, next.Events, ""},
		{"notifications", p.Notifications, next.Notifications, ""},
		{"users", p.Users, next.Users, sender},
	} {
		if e := checkTable(table.name, table.old, table.new, own, table.except); e != nil {
			return e
		}
	}
	return nil
}

// checkTable compares two tables of levels. In the table of users, a level
// equal to the own one is out of reach too, except one's own.
func checkTable(name string, old, next map[string]int64, own int64, sender string) *refusal {
	all := maps.Clone(old)
	if all == nil {
		all = make(map[string]int64)
	}
	maps.Copy(all, next)
	for key := range all {
		before, was := old[key]
		after, is := next[key]
		if was == is && before == after {
			continue
		}
		outOfReach := was && before > own || is && after > own ||
			name == "users" && was && before == own && key != sender
		if outOfReach {
			return forbidden("the level of %s %q cannot be changed with a power of %d", name, key, own)
		}
	}
	return nil
}
