package upstream

import (
	"testing"
	"time"
)

// set puts what a look at the homeserver would find.
func (h *homeserver) set(has abilities) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.has, h.hasThen = has, time.Now()
}

// since is when the delay of an event began.
func (b *book) since(id string) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.events[id].Since
}

func (b *book) mustSchedule(t *testing.T, who caller, delay time.Duration) string {
	t.Helper()
	key := "k"
	id, _, _ := b.schedule(who, record{Path: "/_matrix/client/v3/rooms/!a:x/state/m.x/k", Room: "!a:x", Type: "m.x", Key: &key,
		Content: []byte("{}"), Delay: delay, Since: time.Now()}, 100)
	if id == "" {
		t.Fatal("there are too many")
	}
	return id
}
