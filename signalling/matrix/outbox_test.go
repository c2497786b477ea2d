package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"meshfocus/signalling/message"
)

// wire notes to-device requests as they pass the gate.
type wire struct {
	mutex sync.Mutex
	sent  []sentRequest
}

type sentRequest struct {
	transaction, to, body string
}

// listen notes every to-device request, then lets guard decide.
func (h *house) listen(guard func(http.ResponseWriter, sentRequest) bool) *wire {
	w := &wire{}
	h.gate.set(func(writer http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/sendToDevice/") {
			return false
		}
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		var content struct {
			Messages map[string]map[string]json.RawMessage `json:"messages"`
		}
		_ = json.Unmarshal(body, &content)
		one := sentRequest{transaction: path.Base(r.URL.Path), body: string(body)}
		for one.to = range content.Messages {
		}
		w.mutex.Lock()
		w.sent = append(w.sent, one)
		w.mutex.Unlock()
		return guard != nil && guard(writer, one)
	})
	return w
}

func TestOutbox_RepeatsTheSameMessageUnderTheSameTransaction(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		alice, _ := h.enter(h.config("alice", "A"))
		bob, heard := h.enter(h.config("bob", "B"))
		attempts := 0
		wire := h.listen(func(w http.ResponseWriter, _ sentRequest) bool {
			attempts++
			switch attempts {
			case 1:
				w.WriteHeader(http.StatusBadGateway)
			case 2:
				refuse(w, 429, "M_LIMIT_EXCEEDED", map[string]any{"retry_after_ms": 3000})
			case 3:
				panic(http.ErrAbortHandler) // the connection breaks
			}
			return attempts < 4
		})
		if err := deliverVirtually(alice, bob.Party(), hangup(alice, h.room, 1)); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if len(wire.sent) != 4 || len(heard.take()) != 1 {
			t.Fatalf("%d attempts", len(wire.sent))
		}
		for _, one := range wire.sent[1:] {
			if one != wire.sent[0] {
				t.Errorf("an attempt differs from the first one:\n%v\n%v", one, wire.sent[0])
			}
		}
	})
}

func TestOutbox_IsNotDeliveredTwiceWhenTheAnswerWasLost(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		alice, _ := h.enter(h.config("alice", "A"))
		bob, heard := h.enter(h.config("bob", "B"))
		inner, first := h.fake.mux, true
		h.listen(func(w http.ResponseWriter, one sentRequest) bool {
			if !first {
				return false
			}
			first = false
			again, _ := http.NewRequest("PUT", "/_matrix/client/v3/sendToDevice/m.room.encrypted/"+one.transaction, strings.NewReader(one.body))
			again.Header.Set("Authorization", "Bearer token-alice-A")
			inner.ServeHTTP(&discard{}, again)
			w.WriteHeader(http.StatusGatewayTimeout)
			return true
		})
		if err := deliverVirtually(alice, bob.Party(), hangup(alice, h.room, 1)); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if got := heard.take(); len(got) != 1 {
			t.Errorf("delivered %d times", len(got))
		}
	})
}

type discard struct{}

func (*discard) Header() http.Header         { return http.Header{} }
func (*discard) Write(p []byte) (int, error) { return len(p), nil }
func (*discard) WriteHeader(int)             {}

func TestOutbox_LetsNoDestinationWaitForAnother(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		alice, _ := h.enter(h.clear("alice", "A"))
		bob, heard := h.enter(h.clear("bob", "B"))
		h.listen(func(w http.ResponseWriter, one sentRequest) bool {
			if one.to == bob.Party().UserID {
				return false
			}
			w.WriteHeader(http.StatusBadGateway)
			return true
		})
		failed := make(chan error, 40)
		for n := range 20 {
			to := message.Party{UserID: fmt.Sprintf("@lost%d:test", n%4), DeviceID: "X"}
			alice.Send(to, hangup(alice, h.room, n), func(err error) { failed <- err })
		}
		before := time.Now()
		for n := range 10 {
			if err := deliverVirtually(alice, bob.Party(), hangup(alice, h.room, n)); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(before); took > 0 {
			t.Errorf("ten messages to bob took %s", took)
		}
		pass(2 * time.Minute)
		if len(heard.take()) != 10 || len(failed) != 20 {
			t.Errorf("%d failures were told, want 20", len(failed))
		}
		for range 20 {
			if err := <-failed; !errors.Is(err, ErrObsolete) {
				t.Errorf("err %v, want ErrObsolete", err)
			}
		}
	})
}

func TestOutbox_LosesNothingInAStormOfRateLimits(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		alice, _ := h.enter(h.config("alice", "A"))
		var heard []*sink
		var parties []message.Party
		for n := range 4 {
			account, got := h.enter(h.config("bob", fmt.Sprint("B", n)))
			heard, parties = append(heard, got), append(parties, account.Party())
		}
		// A bucket of one message a second, like a strict homeserver's.
		var next time.Time
		h.listen(func(w http.ResponseWriter, _ sentRequest) bool {
			if now := time.Now(); now.Before(next) {
				refuse(w, 429, "M_LIMIT_EXCEEDED", map[string]any{"retry_after_ms": next.Sub(now).Milliseconds() + 1})
				return true
			}
			next = time.Now().Add(time.Second)
			return false
		})
		const each = 8
		failed := 0
		for n := range each {
			for _, to := range parties {
				alice.Send(to, hangup(alice, h.room, n), func(err error) {
					if err != nil {
						failed++
					}
				})
			}
		}
		pass(time.Minute)
		for i, got := range heard {
			all := got.take()
			if len(all) != each {
				t.Fatalf("device %d got %d of %d messages, %d failed", i, len(all), each, failed)
			}
			for n, one := range all {
				if *one.Signal.Seq != uint32(n) {
					t.Errorf("device %d: message %d is number %d", i, n, *one.Signal.Seq)
				}
			}
		}
		if tried := h.gate.count("/sendToDevice/"); tried > 3*each*len(parties) {
			t.Errorf("%d attempts for %d messages: the limit is not respected", tried, each*len(parties))
		}
	})
}

func TestOutbox_GivesUpAnInviteWithItsLifetime(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		alice, _ := h.enter(h.clear("alice", "A"))
		h.listen(func(w http.ResponseWriter, _ sentRequest) bool { w.WriteHeader(http.StatusBadGateway); return true })
		invite := hangup(alice, h.room, 0)
		invite.Kind, invite.Reason, invite.Lifetime = message.Invite, "", 10*time.Second
		invite.Invitee, invite.InviteeDeviceID = "@bob:test", "B"
		invite.Description = message.Description{Type: "offer", SDP: "v=0"}
		before := time.Now()
		err := deliverVirtually(alice, message.Party{UserID: "@bob:test", DeviceID: "B"}, invite)
		if took := time.Since(before); !errors.Is(err, ErrObsolete) || took != 10*time.Second {
			t.Errorf("err %v after %s, want ErrObsolete after 10s", err, took)
		}
	})
}

func TestOutbox_DropsAtOnceWhatTheHomeserverRefuses(t *testing.T) {
	h := newHouse(t)
	alice, _ := h.enter(h.clear("alice", "A"))
	wire := h.listen(func(w http.ResponseWriter, _ sentRequest) bool { refuse(w, 400, "M_BAD_JSON", nil); return true })
	bob := message.Party{UserID: "@bob:test", DeviceID: "B"}
	if err := deliver(t, alice, bob, hangup(alice, h.room, 1)); err == nil || len(wire.sent) != 1 {
		t.Errorf("err %v after %d attempts, want an error after one", err, len(wire.sent))
	}
	broken := hangup(alice, h.room, 1)
	broken.CallID = ""
	var faults message.Faults
	if err := deliver(t, alice, bob, broken); !errors.As(err, &faults) {
		t.Errorf("a signal that cannot be written gives %v, want its faults", err)
	}
}

func TestOutbox_TellsEverybodyWhenItCloses(t *testing.T) {
	h := newHouse(t)
	alice := h.open(h.clear("alice", "A"))
	blocked := make(chan struct{})
	h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/sendToDevice/") {
			_, _ = io.Copy(io.Discard, r.Body) // else the server does not notice the client's end
			close(blocked)
			<-r.Context().Done()
		}
		return false
	})
	ends := make(chan error, 3)
	bob := message.Party{UserID: "@bob:test", DeviceID: "B"}
	for n := range 2 {
		alice.Send(bob, hangup(alice, h.room, n), func(err error) { ends <- err })
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- alice.Run(ctx) }()
	<-blocked
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run ended with %v", err)
	}
	alice.Send(bob, hangup(alice, h.room, 3), func(err error) { ends <- err })
	for range 3 {
		if err := <-ends; !errors.Is(err, ErrClosed) {
			t.Errorf("err %v, want ErrClosed", err)
		}
	}
	if queued := alice.Stats().Queued; queued != 0 {
		t.Errorf("%d are still counted as queued", queued)
	}
}
