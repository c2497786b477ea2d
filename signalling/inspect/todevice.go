package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// typeProbe is the type of all that doctor writes. No client knows it.
const typeProbe = "meshfocus.doctor"

// event is what the checks need of one.
type event struct {
	ID       string          `json:"event_id"`
	Type     string          `json:"type"`
	StateKey *string         `json:"state_key"`
	Content  json.RawMessage `json:"content"`
	Sticky   json.RawMessage `json:"msc4354_sticky"`
}

// glance is what a sync shows of one room and of our device.
type glance struct {
	toDevice []event
	timeline []event
	sticky   []event
}

// look syncs without a token of an earlier sync. So nothing is acknowledged,
// and a client that uses the same device loses nothing. The room is shown if
// one is named. Servers may answer the same question from a cache, so no two
// are the same.
func (i *Inspector) look(ctx context.Context, roomID string) (glance, answer) {
	rooms := []string{}
	if roomID != "" {
		rooms = append(rooms, roomID)
	}
	none := map[string]any{"types": []string{}}
	filter, _ := json.Marshal(map[string]any{
		"presence": none, "account_data": map[string]any{"types": []string{}, "not_types": []string{i.unique()}},
		"room": map[string]any{"rooms": rooms, "timeline": map[string]int{"limit": 50}, "ephemeral": none, "account_data": none},
	})
	query := url.Values{"filter": {string(filter)}, "timeout": {"0"}, "set_presence": {"offline"}}
	a := i.ask(ctx, http.MethodGet, clientPath("v3", "sync")+"?"+query.Encode(), nil)
	var body struct {
		ToDevice struct{ Events []event } `json:"to_device"`
		Rooms    struct {
			Join map[string]struct {
				Timeline struct{ Events []event }
				Sticky   struct{ Events []event } `json:"msc4354_sticky"`
			}
		}
	}
	a.read(&body)
	room := body.Rooms.Join[roomID]
	return glance{body.ToDevice.Events, room.Timeline.Events, room.Sticky.Events}, a
}

// The time between two looks doubles: a sync from nothing costs a server more
// than others do, and it counts against limits.
const (
	lookFirst = 50 * time.Millisecond
	lookLast  = 500 * time.Millisecond
)

// await looks until something shows, for at most limit.
func (i *Inspector) await(ctx context.Context, limit time.Duration, roomID string, shows func(glance) bool) (took time.Duration, last answer, found bool) {
	begun, pause := time.Now(), lookFirst
	for {
		g, a := i.look(ctx, roomID)
		switch {
		case !a.ok():
			return time.Since(begun), a, false
		case shows(g):
			return time.Since(begun), a, true
		case time.Since(begun) > limit:
			return time.Since(begun), a, false
		}
		select {
		case <-ctx.Done():
			return time.Since(begun), a, false
		case <-time.After(pause):
			pause = min(2*pause, lookLast)
		}
	}
}

// checkToDevice sends a message to our own device and waits for it: this is
// the road of every offer, answer and candidate.
func (i *Inspector) checkToDevice(ctx context.Context) Finding {
	if i.deviceID == "" {
		return skipped("the token has no device")
	}
	tried := "send a message to device " + i.deviceID + " and look for it in /sync"
	mark := i.unique()
	begun := time.Now()
	a := i.ask(ctx, http.MethodPut, clientPath("v3", "sendToDevice", typeProbe, mark), map[string]any{
		"messages": map[string]any{i.userID: map[string]any{i.deviceID: map[string]string{"mark": mark}}},
	})
	if a.status == http.StatusTooManyRequests {
		return Finding{Level: Broken, Tried: tried, Found: a.words() + fmt.Sprintf(", again in %s", plainTime(a.retryAfter())), Cause: "the homeserver limits messages so tightly that calls cannot be set up: a call of N devices needs some 4·(N−1) of them at once",
			Fix: "raise the limit", Command: i.homeserver("limits")}
	}
	if !a.ok() {
		return Finding{Level: Broken, Tried: tried, Found: a.words(), Cause: "devices cannot send each other offers, so no connection comes about", Fix: "look at the homeserver's log; with workers, see which one serves /sendToDevice"}
	}
	_, last, found := i.await(ctx, i.config.Arrival, "", func(g glance) bool {
		return slices.ContainsFunc(g.toDevice, func(e event) bool { return marked(e, mark) })
	})
	took := time.Since(begun)
	switch {
	case !last.ok():
		return Finding{Level: Broken, Tried: tried, Found: "/sync: " + last.words(), Cause: "clients cannot receive anything; with workers, the one that serves /sync is not running", Fix: "look at the homeserver's log"}
	case !found:
		return Finding{Level: Warning, Tried: tried, Found: fmt.Sprintf("taken by the server, and not seen in /sync within %s", plainTime(i.config.Arrival)),
			Cause: "a client that runs with the same token was faster; or, with workers, the stream of messages between devices stands still",
			Fix:   "run doctor with an account of its own (--user and --password-file); if it is the same there, look at the worker that writes to_device"}
	case took > i.config.Slow:
		return Finding{Level: Warning, Tried: tried, Found: plainTime(took) + " from device to device", Cause: "the homeserver is overloaded; a connection needs about four such messages one after the other", Fix: "look at its load"}
	}
	return Finding{Tried: tried, Found: "there and back in " + plainTime(took)}
}

// marked says that an event is the one we wrote.
func marked(e event, mark string) bool {
	var content struct{ Mark string }
	return e.Type == typeProbe && json.Unmarshal(e.Content, &content) == nil && content.Mark == mark
}
