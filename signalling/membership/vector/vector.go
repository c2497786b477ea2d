// Package vector reads the recorded rooms by which readers of memberships are
// held to one another: vectors.json, facts in and sessions and refusals out.
// README.md beside it says how they are written, for those who read them in
// another language.
//
// It turns the facts of a vector into membership.Facts and an answer of
// membership.Compute into the words of a vector; it compares nothing and
// decides nothing. The tests of signalling/membership write vectors.json,
// signalling/conformance runs it. Everything is pure: no clock, no goroutine,
// no logger. Times are milliseconds since the epoch.
package vector

import (
	_ "embed" // for the vectors
	"encoding/json"
	"fmt"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// JSON is the list of all vectors.
//
//go:embed vectors.json
var JSON []byte

// Vector is a recorded room with what has to come out of it.
type Vector struct {
	Name string `json:"name"`
	// Needs are the forms that a reader has to know to come to the answer.
	Needs []string `json:"needs"`
	Room  Room     `json:"room"`
	Answer
}

// Parse reads one vector of the list. The error says which one is none.
func Parse(text []byte) (Vector, error) {
	var v Vector
	if err := json.Unmarshal(text, &v); err != nil {
		return Vector{}, fmt.Errorf("vector %s: %w", v.Name, err)
	}
	return v, nil
}

// Answer is what membership.Compute answers, in the words of a vector.
type Answer struct {
	Sessions []Session `json:"sessions"`
	Refusals []Refusal `json:"refusals"`
	Next     int64     `json:"next"` // 0 when time changes nothing
}

// Session is membership.Session.
type Session struct {
	ConfID     string   `json:"conf_id"`
	Form       string   `json:"form"`
	Focus      string   `json:"focus"`
	Current    bool     `json:"current"`
	Slot       string   `json:"slot"`
	SlotCallID string   `json:"slot_call_id"`
	Members    []Member `json:"members"`
}

// Member is membership.Member. Transport is the JSON of where others find it,
// null for nowhere.
type Member struct {
	UserID       string          `json:"user_id"`
	DeviceID     string          `json:"device_id"`
	SessionID    string          `json:"session_id"`
	MemberID     string          `json:"member_id"`
	Form         string          `json:"form"`
	CreatedAt    int64           `json:"created_at"`
	ExpiresAt    int64           `json:"expires_at"`
	Focus        string          `json:"focus"`
	Mesh         bool            `json:"mesh"`
	Transport    json.RawMessage `json:"transport"`
	CanSubscribe []string        `json:"can_subscribe"`
	Intent       string          `json:"intent"`
	Feeds        []string        `json:"feeds"` // purposes
	EventID      string          `json:"event_id"`
	// Forwards and Via are the route of its media.
	Forwards bool `json:"forwards,omitempty"`
	Via      *Via `json:"via,omitempty"`
}

// Via names the member by which another gets everything.
type Via struct {
	UserID   string `json:"user_id"`
	DeviceID string `json:"device_id"`
}

// Refusal is membership.Refusal without the words for people.
type Refusal struct {
	EventID  string          `json:"event_id"`
	DeviceID string          `json:"device_id"`
	Rule     membership.Rule `json:"rule"`
}

// AnswerOf writes down what was computed. No list in it is nil.
func AnswerOf(result membership.Result) Answer {
	a := Answer{Sessions: []Session{}, Refusals: []Refusal{}, Next: millis(result.Next)}
	for _, s := range result.Sessions {
		session := Session{
			ConfID: s.ConfID, Form: s.Form.String(), Focus: s.Focus, Current: s.Current,
			Slot: s.Slot.String(), SlotCallID: s.SlotCallID, Members: []Member{},
		}
		for _, m := range s.Members {
			session.Members = append(session.Members, memberOf(s, m))
		}
		a.Sessions = append(a.Sessions, session)
	}
	for _, r := range result.Refusals {
		a.Refusals = append(a.Refusals, Refusal{r.EventID, r.DeviceID, r.Rule})
	}
	return a
}

func memberOf(s membership.Session, m membership.Member) Member {
	feeds := []string{}
	for _, feed := range m.Feeds {
		feeds = append(feeds, feed.Purpose)
	}
	member := Member{
		UserID: m.UserID, DeviceID: m.DeviceID, SessionID: m.SessionID, MemberID: m.MemberID, Form: m.Form.String(),
		CreatedAt: millis(m.CreatedAt), ExpiresAt: millis(m.ExpiresAt),
		Focus: m.Focus, Mesh: m.Mesh, Transport: s.Transport(m).Raw, CanSubscribe: append([]string{}, m.CanSubscribe...),
		Intent: m.Intent, Feeds: feeds, EventID: m.EventID, Forwards: m.Forwards,
	}
	if m.Via != (message.Party{}) {
		member.Via = &Via{m.Via.UserID, m.Via.DeviceID}
	}
	return member
}

// millis is an instant as vectors have it; 0 for none.
func millis(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixMilli()
}
