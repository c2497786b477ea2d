package socket

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// The frames that we send. Each is written once, with its type first.

type welcomeFrame struct {
	Type       string      `json:"type"`
	Version    int         `json:"version"`
	Seat       string      `json:"seat"`
	Resumed    bool        `json:"resumed"`
	Self       selfFields  `json:"self"`
	Room       Room        `json:"room"`
	ICEServers []ICEServer `json:"ice_servers"`
	RelayOnly  bool        `json:"relay_only"`
	Frames     bool        `json:"encrypt_frames,omitempty"`
	Forwarded  bool        `json:"encrypt_forwarded"`
	MaxMembers int         `json:"max_members"`
	Server     string      `json:"server"`
}

type selfFields struct {
	party
	SessionID string `json:"session_id"`
	Name      string `json:"name"`
}

func encodeWelcome(place Place, server, secret, session string, resumed bool) []byte {
	return encode(welcomeFrame{
		Type: "welcome", Version: 1, Seat: secret, Resumed: resumed, Server: server,
		Self: selfFields{party: party(place.Self), SessionID: session, Name: place.Name},
		Room: place.Room, ICEServers: orEmpty(place.ICEServers), RelayOnly: place.RelayOnly, MaxMembers: place.MaxMembers,
		Frames: place.EncryptFrames, Forwarded: place.EncryptForwarded,
	})
}

type stateEvent struct {
	Type     string          `json:"type"`
	StateKey string          `json:"state_key"`
	Sender   string          `json:"sender"`
	EventID  string          `json:"event_id"`
	SentAt   int64           `json:"origin_server_ts"`
	Content  json.RawMessage `json:"content"`
}

// stickyEvent is an event without a state key: that stays empty.
type stickyEvent struct {
	stateEvent
	Until    int64  `json:"until"`
	Duration int64  `json:"duration,omitempty"`
	Device   string `json:"device,omitempty"`
}

// encodeState writes a state in an order of its own, so that equal states are
// equal frames.
func encodeState(state State) []byte {
	events := make([]stateEvent, 0, len(state.Events))
	for _, e := range state.Events {
		events = append(events, wireEvent(e))
	}
	slices.SortFunc(events, func(a, b stateEvent) int {
		return strings.Compare(a.Type+"\x00"+a.StateKey, b.Type+"\x00"+b.StateKey)
	})
	stickies := make([]stickyEvent, 0, len(state.Sticky))
	for _, s := range state.Sticky {
		stickies = append(stickies, stickyEvent{wireEvent(s.Event), s.Until.UnixMilli(), s.Duration.Milliseconds(), s.Device})
	}
	slices.SortFunc(stickies, func(a, b stickyEvent) int { return strings.Compare(a.EventID, b.EventID) })
	members := slices.SortedFunc(slices.Values(state.Members), func(a, b Member) int { return strings.Compare(a.UserID, b.UserID) })
	return encode(struct {
		Type    string        `json:"type"`
		Events  []stateEvent  `json:"events"`
		Sticky  []stickyEvent `json:"sticky,omitempty"`
		Members []Member      `json:"members"`
	}{"state", events, stickies, orEmpty(members)})
}

func wireEvent(e membership.Event) stateEvent {
	content := e.Content
	if !json.Valid(content) {
		content = json.RawMessage("{}")
	}
	return stateEvent{Type: e.Type, StateKey: e.StateKey, Sender: e.Sender, EventID: e.EventID, SentAt: e.SentAt.UnixMilli(), Content: content}
}

// encodeDistrust writes the devices in the order in which they are given.
func encodeDistrust(devices []Distrust) []byte {
	type entry struct {
		party
		Words string `json:"words"`
	}
	entries := make([]entry, len(devices))
	for i, d := range devices {
		entries[i] = entry{party(d.Party), d.Words}
	}
	return encode(struct {
		Type    string  `json:"type"`
		Devices []entry `json:"devices"`
	}{"distrust", entries})
}

// encodeSignal writes a call message. Its number counts per seat, so that a
// browser that comes back can say what it has seen.
func encodeSignal(signal Signal, number uint64) []byte {
	return encode(struct {
		Type      string          `json:"type"`
		Number    uint64          `json:"n"`
		From      party           `json:"from"`
		Encrypted bool            `json:"encrypted"`
		Event     string          `json:"event"`
		Content   json.RawMessage `json:"content"`
	}{"signal", number, party(signal.From), signal.Encrypted, signal.Type, signal.Content})
}

func encodeSent(id uint64, refusal *Refusal) []byte {
	type fault struct {
		Code  Code   `json:"code"`
		Words string `json:"words"`
	}
	answer := struct {
		Type  string `json:"type"`
		ID    uint64 `json:"id"`
		Error *fault `json:"error,omitempty"`
	}{Type: "sent", ID: id}
	if refusal != nil {
		answer.Error = &fault{refusal.Code, refusal.Words}
	}
	return encode(answer)
}

// encodeReports writes reports in the order in which they are given.
func encodeReports(reports []Report) []byte {
	type entry struct {
		Party   party           `json:"party"`
		At      int64           `json:"at"`
		Content json.RawMessage `json:"report"`
	}
	entries := make([]entry, len(reports))
	for i, r := range reports {
		entries[i] = entry{party(r.Party), r.At.UnixMilli(), r.Content}
	}
	return encode(struct {
		Type    string  `json:"type"`
		Reports []entry `json:"reports"`
	}{"reports", entries})
}

func encodeICEServers(servers []ICEServer) []byte {
	return encode(struct {
		Type    string      `json:"type"`
		Servers []ICEServer `json:"ice_servers"`
	}{"ice_servers", orEmpty(servers)})
}

// encodeError writes a refusal. After a fatal one the socket is closed.
func encodeError(refusal *Refusal, fatal bool) []byte {
	return encode(struct {
		Type       string `json:"type"`
		Code       Code   `json:"code"`
		Words      string `json:"words"`
		Fatal      bool   `json:"fatal"`
		RetryAfter int64  `json:"retry_after_ms,omitempty"`
	}{"error", refusal.Code, refusal.Words, fatal, max(refusal.RetryAfter.Milliseconds(), minimalRetry(refusal.RetryAfter))})
}

// minimalRetry keeps a time below a millisecond from vanishing.
func minimalRetry(after time.Duration) int64 {
	if after > 0 {
		return 1
	}
	return 0
}

func encodePong(id uint64) []byte {
	return encode(struct {
		Type string `json:"type"`
		ID   uint64 `json:"id"`
	}{"pong", id})
}

func encodeWord(kind string) []byte {
	return encode(struct {
		Type string `json:"type"`
	}{kind})
}

func encode(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // raw parts were valid when they were taken in
	}
	return text
}

// orEmpty makes an empty list of none: [] and not null on the wire.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

var _ = message.Party(party{}) // the same fields, so that they convert
