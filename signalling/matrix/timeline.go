package matrix

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"meshfocus/signalling/history"
	"meshfocus/signalling/membership"
)

// pageSize is how many events a page of the timeline has at most; servers may
// give fewer.
const pageSize = 500

// Timeline reads a room's timeline from now backwards, page by page: only
// events of the given types, newest first. It holds one page at a time and
// asks for the next when the caller wants more. An error ends it; those of
// refusals carry ErrNotAllowed or ErrNotFound. What cannot be read as an event
// is left out; encrypted events come as they are.
func (a *Account) Timeline(ctx context.Context, roomID string, types []string) iter.Seq2[history.Event, error] {
	return a.timeline(ctx, roomID, types, pageSize)
}

// timeline is Timeline by pages of a size.
func (a *Account) timeline(ctx context.Context, roomID string, types []string, size int) iter.Seq2[history.Event, error] {
	return func(yield func(history.Event, error) bool) {
		from := ""
		for {
			chunk, next, err := a.page(ctx, roomID, from, types, size)
			if err != nil {
				yield(history.Event{}, a.explain("read the timeline of "+roomID, err))
				return
			}
			for _, raw := range chunk {
				if event, ok := readTimelineEvent(raw); ok && !yield(event, nil) {
					return
				}
			}
			// A page may be empty, if all of it was filtered away.
			if next == "" || next == from {
				return
			}
			from = next
		}
	}
}

// page asks for one page before a token, or the newest one.
func (a *Account) page(ctx context.Context, roomID, from string, types []string, size int) (chunk []json.RawMessage, next string, err error) {
	filter, err := json.Marshal(map[string]any{"types": types, "lazy_load_members": false})
	if err != nil {
		return nil, "", err
	}
	query := url.Values{"dir": {"b"}, "limit": {strconv.Itoa(size)}, "filter": {string(filter)}}
	if from != "" {
		query.Set("from", from)
	}
	var answer struct {
		Chunk []json.RawMessage `json:"chunk"`
		End   string            `json:"end"`
	}
	err = a.patiently(ctx, func(ctx context.Context) error {
		return a.call(ctx, http.MethodGet, clientPath("v3", "rooms", roomID, "messages"), query, nil, &answer)
	})
	return answer.Chunk, answer.End, err
}

// readTimelineEvent gives false for what is no event.
func readTimelineEvent(raw json.RawMessage) (history.Event, bool) {
	event, ok := readRoomEvent(raw)
	if !ok {
		return history.Event{}, false
	}
	var more struct {
		Unsigned struct {
			Previous json.RawMessage `json:"prev_content"`
			Replaces string          `json:"replaces_state"`
		} `json:"unsigned"`
		Sticky struct {
			Millis int64 `json:"duration_ms"`
		} `json:"msc4354_sticky"`
	}
	_ = json.Unmarshal(raw, &more) // what a peer wrote wrongly there is left out
	read := history.Event{
		Event: membership.Event{
			Type: event.Type, Sender: event.Sender, EventID: event.EventID, SentAt: event.sentAt(), Content: event.Content,
		},
		State: event.StateKey != nil, Previous: more.Unsigned.Previous, Replaces: more.Unsigned.Replaces,
		Sticky: time.Duration(max(0, min(more.Sticky.Millis, stickyMost.Milliseconds()))) * time.Millisecond,
	}
	if read.State {
		read.StateKey = *event.StateKey
	}
	return read, true
}
