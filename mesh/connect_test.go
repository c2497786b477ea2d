package mesh_test

import (
	"testing"
	"time"

	"meshfocus/focus/transport"
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

func TestCandidates_FoundLateReachThePeersConnection(t *testing.T) {
	inWorld(t, func(w *world) {
		alice := w.boot("alice").join()
		bob := w.boot("bob").join()
		wait(100 * time.Millisecond)
		mid, fragment := "0", "frag"
		late := transport.Candidate{Candidate: "candidate:9 1 udp 1 192.0.2.9 9 typ relay", Mid: &mid, UsernameFragment: &fragment}
		alice.lastConn("bob").say(transport.CandidatesFound{Candidates: []transport.Candidate{late, {}}})
		wait(2 * time.Second)
		there := bob.lastConn("alice")
		there.mu.Lock()
		defer there.mu.Unlock()
		if len(there.candidates) != 1 || there.candidates[0].Candidate != late.Candidate ||
			*there.candidates[0].Mid != mid || *there.candidates[0].UsernameFragment != fragment {
			t.Errorf("bob's connection has %+v", there.candidates)
		}
		if got := w.said("alice", "bob"); got != "invite, select_answer, candidates" {
			t.Errorf("alice said %s", got)
		}
	})
}
