package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
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
			a.log.Log(ctx, levelOfFailure(found.kind, failures), "sync failed", "err", a.explain("sync", err), "failures", failures)
			_ = sleep(ctx, max(found.retryAfter, syncPause.wait(failures, a.random())))
		default:
			if failures > 0 {
				a.log.Info("sync works again", "failures", failures)
				failures = 0
			}
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
		"filter":  {syncFilter(followed)},
		// Bots in a call are not "online" by it.
		"set_presence": {"offline"},
	}
	if since != "" {
		query.Set("since", since)
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

// syncFilter asks for the followed rooms and the few types that make facts.
func syncFilter(followed []string) string {
	types := slices.Concat(callTypes, roomTypes)
	nothing := map[string]any{"types": []string{}, "limit": 0}
	filter := map[string]any{
		"presence":     nothing,
		"account_data": map[string]any{"types": []string{typeIgnored}},
		"room": map[string]any{
			// An empty list means no room, a missing one means all.
			"rooms":        append([]string{}, followed...),
			"state":        map[string]any{"types": types},
			"timeline":     map[string]any{"types": append(types, typeRedaction), "limit": timelineLimit},
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
	for _, part := range []map[string]syncRoom{response.Rooms.Leave, response.Rooms.Join} {
		for roomID, update := range part {
			if known := a.rooms.find(roomID); known != nil && a.applyRoom(known, update, first) {
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
	a.inbox.receive(ctx, response)
}

// applyRoom takes a room's part of a response and reports whether facts
// changed. In a first sync the part is the whole state.
func (a *Account) applyRoom(known *room, update syncRoom, first bool) bool {
	if first {
		a.rooms.update(known, func(r *room) { r.state, r.fetch = newRoomState(r.id), false })
	}
	result := changeNone
	for _, raw := range slices.Concat(update.State.Events, update.Timeline.Events) {
		if event, ok := readRoomEvent(raw); ok {
			result = max(result, known.state.apply(event))
		}
	}
	if result == changeUnknown || (update.Timeline.Limited && !first) {
		a.rooms.update(known, func(r *room) { r.fetch = true })
	}
	return result != changeNone || first
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
	a.rooms.update(known, func(r *room) { r.state, r.fetch, r.attempts = state, false, 0 })
	return true
}

// tell hands the facts of a room to its sinks and watchers.
func (a *Account) tell(known *room) {
	sinks, watchers := a.rooms.listeners(known)
	for _, sink := range sinks {
		sink.SetFacts(known.state.facts())
	}
	for _, listener := range watchers {
		listener.roomChanged(known.state)
	}
}
