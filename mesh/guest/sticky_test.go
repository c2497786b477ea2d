package guest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
	"meshfocus/signalling/socket"
)

// stickyMember is a device whose only membership is a sticky event (MSC4354).
// It keeps the signals that come.
type stickyMember struct {
	account *matrix.Account
	session string

	mu sync.Mutex
	// guarded by mu
	facts membership.Facts
	got   []matrix.Received
	told  map[message.Party]string // reports
}

func (m *stickyMember) Report(from message.Party, report json.RawMessage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told[from] = string(report)
}

// reportOf gives what a device reported, "" if nothing.
func (m *stickyMember) reportOf(party message.Party) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.told[party]
}

func (m *stickyMember) SetFacts(facts membership.Facts) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.facts = facts
}

func (m *stickyMember) Receive(batch []matrix.Received) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.got = append(m.got, batch...)
}

// heard reports whether a signal of a call came.
func (m *stickyMember) heard(callID string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, received := range m.got {
		if received.Signal.CallID == callID {
			return true
		}
	}
	return false
}

func (h *house) sticky(t *testing.T, call, name string) *stickyMember {
	t.Helper()
	config, err := h.credentials(message.Party{UserID: "@" + name + ":test.local", DeviceID: "STICKY"})
	if err != nil {
		t.Fatal(err)
	}
	account, err := matrix.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	m := &stickyMember{account: account, session: "sticky-session", told: map[message.Party]string{}}
	room, err := account.JoinRoom(t.Context(), h.room(call))
	if err != nil {
		t.Fatal(err)
	}
	account.Subscribe(room, m)
	ctx, cancel := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { _ = account.Run(ctx) })
	member := account.NewMembership(matrix.MembershipConfig{RoomID: room, SessionID: m.session, Slot: true, Profile: matrix.ProfileSticky})
	if err := member.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	loops.Go(func() { _ = member.Run(ctx) })
	t.Cleanup(func() { cancel(); loops.Wait(); _ = account.Close() })
	return m
}

func TestGuest_AndAStickyMember_SeeAndHearEachOther(t *testing.T) {
	h := start(t, "", "127.0.0.1:0", nil)
	sticky, ada := h.sticky(t, "lobby", "sticky"), h.join(t, "lobby", "Ada", nil)
	party := sticky.account.Party()
	eventually(t, "Ada sees the sticky member", func() bool { return ada.sees(party.DeviceID) == sticky.session })
	if fault := <-ada.send(party, sticky.session, "call-1", 0); fault != "" {
		t.Fatal(fault)
	}
	eventually(t, "it hears Ada", func() bool { return sticky.heard("call-1") })
	sticky.account.Send(ada.self, message.Signal{
		Kind: message.Hangup, Reason: message.ReasonUserHangup, Envelope: message.Envelope{
			CallID: "call-2", Version: 1, PartyID: party.DeviceID, DeviceID: party.DeviceID, ConfID: message.SlotRoom,
			Seq: new(uint32), SlotID: message.SlotRoom, RoomID: ada.room, SenderSessionID: sticky.session, DestSessionID: ada.session,
		},
	}, nil)
	eventually(t, "Ada hears it, by Olm", func() bool {
		got := ada.heardOf("call-2")
		return len(got) == 1 && got[0].From == party && got[0].Encrypted
	})
}

func TestGuest_IsToldOfADeviceThatIsNotListenedTo(t *testing.T) {
	h := start(t, "", "127.0.0.1:0", func(*homeserver.Config, *socket.Config) {})
	h.trust = matrix.TrustVerified // nobody can verify for a guest
	ada := h.join(t, "lobby", "Ada", nil)
	h.trust = matrix.TrustAny
	card := h.party(t, "lobby", "testcard").Party() // sorts first: it calls
	eventually(t, "Ada is told why the test card is not heard", func() bool { return ada.distrusts(card) != "" })
	if words, want := ada.distrusts(card), "This server does not trust device CARD of @testcard:test.local: "; len(words) <= len(want) || words[:len(want)] != want {
		t.Errorf("the words are %q, want them to begin with %q", words, want)
	}
}

func TestGuest_AndADeviceOfAnotherPage_TellWhatTheySee(t *testing.T) {
	h := start(t, "", "127.0.0.1:0", nil)
	page, ada := h.sticky(t, "lobby", "page"), h.join(t, "lobby", "Ada", nil)
	party := page.account.Party()
	eventually(t, "Ada sees it", func() bool { return ada.sees(party.DeviceID) != "" })
	page.account.SendReport(ada.self, ada.room, json.RawMessage(`{"links":[],"of":"page"}`))
	eventually(t, "Ada is told what it sees", func() bool { return ada.reported(party) == `{"links":[],"of":"page"}` })
	ada.say(map[string]any{"type": "report", "report": map[string]any{"links": []any{}, "of": "Ada"}})
	eventually(t, "it is told what Ada sees", func() bool { return page.reportOf(ada.self) == `{"links":[],"of":"Ada"}` })
}

func TestReaders_AreBoundedInNumberAndRate(t *testing.T) {
	is, now := readers{}, time.Now()
	party := func(i int) message.Party { return message.Party{UserID: "@a:s", DeviceID: fmt.Sprint(i)} }
	if !is.heard(party(0), now) || is.heard(party(0), now.Add(hearEvery/2)) || !is.heard(party(0), now.Add(hearEvery)) {
		t.Error("not once each second")
	}
	for i := range 2 * readersMost {
		is.heard(party(i), now.Add(time.Minute))
	}
	if len(is) != readersMost {
		t.Errorf("%d devices are known", len(is))
	}
}

func TestRefused_KeepsTheLatestOfEachDevice(t *testing.T) {
	party := func(device string) message.Party { return message.Party{UserID: "@a:s", DeviceID: device} }
	var is refused
	for _, step := range []struct {
		add  socket.Distrust
		news bool
	}{
		{socket.Distrust{Party: party("A"), Words: "1"}, true},
		{socket.Distrust{Party: party("A"), Words: "1"}, false},
		{socket.Distrust{Party: party("A"), Words: "2"}, true},
	} {
		if news := is.add(step.add); news != step.news {
			t.Errorf("%v was news: %v", step.add, news)
		}
	}
	if len(is) != 1 || is[0].Words != "2" || !is.remove(party("A")) || is.remove(party("A")) {
		t.Errorf("kept %v", is)
	}
	for i := range 2 * refusedMost {
		is.add(socket.Distrust{Party: party(string(rune('A' + i)))})
	}
	if len(is) != refusedMost {
		t.Errorf("%d devices are kept", len(is))
	}
	if words := distrustWords(party("A"), errors.New("it was in clear text")); words != "A message of device A of @a:s was not taken: it was in clear text." {
		t.Errorf("the words are %q", words)
	}
}
