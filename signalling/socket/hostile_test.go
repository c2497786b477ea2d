package socket

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"meshfocus/signalling/message"
)

// meanwhile lets a well-behaved pair exchange signals while something hostile
// goes on, and fails when one of them takes longer than a second.
func meanwhile(t *testing.T, s *stand, hostile func()) {
	t.Helper()
	a, b := s.join("lobby"), s.join("lobby")
	stop := make(chan struct{})
	var pair sync.WaitGroup
	rounds := 0
	pair.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
			began := time.Now()
			a.signal(b, rounds, "call-pair")
			heard := b.hear("signal")
			b.signal(a, rounds, "call-pair")
			if heard == nil || a.hear("signal") == nil {
				t.Errorf("after %d rounds the pair was cut off: %v, %v", rounds, a.why(), b.why())
				return
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("an exchange of the pair took %s", took)
			}
			rounds++
		}
	})
	hostile()
	time.Sleep(time.Second)
	close(stop)
	pair.Wait()
	if rounds < 5 {
		t.Errorf("the pair exchanged only %d signals", rounds)
	}
}

func TestPage_OfAnotherOrigin_DoesNotGetIn(t *testing.T) {
	origins := []struct {
		origin string
		fine   bool
	}{
		{"", true},
		{"http://calls.test", true},
		{"https://CALLS.test", true}, // behind a proxy that ends TLS
		{"https://friend.test", true},
		{"https://evil.test", false},
		{"https://calls.test.evil.test", false},
		{"https://calls.test:8443", false},
		{"null", false},
		{"calls.test", false},
	}
	virtual(t, func(c *Config) { c.Origins = []string{"https://friend.test"} }, func(t *testing.T, s *stand) {
		meanwhile(t, s, func() {
			for _, c := range origins {
				header := http.Header{}
				if c.origin != "" {
					header.Set("Origin", c.origin)
				}
				socket, answer, err := s.dial(header)
				if (err == nil) != c.fine {
					t.Errorf("origin %q: %v", c.origin, err)
				}
				if err == nil {
					_ = socket.Close()
				} else if answer == nil || answer.StatusCode != http.StatusForbidden {
					t.Errorf("origin %q was answered with %v", c.origin, answer)
				}
			}
		})
		if n := s.gateway.Stats().WrongOrigin; n != 5 {
			t.Errorf("counted %d of a wrong origin", n)
		}
	})
}

// mediaKey is the content of a key for the frames of a browser.
func mediaKey(of *browser, index int) fields {
	return fields{"room_id": "!lobby:town", "member_id": of.session, "media_key": fields{"index": index, "key": "AAECAwQFBgcICQoLDA0ODw"}}
}

func TestMediaKey_GoesToTheOtherBrowserAsItsOwnersAndNobodyElses(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		meanwhile(t, s, func() {
			ada, ben := s.join("lobby"), s.join("lobby")
			give := func(content fields) map[string]any {
				ada.say("signal", fields{
					"id": 1, "to": map[string]string{"user_id": ben.self.UserID, "device_id": ben.self.DeviceID},
					"event": message.TypeMediaKey, "content": content,
				})
				fault, _ := ada.must("sent")["error"].(map[string]any)
				return fault
			}
			for field, content := range map[string]fields{"member_id": mediaKey(ben, 3), "room_id": mediaKey(ada, 3), "media_key": mediaKey(ada, 300)} {
				if field == "room_id" {
					content["room_id"] = "!another:town"
				}
				fault := give(content)
				if fault["code"] != string(CodeBadMessage) || !strings.Contains(fmt.Sprint(fault["words"]), field) {
					t.Errorf("a key with a wrong %s was answered with %v", field, fault)
				}
				if strings.Contains(fmt.Sprint(fault), "AAECAwQF") {
					t.Errorf("%v shows the key", fault)
				}
			}
			if fault := give(mediaKey(ada, 3)); fault != nil {
				t.Fatalf("a key was answered with %v", fault)
			}
			got := ben.must("signal")
			if want := mediaKey(ada, 3); got["event"] != message.TypeMediaKey || got["encrypted"] != true || fmt.Sprint(got["content"]) != fmt.Sprint(map[string]any{
				"room_id": want["room_id"], "member_id": want["member_id"], "media_key": map[string]any{"index": 3, "key": "AAECAwQFBgcICQoLDA0ODw"},
			}) {
				t.Errorf("Ben got %v", got)
			}
		})
		if n := s.gateway.Stats().Forged; n != 2 {
			t.Errorf("counted %d forged", n)
		}
	})
}

func TestSignal_OfAForgedSender_IsRefused(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		meanwhile(t, s, func() {
			mallory, victim := s.join("lobby"), s.join("lobby")
			for field, claim := range map[string]string{
				"device_id": victim.self.DeviceID, "party_id": victim.self.DeviceID,
				"sender_session_id": victim.session, "room_id": "!other:town",
			} {
				content := hangup(mallory, victim, "call-forged", 0)
				content[field] = claim
				mallory.say("signal", fields{
					"id": 1, "to": map[string]string{"user_id": victim.self.UserID, "device_id": victim.self.DeviceID},
					"event": message.TypeHangup, "content": content,
				})
				fault, _ := mallory.must("sent")["error"].(map[string]any)
				if fault["code"] != string(CodeBadMessage) || !strings.Contains(fmt.Sprint(fault["words"]), field) {
					t.Errorf("a forged %s was answered with %v", field, fault)
				}
			}
			mallory.signal(victim, 2, "call-honest")
			for {
				got := victim.must("signal")["content"].(map[string]any)["call_id"]
				if got == "call-forged" {
					t.Error("a forged signal arrived")
				}
				if got == "call-honest" {
					return
				}
			}
		})
		if n := s.gateway.Stats().Forged; n != 4 {
			t.Errorf("counted %d forged", n)
		}
	})
}

func TestSignal_ToWhoIsNotInTheRoom_IsRefused(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		a, elsewhere := s.join("lobby"), s.join("other")
		synctest.Wait() // before the first state nobody knows who is there
		a.signal(elsewhere, 1, "call-1")
		if fault, _ := a.must("sent")["error"].(map[string]any); fault["code"] != string(CodeNotAllowed) {
			t.Errorf("answered with %v", fault)
		}
		outside := s.open("lobby", nil)
		outside.signal(a, 1, "call-1")
		if fault, _ := outside.must("sent")["error"].(map[string]any); fault["code"] != string(CodeNotAllowed) {
			t.Errorf("one who has not entered was answered with %v", fault)
		}
	})
}

func TestMessage_OfTenMegabytes_IsNotTakenIn(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		meanwhile(t, s, func() {
			mallory := s.join("lobby")
			mallory.say("report", fields{"report": map[string]string{"x": strings.Repeat("x", 10<<20)}})
			mallory.refused(CodeTooLarge)
		})
	})
}

func TestReport_ThatIsTooLarge_IsRefusedAlone(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		b := s.join("lobby")
		b.say("report", fields{"report": map[string]string{"x": strings.Repeat("x", 9<<10)}})
		if refusal := b.must("error"); refusal["code"] != string(CodeTooLarge) || refusal["fatal"] != false {
			t.Errorf("refused with %v", refusal)
		}
		b.say("ping", fields{"id": 1})
		b.must("pong")
	})
}

func TestJoins_TenThousandOfOneAddress_AreHeldBack(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		meanwhile(t, s, func() {
			words := map[string]int{}
			for range 10_000 {
				socket, _, err := s.dial(nil)
				if err != nil {
					t.Fatal(err)
				}
				var first struct{ Code string }
				_ = socket.SetReadDeadline(time.Now().Add(time.Millisecond))
				_ = socket.ReadJSON(&first)
				words[first.Code]++
				_ = socket.Close()
			}
			// 32 at once and 4 a second after that, of which the pair took two.
			if words[string(CodeTooFast)] < 9_900 {
				t.Errorf("answered with %v", words)
			}
			if stats := s.gateway.Stats(); stats.Seats != 2 {
				t.Errorf("%d seats are held", stats.Seats)
			}
		})
	})
}

func TestJoins_ThousandsOfManyAddresses_StayWithinTheBounds(t *testing.T) {
	var number atomic.Int64
	virtual(t, func(c *Config) {
		c.MaxSockets, c.MaxSeats, c.MaxPerCall = 200, 100, 20
		c.Address = func(*http.Request) string { return fmt.Sprint("address ", number.Add(1)) }
	}, func(t *testing.T, s *stand) {
		meanwhile(t, s, func() {
			refused := map[Code]int{}
			for i := range 3_000 {
				socket, _, err := s.dial(nil)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = socket.Close() }()
				go func() { // a refused one is told so before it is heard, and this wire holds nothing
					_ = socket.WriteJSON(map[string]any{"type": "hello", "version": 1, "call": fmt.Sprint("call", i/30)})
				}()
				var first struct{ Code Code }
				_ = socket.SetReadDeadline(time.Now().Add(5 * time.Second))
				if socket.ReadJSON(&first) != nil {
					t.Fatal("a hello was not answered")
				}
				refused[first.Code]++
				if stats := s.gateway.Stats(); stats.Seats > 100 || stats.Sockets > 200 {
					t.Fatalf("past the bounds: %+v", stats)
				}
			}
			if refused[""] != 98 || refused[CodeRoomFull] == 0 || refused[CodeServerFull] == 0 {
				t.Errorf("answered with %v", refused)
			}
		})
	})
}

func TestSockets_ThatAreHalfOpen_AreClosed(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		meanwhile(t, s, func() {
			unfinished, err := s.wire.dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			_, _ = unfinished.Write([]byte("GET /call/socket HTTP/1.1\r\nHost: calls.test\r\nUpgrade: web"))
			mute, silent := s.connect(), s.join("lobby")
			silent.asleep.Store(true)
			began := time.Now()
			_ = unfinished.SetReadDeadline(began.Add(time.Minute))
			buffer := make([]byte, 512)
			for {
				if _, err := unfinished.Read(buffer); err != nil {
					break
				}
			}
			if took := time.Since(began); took > 11*time.Second {
				t.Errorf("a handshake that never ends was closed after %s", took)
			}
			mute.closedWith()
			if took := time.Since(began); took > 12*time.Second {
				t.Errorf("a socket without hello was closed after %s", took)
			}
			silent.closedWith()
			if took := time.Since(began); took < 19*time.Second || took > 22*time.Second {
				t.Errorf("a silent socket was closed after %s", took)
			}
		})
		if n := s.gateway.Stats().Silent; n != 2 {
			t.Errorf("counted %d silent", n)
		}
	})
}

func TestReader_ThatIsSlow_LosesItsSocket(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"by a full queue": func(c *Config) { c.QueueMessages, c.WriteTimeout = 20, time.Hour },
		"by a late write": nil,
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, change, func(t *testing.T, s *stand) {
				meanwhile(t, s, func() {
					slow, sender := s.join("lobby"), s.join("lobby")
					close(slow.stop) // it reads one more frame and then none
					began, sockets := time.Now(), s.gateway.Stats().Sockets
					// Its seat waits for it, or is given up if a signal more comes meanwhile.
					for i := 0; s.gateway.Stats().Sockets == sockets; i++ {
						sender.signal(slow, i, "call-slow")
						slow.say("ping", fields{"id": 1})
						sender.must("sent")
						time.Sleep(100 * time.Millisecond)
						if time.Since(began) > 20*time.Second {
							t.Fatal("a slow reader keeps its socket")
						}
					}
				})
			})
		})
	}
}

func TestFrames_TooMany_EndTheSocket(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		meanwhile(t, s, func() {
			mallory := s.join("lobby")
			for i := range 700 {
				mallory.say("ping", fields{"id": i})
			}
			if refusal := mallory.refused(CodeTooFast); refusal["retry_after_ms"].(float64) < 1 {
				t.Errorf("refused with %v", refusal)
			}
			pinger := s.join("lobby")
			for range 700 {
				_ = pinger.socket.WriteControl(websocket.PingMessage, []byte("x"), time.Now().Add(time.Second))
			}
			pinger.closedWith()
		})
	})
}

func TestName_WithAScript_IsOnlyAText(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *stand) {
		const script = `<img src=x onerror="alert(1)">`
		_ = s.open("lobby", fields{"name": script})
		b := s.open("lobby", nil)
		state := b.must("state")
		text, err := json.Marshal(state)
		if err != nil || strings.Contains(string(text), "<img") {
			t.Errorf("the frame is %s", text)
		}
		names := map[any]bool{}
		for _, member := range state["members"].([]any) {
			names[member.(map[string]any)["name"]] = true
		}
		if !names[script] {
			t.Errorf("the name came as %v", names)
		}
	})
}
