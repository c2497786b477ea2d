package matrix

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// Sticky events (MSC4354) come in a section of their own, or in the timeline
// with a mark. What they say is for signalling/membership; here they are kept
// until they run out.

// stickiest is the longest stickiness (MSC4354); more is not believed.
const stickiest = time.Hour

// stickyTypes are the sticky events that facts are made of.
var stickyTypes = []string{message.TypeMember, message.TypeMemberStable}

// stickyMark is what an event has more if it is sticky. The names without
// prefix are those of the newest text.
type stickyMark struct {
	Stable   *stickyDuration `json:"sticky"`
	Unstable *stickyDuration `json:"msc4354_sticky"`
	Unsigned struct {
		Remaining *int64 `json:"sticky_duration_remaining_ms"`
		TTL       *int64 `json:"msc4354_sticky_duration_ttl_ms"`
	} `json:"unsigned"`
}

type stickyDuration struct {
	Milliseconds int64 `json:"duration_ms"`
}

// sticky reads an event by its mark; false for what is not sticky. The
// homeserver's clock is ahead of ours by so much.
func (e heardEvent) sticky(received time.Time, ahead time.Duration) (membership.Sticky, bool) {
	lasts := cmp.Or(e.mark.Stable, e.mark.Unstable)
	if e.StateKey != nil || lasts == nil || lasts.Milliseconds <= 0 {
		return membership.Sticky{}, false
	}
	sticky := membership.Sticky{
		Event: membership.Event{
			Type: e.Type, Sender: e.Sender, EventID: e.EventID, SentAt: e.sentAt(), Content: e.Content,
		},
		Duration: milliseconds(lasts.Milliseconds), Encrypted: e.sealed, Device: e.device,
	}
	if left := cmp.Or(e.mark.Unsigned.Remaining, e.mark.Unsigned.TTL); left != nil {
		sticky.Until = received.Add(milliseconds(*left))
		return sticky, true
	}
	began := sticky.SentAt.Add(-ahead)
	if received.Before(began) {
		began = received
	}
	sticky.Until = began.Add(sticky.Duration)
	return sticky, true
}

func milliseconds(n int64) time.Duration {
	return time.Duration(min(max(n, 0), stickiest.Milliseconds())) * time.Millisecond
}

// stickyMap holds the sticky events of a room, by event ID. Owned by the sync
// loop.
type stickyMap struct{ open map[string]membership.Sticky }

func newStickyMap() stickyMap { return stickyMap{open: map[string]membership.Sticky{}} }

// remove takes an event out and reports whether it counted.
func (m *stickyMap) remove(eventID string) bool {
	_, counted := m.open[eventID]
	delete(m.open, eventID)
	return counted
}

// at gives what stands in one place of the sticky map (MSC4354), the latest
// first.
func (m *stickyMap) at(sender, eventType, key string) []membership.Sticky {
	var all []membership.Sticky
	for _, sticky := range m.open {
		if sticky.Sender != sender || sticky.Type != eventType {
			continue
		}
		// A spoilt event has its key all the same.
		if member, _ := message.ParseStickyMember(sticky.Content); member.StickyKey == key {
			all = append(all, sticky)
		}
	}
	slices.SortFunc(all, func(a, b membership.Sticky) int {
		return cmp.Or(b.SentAt.Add(b.Duration).Compare(a.SentAt.Add(a.Duration)), cmp.Compare(b.EventID, a.EventID))
	})
	return all
}

// list gives what is sticky still.
func (m *stickyMap) list(now time.Time) []membership.Sticky {
	var all []membership.Sticky
	for eventID, sticky := range m.open {
		if sticky.Until.Before(now) {
			delete(m.open, eventID)
			continue
		}
		all = append(all, sticky)
	}
	return all
}

// applySticky takes the sticky events of a response and reports whether facts
// changed.
func (a *Account) applySticky(known *room, events []heardEvent) bool {
	stuck, changed := &known.state.sticky, false
	for _, event := range events {
		sticky, ok := event.sticky(time.Now(), a.clock.ahead())
		_, twice := stuck.open[event.EventID]
		if ok && !twice && slices.Contains(stickyTypes, event.Type) {
			stuck.open[event.EventID], changed = sticky, true
		}
	}
	return changed
}

// fetchSticky asks for the sticky events of a room that we begin to follow:
// they come once with each sync token, and ours may be past them. The request
// is a first sync of that room, whose token is never used.
func (a *Account) fetchSticky(ctx context.Context, known *room) {
	if !a.features[message.FeatureSticky] {
		return
	}
	nothing := map[string]any{"types": []string{}, "limit": 0}
	filter, err := json.Marshal(map[string]any{
		"presence": nothing, "account_data": nothing,
		"room": map[string]any{
			"rooms": []string{known.id}, "ephemeral": nothing, "account_data": nothing,
			"state": nothing, "timeline": map[string]any{"types": []string{}, "limit": 1},
		},
	})
	if err != nil {
		panic(err) // strings in maps always marshal
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var response syncResponse
	query := url.Values{"timeout": {"0"}, "filter": {unseen(string(filter))}, "set_presence": {"offline"}}
	err = a.call(ctx, http.MethodGet, clientPath("v3", "sync"), query, nil, &response)
	if err != nil {
		a.log.Debug("cannot read the sticky events of a room", "room", known.id, "err", err)
		return
	}
	a.applySticky(known, a.hear(ctx, known, response.Rooms.Join[known.id].stickies()))
}

// sendSticky sends a sticky event, delayed when delay is positive, and gives
// the event ID or the delay ID.
func (a *Account) sendSticky(ctx context.Context, roomID, eventType, transaction string, content any, lasts, delay time.Duration) (string, error) {
	query := url.Values{message.QuerySticky: {fmt.Sprint(lasts.Milliseconds())}}
	if delay > 0 {
		query.Set(message.QueryDelay, fmt.Sprint(delay.Milliseconds()))
	}
	var answer struct {
		EventID string `json:"event_id"`
		DelayID string `json:"delay_id"`
	}
	path := clientPath("v3", "rooms", roomID, "send", eventType, transaction)
	if err := a.call(ctx, http.MethodPut, path, query, content, &answer); err != nil {
		return "", err
	}
	if delay <= 0 {
		return answer.EventID, nil
	}
	if answer.DelayID == "" {
		return "", errNotDelayed
	}
	return answer.DelayID, nil
}
