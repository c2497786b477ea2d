package home

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// view is which members of a call in a room devices have seen, and when. What /sync
// answers is looked through only when there may be all of it: in a storm that takes
// longer than all else that the generator does, and would hold up reading the answers.
type view struct {
	devices []*device
	room    string
	keys    map[string]int // the number of a device by its state key
	began   time.Time      // belongs to who waits
	more    chan struct{}  // has one when something has come since it was empty

	mu    sync.Mutex // a leaf; guards the rest
	looks []look     // of each device
}

// look is what a device was told.
type look struct {
	unread []answer
	named  []bool            // members whose key stands in an answer, as far as one can see without reading it
	seen   map[int]time.Time // by the number of a member
}

// answer is one of /sync, with when it was there.
type answer struct {
	at   time.Time
	text []byte
}

// newView begins now.
func newView(devices []*device, room string) *view {
	v := &view{
		devices: devices, room: room, keys: make(map[string]int), more: make(chan struct{}, 1),
		looks: make([]look, len(devices)), began: time.Now(),
	}
	for i, d := range devices {
		v.keys[d.key()] = i
		v.looks[i] = look{named: make([]bool, len(devices)), seen: make(map[int]time.Time)}
	}
	return v
}

// behold polls for a device until the context ends. A poll that fails is told, and
// comes again.
func (v *view) behold(ctx context.Context, i int, fail func(error)) {
	for ctx.Err() == nil {
		text, err := v.devices[i].ask(ctx, poll)
		switch {
		case err == nil:
			v.hear(i, answer{time.Now(), text})
		case ctx.Err() == nil:
			fail(err)
			pause(ctx, max(tooSoon(err), again))
		}
	}
}

// hear keeps what a device was told.
func (v *view) hear(i int, a answer) {
	if !bytes.Contains(a.text, []byte(memberType)) {
		return
	}
	v.mu.Lock()
	v.looks[i].unread = append(v.looks[i].unread, a)
	v.name(v.looks[i].named, a.text)
	v.mu.Unlock()
	select {
	case v.more <- struct{}{}:
	default:
	}
}

// name marks the members whose keys stand in a text. v.mu is held.
func (v *view) name(named []bool, text []byte) {
	const begins = `"_@` // device.key, and hardly anything else
	for {
		_, behind, found := bytes.Cut(text, []byte(begins))
		if !found {
			return
		}
		end := bytes.IndexByte(behind, '"')
		if end < 0 {
			return
		}
		if who, known := v.keys[begins[1:]+string(behind[:end])]; known {
			named[who] = true
		}
		text = behind[end:]
	}
}

// wait returns when devices that are in have seen each other, or the context has ended.
// It calls before each time before it looks through what came, and in the end of the context.
func (v *view) wait(ctx context.Context, in []int, before func()) {
	for {
		if v.may(in) {
			before()
			if v.complete(in) {
				return
			}
		}
		select {
		case <-v.more:
		case <-ctx.Done():
			before()
			return
		}
	}
}

// may says whether all who are in seem to have seen all others who are.
func (v *view) may(in []int) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return !slices.ContainsFunc(in, func(i int) bool {
		return slices.ContainsFunc(in, func(other int) bool { return !v.looks[i].named[other] })
	})
}

// complete says whether they have.
func (v *view) complete(in []int) bool {
	return !slices.ContainsFunc(in, func(i int) bool {
		_, count := v.sight(i, in)
		return count < len(in)
	})
}

// sight says how many of those who are in a device has seen, and when the last of them.
func (v *view) sight(i int, in []int) (latest time.Duration, count int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	l := &v.looks[i]
	for _, a := range l.unread {
		v.read(l, a)
	}
	l.unread = nil
	for _, other := range in {
		if at, ok := l.seen[other]; ok {
			latest, count = max(latest, at.Sub(v.began)), count+1
		}
	}
	return latest, count
}

// read looks an answer through.
func (v *view) read(l *look, a answer) {
	var n news
	if json.Unmarshal(a.text, &n) != nil {
		return // cut off or no JSON: it tells of nobody
	}
	joined := n.Rooms.Join[v.room]
	for _, e := range slices.Concat(joined.State.Events, joined.Timeline.Events) {
		if e.Type != memberType || e.Key == nil {
			continue
		}
		who, known := v.keys[*e.Key]
		if _, before := l.seen[who]; known && !before {
			l.seen[who] = a.at
		}
	}
}
