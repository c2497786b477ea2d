package matrix

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"meshfocus/signalling/message"
)

const (
	// pollGrace is what an answer may take beyond the long poll's own time.
	pollGrace = 15 * time.Second
	// firstSyncTimeout bounds the first sync, which carries whole rooms.
	firstSyncTimeout = 2 * time.Minute
	// timelineLimit is how many call events one response may bring per room
	// before the state is fetched instead.
	timelineLimit = 50
)

// syncPause is the back-off between failed syncs.
var syncPause = backoff{first: 500 * time.Millisecond, most: 5 * time.Second}

// syncLoop polls until the context ends or the token is refused. It owns the
// sync token, the room states and the Olm machine's receiving half. A token
// that the server does not understand any more begins anew.
func (a *Account) syncLoop(ctx context.Context) error {
	since, failures, restarts := "", 0, 0
	for {
		response, err := a.poll(ctx, since, failures > 0)
		switch found := classify(err); {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errInterrupted):
			continue
		case found.kind == faultToken:
			return a.explain("sync", err)
		case found.kind == faultRefused && since != "":
			a.log.Warn("the homeserver does not know our sync token, starting anew", "err", err)
			since, restarts = "", restarts+1
			_ = sleep(ctx, syncPause.wait(restarts, a.random()))
		case err != nil:
			failures++
			a.deaf.Store(true)
			a.log.Log(ctx, levelOfFailure(found.kind, failures), "sync failed", "err", a.explain("sync", err), "failures", failures)
			_ = sleep(ctx, max(found.retryAfter, syncPause.wait(failures, a.random())))
		default:
			if failures > 0 {
				a.log.Info("sync works again", "failures", failures)
				failures = 0
			}
			a.synced.Store(time.Now().UnixMilli())
			a.deaf.Store(false)
			a.digest(ctx, response, since == "")
			if since != "" {
				restarts = 0
			}
			since = response.NextBatch
		}
	}
}

// errInterrupted ends a long poll because a room is to be followed.
var errInterrupted = errors.New("poll interrupted")

// poll asks for what happened since the token. After a failure, at the start
// and while a room's state is missing it asks without waiting.
func (a *Account) poll(ctx context.Context, since string, hurry bool) (*syncResponse, error) {
	timeout := a.config.PollTimeout
	if since == "" || hurry {
		timeout = 0
	}
	ctx, interrupt, followed, timeout := a.rooms.poll(ctx, a.inbox.pollAtMost(timeout))
	defer interrupt()
	bound := timeout + pollGrace
	if since == "" {
		bound = firstSyncTimeout
	}
	request, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	query := url.Values{
		"timeout": {fmt.Sprint(timeout.Milliseconds())},
		"filter":  {a.syncFilter(followed)},
		// Bots in a call are not "online" by it.
		"set_presence": {"offline"},
	}
	if since != "" {
		query.Set("since", since)
	} else {
		query.Set("filter", unseen(query.Get("filter")))
	}
	response := new(syncResponse)
	err := a.call(request, http.MethodGet, clientPath("v3", "sync"), query, nil, response)
	if err != nil && ctx.Err() != nil {
		return nil, errInterrupted
	}
	if err == nil && response.NextBatch == "" {
		err = errors.New("sync answer without next_batch")
	}
	return response, err
}

// syncFilter asks for the followed rooms and the few types that make facts or
// tell about rings. What is encrypted comes with all that people write there.
func (a *Account) syncFilter(followed []string) string {
	types := slices.Concat(callTypes, roomTypes)
	spoken := slices.Concat(types, []string{typeRedaction}, ringTypes)
	if a.crypto != nil {
		spoken = append(spoken, message.TypeEncrypted)
	}
	nothing := map[string]any{"types": []string{}, "limit": 0}
	filter := map[string]any{
		"presence":     nothing,
		"account_data": map[string]any{"types": []string{typeIgnored}},
		"room": map[string]any{
			// An empty list means no room, a missing one means all.
			"rooms":        append([]string{}, followed...),
			"state":        map[string]any{"types": types},
			"timeline":     map[string]any{"types": spoken, "limit": timelineLimit},
			"ephemeral":    nothing,
			"account_data": nothing,
		},
	}
	text, err := json.Marshal(filter)
	if err != nil {
		panic(err) // strings in maps always marshal
	}
	return string(text)
}

// unseen makes a filter another one that asks for the same. Synapse answers a
// sync without a token from a cache for two minutes, which it looks up by the
// text of the filter: who asks again would be told of members who have left.
func unseen(filter string) string {
	return strings.TrimSuffix(filter, "}") + `,"meshfocus.unseen":"` + rand.Text() + `"}`
}

// digest takes one response: rooms first, then messages. Facts of a room
// whose timeline has a hole, or that was followed a moment ago, are fetched
// before they are told.
func (a *Account) digest(ctx context.Context, response *syncResponse, first bool) {
	changed := map[*room]bool{}
	if first {
		if a.crypto != nil {
			a.crypto.allChanged()
		}
		for _, known := range a.rooms.take(func(*room) bool { return true }) {
			a.rooms.update(known, func(r *room) { r.fetch, r.attempts = true, 0 })
		}
	}
	heard := map[*room][]heardEvent{}
	for _, part := range []map[string]syncRoom{response.Rooms.Leave, response.Rooms.Join} {
		for roomID, update := range part {
			known := a.rooms.find(roomID)
			if known == nil {
				continue
			}
			heard[known] = a.hear(ctx, known, update.stickies())
			if a.applyRoom(known, update, heard[known], first) {
				changed[known] = true
			}
		}
	}
	for _, known := range a.rooms.take(func(r *room) bool { return r.fetch }) {
		if a.fetchState(ctx, known) {
			changed[known] = true
		}
	}
	for _, known := range a.rooms.take(func(r *room) bool { return changed[r] || (r.fresh && !r.fetch) }) {
		a.tell(known)
	}
	for known, events := range heard {
		if _, joined := response.Rooms.Join[known.id]; joined {
			a.tellRings(known, events)
		}
	}
	a.inbox.receive(ctx, response)
	a.greet(ctx, response.DeviceLists.Changed)
}

// applyRoom takes a room's part of a response, with its messages as they were
// heard, and reports whether facts changed. In a first sync the part is the whole state.
func (a *Account) applyRoom(known *room, update syncRoom, heard []heardEvent, first bool) bool {
	if first {
		a.rooms.update(known, func(r *room) { r.renew(newRoomState(r.id)); r.fetch = false })
	}
	doubtful := !first && (update.Timeline.Limited || len(update.State.Events) > 0)
	events := update.Timeline.Events
	if !doubtful {
		events = slices.Concat(update.State.Events, events)
	}
	result := changeNone
	for _, raw := range events {
		if event, ok := readRoomEvent(raw); ok {
			result = max(result, known.state.apply(event))
		}
	}
	if result == changeUnknown || doubtful {
		a.rooms.update(known, func(r *room) { r.fetch = true })
	}
	stuck := a.applySticky(known, heard)
	return result != changeNone || stuck || first
}

// fetchState replaces what we know of a room by what the server says now. A
// room we are not in has no facts. On passing trouble it is tried again with
// the next response, and false is returned.
func (a *Account) fetchState(ctx context.Context, known *room) bool {
	var events []json.RawMessage
	err := a.get(ctx, &events, "v3", "rooms", known.id, "state")
	if found := classify(err); found.kind == faultForbidden || found.kind == faultNotFound {
		a.log.Warn("cannot read the state of the room; are we in it?", "room", known.id, "err", a.explain("read state", err))
	} else if ctx.Err() != nil {
		return false // we are stopping
	} else if err != nil {
		a.log.Warn("cannot read the state of the room, will try again", "room", known.id, "err", err)
		a.rooms.update(known, func(r *room) { r.attempts++ })
		return false
	}
	state := newRoomState(known.id)
	for _, raw := range events {
		if event, ok := readRoomEvent(raw); ok {
			state.apply(event)
		}
	}
	a.rooms.update(known, func(r *room) { r.renew(state); r.fetch, r.attempts = false, 0 })
	a.fetchSticky(ctx, known)
	return true
}

// tell hands the facts of a room to its sinks and watchers.
func (a *Account) tell(known *room) {
	sinks, watchers := a.rooms.listeners(known)
	for _, sink := range sinks {
		if named, ok := sink.(NameSink); ok {
			named.SetNames(known.id, maps.Clone(known.state.names))
		}
		facts := known.state.facts()
		facts.Ahead = a.clock.ahead()
		sink.SetFacts(facts)
	}
	for _, listener := range watchers {
		listener.roomChanged(known.state)
	}
}
