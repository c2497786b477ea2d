package matrix

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// Received is a signal and who sent it. Encrypted means that From is proven:
// the message came through an Olm session with that device's published keys.
// Without it the user is what the homeserver says and the device a claim.
//
// Signal is how we read it; Type and Content are what came, decrypted, for
// those who pass it on.
type Received struct {
	From      message.Party
	Encrypted bool
	Signal    message.Signal
	Type      string
	Content   json.RawMessage
}

// Sink takes what the sync loop finds, on the sync loop's goroutine: it must
// not block. For every response SetFacts is called once per changed room,
// then Receive once if there are signals. A Sink is compared by identity, so
// it has to be a pointer.
type Sink interface {
	SetFacts(membership.Facts)
	Receive([]Received)
}

// NameSink is a Sink that wants names too: SetNames comes before each SetFacts,
// with the display names of the joined users that have one. The receiver may
// keep the map.
type NameSink interface {
	Sink
	SetNames(roomID string, names map[string]string)
}

// watcher is told about a room after every response that changed it. It must
// not block nor keep the state.
type watcher interface{ roomChanged(*roomState) }

// rooms is the list of followed rooms, shared between callers of Subscribe and
// the sync loop.
type rooms struct {
	mutex sync.Mutex
	// guarded by mutex
	followed  map[string]*room
	interrupt context.CancelFunc // ends the current long poll; nil without one
}

// room is a followed room. Its fields are guarded by rooms.mutex; the state
// behind the pointer is owned by the sync loop.
type room struct {
	id       string
	sinks    []Sink
	watchers []watcher
	state    *roomState
	// fetch asks the sync loop to read the whole state before the next facts;
	// attempts counts how often that failed.
	fetch    bool
	attempts int
	// crowd repeats the state's word for those who are not the sync loop; nil
	// before the first facts. What it points to stays as it is.
	crowd *crowd
	// greet asks the sync loop to give our keys to who has come into the room.
	greet bool
	// fresh: there are sinks or watchers that have not seen the facts yet.
	fresh bool
}

// renew replaces the state by one that was read anew.
func (r *room) renew(state *roomState) {
	state.follow(r.state)
	r.state = state
}

func newRooms() *rooms { return &rooms{followed: map[string]*room{}} }

// Subscribe follows a room we are in and gives its facts, and the signals of
// our device, to the sink. Several rooms may share one sink: it is handed
// every signal once. A signal that names no followed room goes to all sinks.
func (a *Account) Subscribe(roomID string, sink Sink) {
	a.rooms.follow(roomID, func(r *room) {
		if !slices.Contains(r.sinks, sink) {
			r.sinks = append(r.sinks, sink)
		}
	})
}

// Unsubscribe ends what Subscribe began.
func (a *Account) Unsubscribe(roomID string, sink Sink) {
	a.rooms.unfollow(roomID, func(r *room) {
		r.sinks = slices.DeleteFunc(r.sinks, func(known Sink) bool { return known == sink })
	})
}

func (a *Account) watch(roomID string, w watcher) {
	a.rooms.follow(roomID, func(r *room) { r.watchers = append(r.watchers, w) })
}

func (a *Account) unwatch(roomID string, w watcher) {
	a.rooms.unfollow(roomID, func(r *room) {
		r.watchers = slices.DeleteFunc(r.watchers, func(known watcher) bool { return known == w })
	})
}

// follow changes a room's listeners and wakes the sync loop, so that they hear
// of the room at once.
func (r *rooms) follow(roomID string, add func(*room)) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	known, ok := r.followed[roomID]
	if !ok {
		known = &room{id: roomID, state: newRoomState(roomID), fetch: true}
		r.followed[roomID] = known
	}
	add(known)
	known.fresh = true
	if r.interrupt != nil {
		r.interrupt()
	}
}

func (r *rooms) unfollow(roomID string, remove func(*room)) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	known, ok := r.followed[roomID]
	if !ok {
		return
	}
	remove(known)
	if len(known.sinks) == 0 && len(known.watchers) == 0 {
		delete(r.followed, roomID)
	}
}

// poll announces a long poll of at most the given time: whoever follows a room
// meanwhile ends it. It gives the followed rooms, and less time when some of
// them wait for their state.
func (r *rooms) poll(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc, []string, time.Duration) {
	ctx, cancel := context.WithCancel(ctx)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.interrupt = cancel
	for _, known := range r.followed {
		switch {
		case known.fresh && !known.fetch, known.fetch && known.attempts == 0:
			timeout = 0
		case known.fetch:
			timeout = min(timeout, syncPause.wait(known.attempts, 0.5))
		}
	}
	return ctx, cancel, slices.Sorted(maps.Keys(r.followed)), timeout
}

// find gives a followed room, nil for others.
func (r *rooms) find(roomID string) *room {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.followed[roomID]
}

// take gives the rooms for which condition holds, in the order of their IDs.
func (r *rooms) take(condition func(*room) bool) []*room {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var found []*room
	for _, id := range slices.Sorted(maps.Keys(r.followed)) {
		if condition(r.followed[id]) {
			found = append(found, r.followed[id])
		}
	}
	return found
}

// update changes a room under the mutex.
func (r *rooms) update(known *room, change func(*room)) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	change(known)
}

// listeners gives copies to call outside of the mutex.
func (r *rooms) listeners(known *room) ([]Sink, []watcher) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	known.fresh = false
	if now := known.state.crowd(); known.crowd == nil || !known.crowd.same(now) {
		known.crowd, known.greet = now, now.rules != nil
	}
	return slices.Clone(known.sinks), slices.Clone(known.watchers)
}

// sinksFor gives the sinks that are to hear a signal naming the room.
func (r *rooms) sinksFor(roomID string) []Sink {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if known, ok := r.followed[roomID]; ok {
		return slices.Clone(known.sinks)
	}
	var all []Sink
	for _, id := range slices.Sorted(maps.Keys(r.followed)) {
		for _, sink := range r.followed[id].sinks {
			if !slices.Contains(all, sink) {
				all = append(all, sink)
			}
		}
	}
	return all
}

// crowd gives that of a followed room; nil for others, and before its facts are
// known.
func (r *rooms) crowd(roomID string) *crowd {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if known, ok := r.followed[roomID]; ok {
		return known.crowd
	}
	return nil
}

// encrypted reports whether a followed room is; false for others.
func (r *rooms) encrypted(roomID string) bool {
	known := r.crowd(roomID)
	return known != nil && known.rules != nil
}
