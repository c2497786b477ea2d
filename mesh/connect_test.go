package mesh_test

import (
	"testing"
	"time"
)

func TestTwoDevices_ConnectWithThreeMessages(t *testing.T) {
	inWorld(t, func(w *world) {
		w.boot("alice").join()
		w.boot("bob").join()
		wait(2 * time.Second)
		w.connected("alice", "bob")
		if got := w.said("alice", "bob"); got != "invite, select_answer" {
			t.Errorf("alice said %s", got)
		}
		if got := w.said("bob", "alice"); got != "answer" {
			t.Errorf("bob said %s", got)
		}
	})
}

func TestEightDevices_ConnectInPairsWithThreeMessagesEach(t *testing.T) {
	inWorld(t, func(w *world) {
		names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		for _, name := range names {
			w.boot(name).join()
		}
		wait(5 * time.Second)
		w.connected(names...)
		for i, a := range names {
			for _, b := range names[i+1:] {
				if got := w.total(a, b); got > 3 {
					t.Errorf("%s–%s took %d messages, want at most 3", a, b, got)
				}
			}
		}
	})
}
