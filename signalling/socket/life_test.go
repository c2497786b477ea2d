package socket

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meshfocus/signalling/message"
)

func TestBrowser_IsToldWhatToEncrypt(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		for call, want := range map[string]bool{"lobby": false, "sealed": true} {
			b := s.connect()
			b.say("hello", fields{"version": 1, "call": call})
			if got := b.must("welcome")["encrypt_forwarded"]; got != want {
				t.Errorf("in call %s encrypt_forwarded is %v", call, got)
			}
		}
	})
}

func TestBrowser_IsWelcomedIntoItsSeat(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		b := s.open("lobby", fields{"name": "  Ada\u202e Lovelace\n"})
		if b.self.UserID != "@web-1:town" || b.session == "" || b.resumed || b.room.SlotID != message.SlotRoom {
			t.Errorf("welcomed as %v in %v, session %q, resumed %v", b.self, b.room, b.session, b.resumed)
		}
		members := b.must("state")["members"].([]any)
		if name := members[0].(map[string]any)["name"]; name != "Ada Lovelace" {
			t.Errorf("is called %q", name)
		}
		b.say("enter", fields{})
		for len(b.must("state")["events"].([]any)) == 0 {
		}
		b.must("entered")
		b.say("ping", fields{"id": 9})
		if pong := b.must("pong"); pong["id"] != 9.0 {
			t.Errorf("pong is %v", pong)
		}
	})
}

func TestSignals_PassBothWays(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		a, b := s.join("lobby"), s.join("lobby")
		talk(t, a, b, "one")
		a.signal(b, 8, "call-2")
		got := b.must("signal")
		if got["encrypted"] != true || got["event"] != message.TypeHangup || got["from"].(map[string]any)["device_id"] != a.self.DeviceID {
			t.Errorf("signal came as %v", got)
		}
	})
}

func TestEnter_ChangesFeedsAndIsAnsweredEachTime(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		b := s.join("lobby")
		b.say("enter", fields{"feeds": []string{message.PurposeUserMedia, message.PurposeScreenShare}})
		b.say("enter", fields{"feeds": []string{message.PurposeUserMedia, message.PurposeScreenShare}})
		b.must("entered")
		b.must("entered")
		if n := s.town.noted("enter " + b.self.String() + " [m.usermedia m.screenshare]"); n != 1 {
			t.Errorf("the change was written %d times", n)
		}
	})
}

func TestEnter_NamesWhoForwardsAndTakesItBack(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		b := s.join("lobby")
		focus := fields{"user_id": "@focus:x", "device_id": "FOCUS"}
		for _, said := range []fields{{"via": focus}, {"via": focus}, {}} {
			b.say("enter", said)
			b.must("entered")
		}
		enter := "enter " + b.self.String() + " [m.usermedia]"
		if n := s.town.noted(enter + " via @focus:x/FOCUS"); n != 1 {
			t.Errorf("it was written %d times", n)
		}
		if n := s.town.noted(enter); n != 2 {
			t.Errorf("without it %d times, at first and at last", n)
		}
		b.say("enter", fields{"via": fields{"user_id": "focus", "device_id": "FOCUS"}})
		if refusal := b.must("error"); refusal["code"] != string(CodeBadMessage) {
			t.Errorf("nobody's name: %v", refusal)
		}
	})
}

func TestEnter_TellsWhyNotAndMayBeTriedAgain(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		full := true
		s.town.entering = func(context.Context, *fakeSeat) error {
			if full {
				full = false
				return Refuse(CodeRoomFull, "This call is full, alas.")
			}
			return nil
		}
		b := s.open("lobby", nil)
		b.say("enter", nil)
		if refusal := b.must("error"); refusal["code"] != string(CodeRoomFull) || refusal["fatal"] != false {
			t.Errorf("refused with %v", refusal)
		}
		b.say("enter", nil)
		b.must("entered")
	})
}

func TestLeave_CutsAnEnterShortThatHangs(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		s.town.entering = func(ctx context.Context, _ *fakeSeat) error { <-ctx.Done(); return ctx.Err() }
		b := s.open("lobby", nil)
		b.say("enter", nil)
		synctest.Wait()
		b.say("leave", nil)
		b.must("left")
		if s.town.noted("leave "+b.self.String()) == 0 {
			t.Error("what the attempt may have written was not taken back")
		}
	})
}

func TestLeave_EndsTheMembershipAtOnceAndTheSeatSoon(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		b := s.join("lobby")
		began := time.Now()
		b.say("leave", nil)
		b.must("left")
		if took := time.Since(began); took > time.Second {
			t.Errorf("leaving took %s", took)
		}
		if code := b.closedWith(); code != closeNormal {
			t.Errorf("closed with %d", code)
		}
		time.Sleep(11 * time.Second)
		if s.town.noted("close "+b.self.String()+" gone") != 1 {
			t.Error("the seat was not closed")
		}
	})
}

// Who hears of the end of a call while it sees the membership may call again.
func TestLeave_HangUpsGoWhenTheMembershipIsGone(t *testing.T) {
	for name, c := range map[string]struct{ takes, goes time.Duration }{
		"as soon as it is":      {2 * time.Second, 2 * time.Second},
		"or when it takes long": {time.Minute, leaveFirst},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, nil, func(t *testing.T, s *stand) {
				a, b := s.join("lobby"), s.join("lobby")
				s.town.leaving = func() { time.Sleep(c.takes) }
				began := time.Now()
				b.say("leave", nil)
				b.signal(a, 1, "call-1")
				other := hangup(b, a, "call-2", 2)
				delete(other, "seq")
				b.say("signal", fields{
					"id": 2, "to": map[string]string{"user_id": a.self.UserID, "device_id": a.self.DeviceID},
					"event": message.TypeReject, "content": other,
				})
				if sent := b.must("sent"); sent["id"] != 2.0 || sent["error"].(map[string]any)["code"] != string(CodeNotAllowed) {
					t.Errorf("something else than a hang-up is answered by %v", sent)
				}
				_ = b.socket.Close() // the page is gone
				a.must("signal")
				if took := time.Since(began); took != c.goes {
					t.Errorf("the hang-up came after %s, want %s", took, c.goes)
				}
				if c.takes < leaveFirst && s.town.seat(b.self).session != "" {
					t.Error("it came before the membership was gone")
				}
			})
		})
	}
}

func TestReload_AfterALeave_FindsItsDevice(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		b := s.join("lobby")
		b.say("leave", nil)
		b.must("left")
		again := s.open("lobby", fields{"seat": b.seat})
		if again.self != b.self || again.session == b.session || again.resumed {
			t.Errorf("came back as %v with session %q (resumed: %v), was %v with %q", again.self, again.session, again.resumed, b.self, b.session)
		}
		if s.town.noted("open "+b.self.String()) != 1 {
			t.Error("the device was opened anew: its keys are others now")
		}
	})
}

func TestReload_IsTheSameDeviceInAFreshSession(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		b := s.join("lobby")
		again := s.open("lobby", fields{"seat": b.seat})
		b.refused(CodeReplaced)
		if again.self != b.self || again.session == b.session || again.resumed {
			t.Errorf("came back as %v with session %q, was %v with %q", again.self, again.session, b.self, b.session)
		}
		again.say("enter", nil)
		again.must("entered")
		if s.town.noted("leave "+b.self.String()) != 1 {
			t.Error("the membership of the old session was not left")
		}
	})
}

func TestSocket_ThatDropsComesBackAndMissesNothing(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		a, b := s.join("lobby"), s.join("lobby")
		talk(t, a, b, "before")
		_ = b.socket.NetConn().Close()
		time.Sleep(time.Second)
		a.keepAlive(t)
		for i := range 5 {
			a.signal(b, i, "call-away")
		}
		time.Sleep(20 * time.Second)
		back := s.open("lobby", b.returns())
		if !back.resumed || back.session != b.session || back.self != b.self {
			t.Fatalf("came back as %v with %q, was %v with %q", back.self, back.session, b.self, b.session)
		}
		for i := range 5 {
			if seq := back.must("signal")["content"].(map[string]any)["seq"]; seq != float64(i) {
				t.Fatalf("signal %d came as %v", i, seq)
			}
		}
		if s.town.noted("leave "+b.self.String()) != 0 {
			t.Error("the others saw it leave")
		}
		back.say("enter", nil) // which is so already
		back.must("entered")
		talk(t, a, back, "after")
	})
}

func TestPage_ThatIsHidden_KeepsItsSocket(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		b := s.join("lobby")
		time.Sleep(10 * time.Minute) // no timer of the page fires; its browser answers pings
		b.say("ping", fields{"id": 1})
		b.must("pong")
		b.asleep.Store(true)
		time.Sleep(21 * time.Second)
		if s.gateway.Stats().Detached != 1 {
			t.Error("the socket of a machine that is off is open")
		}
	})
}

func TestResume_SendsAgainWhatTheBrowserHasNotSeen(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		a, b := s.join("lobby"), s.join("lobby")
		var numbers []float64
		for i := range 4 {
			a.signal(b, i, "call-1")
			numbers = append(numbers, b.must("signal")["n"].(float64))
		}
		b.say("ping", fields{"id": 1, "got": numbers[0]})
		b.must("pong")
		// The last two were written, but lost on the way.
		hello := b.returns()
		hello["got"] = numbers[1]
		back := s.open("lobby", hello)
		for _, want := range numbers[2:] {
			if n := back.must("signal")["n"]; n != want {
				t.Errorf("signal %v came, want %v", n, want)
			}
		}
	})
}

func TestSeat_IsGivenUpAfterTheTimeOfGrace(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		b := s.join("lobby")
		_ = b.socket.NetConn().Close()
		time.Sleep(29 * time.Second)
		if s.town.seat(b.self) == nil {
			t.Fatal("given up too early")
		}
		time.Sleep(2 * time.Second)
		if s.town.noted("close "+b.self.String()+" gone") != 1 || s.gateway.Stats().Seats != 0 {
			t.Error("the seat is still held")
		}
		back := s.open("lobby", b.returns())
		if back.self != b.self || back.session != b.session {
			t.Errorf("late it came back as %v, was %v", back.self, b.self)
		}
	})
}

func TestSeat_WhichOverflowsWhileAwayIsGivenUp(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"by number": func(c *Config) { c.QueueMessages = 10 },
		"by bytes":  func(c *Config) { c.QueueBytes = 4000 },
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, change, func(t *testing.T, s *stand) {
				a, b := s.join("lobby"), s.join("lobby")
				for i := range 30 { // seen, so that they do not count
					a.signal(b, i, "call-1")
					a.must("sent")
					b.must("signal")
				}
				_ = b.socket.NetConn().Close()
				time.Sleep(time.Second)
				for i := range 30 {
					a.signal(b, i, "call-2")
					a.must("sent")
				}
				time.Sleep(time.Second)
				if s.gateway.Stats().GivenUp != 1 || s.town.noted("close "+b.self.String()+" gone") != 1 {
					t.Errorf("not given up: %+v", s.gateway.Stats())
				}
			})
		})
	}
}

func TestGateway_TellsEverybodyThatItStops(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		b, silent := s.join("lobby"), s.connect()
		s.halt()
		for _, each := range []*browser{b, silent} {
			if code := each.closedWith(); code != closeAway {
				t.Errorf("closed with %d, want 1001", code)
			}
		}
		if s.town.noted("close "+b.self.String()+" returns") != 1 {
			t.Error("the seat was not closed so that its browser can come back")
		}
	})
}

func TestGateway_ThatStartsAgainKnowsItsSeats(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		b := s.join("lobby")
		s.halt()
		next := newStand(t, s.town, nil)
		defer next.halt()
		back := next.open("lobby", b.returns())
		if back.self != b.self || back.session != b.session || !back.resumed {
			t.Errorf("came back as %v with %q, was %v with %q", back.self, back.session, b.self, b.session)
		}
		other := newStand(t, newTown(), func(c *Config) { c.Key = []byte(strings.Repeat("k", 32)) })
		defer other.halt()
		if stranger := other.open("lobby", b.returns()); stranger.resumed || stranger.session == b.session {
			t.Error("a seat of another key was taken for good")
		}
	})
}

// The others have been told nothing of a restart: they send to the session
// that they know, before its browser has entered.
func TestGateway_ThatStartsAgainLosesNoSignals(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		a, b := s.join("lobby"), s.join("lobby")
		talk(t, a, b, "before")
		s.halt()
		next := newStand(t, s.town, nil)
		defer next.halt()
		ann := next.open("lobby", a.returns())
		ann.say("enter", nil)
		ann.must("entered")
		returns := b.returns()
		returns["got"] = 1 // as the former gateway counted
		bob := next.open("lobby", returns)
		ann.sees(bob)
		ann.signal(bob, 1, "call-early")
		if got := bob.must("signal")["content"].(map[string]any)["call_id"]; got != "call-early" {
			t.Errorf("heard %v", got)
		}
	})
}

func TestSeat_OfAnotherCallIsNone(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		b := s.join("one")
		if other := s.open("two", b.returns()); other.self == b.self {
			t.Error("a seat was good for another call")
		}
	})
}

func TestDevice_ThatCannotGoOnEndsTheSeat(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		b := s.join("lobby")
		s.town.seat(b.self).failing <- errors.New("the token is unknown")
		b.refused(CodeGone)
	})
}

func TestOpen_RefusalsReachTheBrowser(t *testing.T) {
	cases := []struct {
		name string
		err  error
		want Code
	}{
		{"a refusal", Refuse(CodeWrongPass, "The pass phrase is another one."), CodeWrongPass},
		{"trouble", errors.New("dial tcp 10.0.0.7:8008: secret detail"), CodeHomeserver},
		{"a homeserver that hangs", nil, CodeHomeserver},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			virtual(t, nil, func(t *testing.T, s *stand) {
				s.town.opening = func(ctx context.Context, _ Hello) error {
					if c.err == nil {
						<-ctx.Done()
						return ctx.Err()
					}
					return c.err
				}
				b := s.connect()
				b.say("hello", fields{"version": 1, "call": "lobby"})
				refusal := b.refused(c.want)
				if strings.Contains(refusal["words"].(string), "secret") {
					t.Errorf("the browser was told %q", refusal["words"])
				}
				if stats := s.gateway.Stats(); stats.Seats != 0 {
					t.Errorf("%d seats are held", stats.Seats)
				}
			})
		})
	}
}

func TestReports_ReachTheOthersOfTheRoom(t *testing.T) {
	local := Report{Party: message.Party{UserID: "@testcard:town", DeviceID: "TESTCARD"}, Content: json.RawMessage(`{"links":[]}`)}
	virtual(t, func(c *Config) {
		c.LocalReports = func(roomID string) []Report {
			if roomID != "!lobby:town" {
				return nil
			}
			return []Report{local}
		}
	}, func(t *testing.T, s *stand) {
		a, b, elsewhere := s.join("lobby"), s.join("lobby"), s.join("other")
		for i := range 10 { // more often than they are handed round
			a.say("report", fields{"report": map[string]any{"links": []int{i}}})
		}
		parties := map[string]string{}
		for len(parties) < 2 {
			for _, entry := range b.must("reports")["reports"].([]any) {
				r := entry.(map[string]any)
				text, _ := json.Marshal(r["report"])
				parties[r["party"].(map[string]any)["device_id"].(string)] = string(text)
			}
		}
		if parties[a.self.DeviceID] != `{"links":[9]}` || parties["TESTCARD"] != `{"links":[]}` {
			t.Errorf("reports are %v", parties)
		}
		_ = elsewhere.socket.SetReadDeadline(time.Now().Add(10 * time.Second))
		if elsewhere.hear("reports") != nil {
			t.Error("another room heard of it")
		}
	})
}
