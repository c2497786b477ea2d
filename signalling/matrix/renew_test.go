package matrix

import (
	"testing"
	"time"

	"meshfocus/signalling/membership"
)

func TestRenew_IsAnotherSessionWithTheSameDelayedLeave(t *testing.T) {
	forms(t, func(t *testing.T, confID string, config MembershipConfig) {
		virtual(t, func(t *testing.T, h *house) {
			alice, _ := h.enter(h.clear("alice", "A"))
			_, seen := h.enter(h.clear("bob", "B"))
			session := func() string {
				for _, s := range membership.Compute(seen.known(), time.Now()).Sessions {
					if s.ConfID == confID && len(s.Members) == 1 {
						return s.Members[0].SessionID
					}
				}
				return ""
			}
			config.SessionID = "first"
			own := h.join(alice, config)
			pass(time.Minute)
			if session() != "first" {
				t.Fatalf("it is in session %q", session())
			}
			for _, next := range []string{"second", "third"} {
				if err := own.Renew(t.Context(), next); err != nil {
					t.Fatal(err)
				}
				pass(time.Second)
				if session() != next || own.SessionID() != next {
					t.Fatalf("it is in session %q, want %q", session(), next)
				}
			}
			pass(5 * time.Minute)
			if session() != "third" {
				t.Fatalf("after five minutes it is in session %q", session())
			}
			own.stop()
			pass(31 * time.Second)
			if session() != "" {
				t.Errorf("a ghost: %q", session())
			}
		})
	})
}
