package matrix

import (
	"encoding/json"
	"slices"
	"time"
)

// syncResponse is the part of a /sync answer we read. Single events stay raw:
// what one peer wrote must not make the whole response unreadable.
type syncResponse struct {
	NextBatch string `json:"next_batch"`
	Rooms     struct {
		Join  map[string]syncRoom `json:"join"`
		Leave map[string]syncRoom `json:"leave"`
	} `json:"rooms"`
	AccountData struct {
		Events []json.RawMessage `json:"events"`
	} `json:"account_data"`
	ToDevice struct {
		Events []json.RawMessage `json:"events"`
	} `json:"to_device"`
	DeviceLists struct {
		Changed []string `json:"changed"`
		Left    []string `json:"left"`
	} `json:"device_lists"`
	OneTimeKeys map[string]int `json:"device_one_time_keys_count"`
	// UnusedFallback is nil when the server knows no fallback keys.
	UnusedFallback *[]string `json:"device_unused_fallback_key_types"`
}

// syncRoom is one room of a response. State lies before the timeline.
type syncRoom struct {
	State struct {
		Events []json.RawMessage `json:"events"`
	} `json:"state"`
	Timeline struct {
		Events  []json.RawMessage `json:"events"`
		Limited bool              `json:"limited"`
	} `json:"timeline"`
	Sticky         stickySection `json:"sticky"`
	StickyUnstable stickySection `json:"msc4354_sticky"`
}

// stickySection holds the sticky events that are not in the timeline (MSC4354).
type stickySection struct {
	Events []json.RawMessage `json:"events"`
}

// stickies gives what may be sticky, by whichever road it came.
func (r syncRoom) stickies() []json.RawMessage {
	return slices.Concat(r.Sticky.Events, r.StickyUnstable.Events, r.Timeline.Events)
}

// roomEvent is an event of a room as far as facts need it.
type roomEvent struct {
	Type     string          `json:"type"`
	StateKey *string         `json:"state_key"`
	Sender   string          `json:"sender"`
	EventID  string          `json:"event_id"`
	SentAt   int64           `json:"origin_server_ts"`
	Content  json.RawMessage `json:"content"`
	Redacts  string          `json:"redacts"`
}

// readRoomEvent gives false for what is no event.
func readRoomEvent(raw json.RawMessage) (roomEvent, bool) {
	var event roomEvent
	err := json.Unmarshal(raw, &event)
	return event, err == nil && event.Type != "" && event.Sender != ""
}

func (e roomEvent) sentAt() time.Time { return time.UnixMilli(e.SentAt) }

// field reads one string of the content, "" when it is not there.
func (e roomEvent) field(name string) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(e.Content, &fields) != nil {
		return ""
	}
	var text string
	_ = json.Unmarshal(fields[name], &text)
	return text
}

// redacts names the redacted event: at the top level before room version 11,
// in the content since.
func (e roomEvent) redacts() string {
	if e.Redacts != "" {
		return e.Redacts
	}
	return e.field("redacts")
}

// toDeviceEvent is one to-device message as it came.
type toDeviceEvent struct {
	Type    string          `json:"type"`
	Sender  string          `json:"sender"`
	Content json.RawMessage `json:"content"`
}
