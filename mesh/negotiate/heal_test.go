package negotiate

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"meshfocus/signalling/message"
)

func TestPair_ConnectsWithThreeMessages(t *testing.T) {
	w := newWorld(t, 1)
	w.meet()
	w.run(5 * time.Second)
	w.bothConnected()
	if got := w.words(); got != "invite, answer, select_answer" {
		t.Errorf("sent %s", got)
	}
	w.run(10 * time.Minute)
	if len(w.sent) != 3 {
		t.Errorf("an idle call went on talking: %s", w.words())
	}
}

// Whatever the network did, once it is well again the two ends end up
// connected on one call, without a flood of messages on the way.
func TestPair_ConnectsOnceTheNetworkIsWellAgain(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(r, rapid.Uint64().Draw(r, "seed"))
		loss := rapid.IntRange(0, 60).Draw(r, "loss percent")
		twice := rapid.IntRange(0, 40).Draw(r, "twice percent")
		jitter := rapid.IntRange(1, 8000).Draw(r, "jitter ms")
		w.road = func(int, message.Signal) (time.Duration, int) {
			copies := 1
			switch chance := w.random.IntN(100); {
			case chance < loss:
				copies = 0
			case chance < loss+twice:
				copies = 2
			}
			return time.Duration(w.random.IntN(jitter)) * time.Millisecond, copies
		}
		w.fail = func(message.Signal) bool { return w.random.IntN(100) < loss/4 }
		w.meet()
		storm := time.Duration(0)
		for range rapid.IntRange(1, 12).Draw(r, "troubles") {
			pause := time.Duration(rapid.IntRange(0, 40_000).Draw(r, "pause ms")) * time.Millisecond
			w.run(pause)
			storm += pause
			i := rapid.IntRange(0, 1).Draw(r, "end")
			switch rapid.IntRange(0, 6).Draw(r, "trouble") {
			case 0:
				w.cut()
			case 1:
				w.heal()
			case 2:
				w.crash(i, time.Duration(w.random.IntN(20_000))*time.Millisecond)
			case 3:
				w.handle(i, Event{Kind: MemberGone})
				w.after(time.Duration(w.random.IntN(20_000))*time.Millisecond, func() {
					w.handle(i, Event{Kind: MemberJoined, SessionID: w.ends[1-i].session})
				})
			case 4:
				w.handle(i, Event{Kind: OfferWanted})
			case 5: // glare: an invite that the other side has no right to send
				w.foreignInvite(1-i, rapid.Bool().Draw(r, "ours"))
			case 6:
				w.handle(i, Event{Kind: StepFailed, CallID: w.ends[i].machine.CallID(), Detail: "by chance"})
			}
		}
		w.heal()
		w.fail = nil
		w.road = func(int, message.Signal) (time.Duration, int) { return 50 * time.Millisecond, 1 }
		w.run(5 * time.Minute)
		w.bothConnected()
		if most := 60 + int(storm/time.Second)*4; len(w.sent) > most {
			r.Fatalf("%d messages in %v: %s", len(w.sent), storm, w.words())
		}
	})
}

// foreignInvite delivers an invite that its sender's machine knows nothing of.
func (w *world) foreignInvite(from int, ours bool) {
	e := w.ends[from]
	zero := uint32(0)
	s := message.Signal{Kind: message.Invite, Description: w.describe("offer", "foreign")}
	s.Envelope = e.machine.envelope(e.machine.newCallID())
	s.Seq = &zero
	if !ours {
		s.MessageID = ""
	}
	w.deliver(from, s)
}
