package socket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// town is a homeserver that behaves, in memory: seats of one call are in one
// room, see each other's memberships, and signals reach whom they are for.
type town struct {
	telling sync.Mutex // states reach everybody in the order in which they came about

	mu    sync.Mutex
	seats map[message.Party]*fakeSeat
	count int
	// opening, when set, is asked before a seat is opened.
	opening func(context.Context, Hello) error
	// leaving, when set, is called before a membership is taken back.
	leaving func()
	// entering, when set, is asked before a membership is written.
	entering func(ctx context.Context, s *fakeSeat) error
	log      []string // what happened, in words
	forged   int      // signals that named another sender
}

func newTown() *town { return &town{seats: map[message.Party]*fakeSeat{}} }

// fakeSeat is a device in the town.
type fakeSeat struct {
	town    *town
	hello   Hello
	place   Place
	failing chan error

	// guarded by town.mu
	to      Listener
	waiting []Signal // for Run
	session string
	former  string // session that was left last, in whose name one still hangs up
	feeds   []string
}

func (t *town) note(format string, values ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.log = append(t.log, fmt.Sprintf(format, values...))
}

func (t *town) noted(line string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	count := 0
	for _, known := range t.log {
		if known == line {
			count++
		}
	}
	return count
}

func (t *town) Open(ctx context.Context, hello Hello) (Seat, error) {
	t.mu.Lock()
	opening := t.opening
	t.mu.Unlock()
	if opening != nil {
		if err := opening(ctx, hello); err != nil {
			return nil, err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	party := hello.Party
	if party == (message.Party{}) {
		t.count++
		party = message.Party{UserID: fmt.Sprintf("@web-%d:town", t.count), DeviceID: fmt.Sprintf("WEB%d", t.count)}
	}
	if t.seats[party] != nil {
		return nil, errors.New("the device is open twice")
	}
	s := &fakeSeat{town: t, hello: hello, failing: make(chan error, 1), place: Place{
		Self: party, Name: hello.Name, MaxMembers: 8, EncryptForwarded: hello.Call == "sealed",
		Room: Room{ID: "!" + hello.Call + ":town", Name: hello.Call, ConfID: hello.Call, SlotID: message.SlotRoom},
	}}
	t.seats[party] = s
	t.log = append(t.log, "open "+party.String())
	return s, nil
}

func (s *fakeSeat) Place() Place { return s.place }

func (s *fakeSeat) Run(ctx context.Context, to Listener) error {
	var waiting []Signal
	s.town.change(func() { s.to, waiting = to, s.waiting }, s.hello.Call)
	for _, signal := range waiting {
		to.Signal(signal)
	}
	select {
	case <-ctx.Done():
		s.town.change(func() { s.to = nil }, s.hello.Call)
		return nil
	case err := <-s.failing:
		return err
	}
}

func (s *fakeSeat) Enter(ctx context.Context, wish Presence) error {
	s.town.mu.Lock()
	entering := s.town.entering
	s.town.mu.Unlock()
	if entering != nil {
		if err := entering(ctx, s); err != nil {
			return err
		}
	}
	s.town.mu.Lock()
	if s.session != "" && s.session != wish.Session {
		s.town.log = append(s.town.log, "leave "+s.place.Self.String())
	}
	s.town.mu.Unlock()
	s.town.note("%s", noteOf(s.place.Self, wish))
	s.town.change(func() { s.session, s.feeds = wish.Session, wish.Feeds }, s.hello.Call)
	return nil
}

// noteOf is what the town remembers of an enter.
func noteOf(self message.Party, wish Presence) string {
	if wish.Via != (message.Party{}) {
		return fmt.Sprintf("enter %s %v via %s", self, wish.Feeds, wish.Via)
	}
	return fmt.Sprintf("enter %s %v", self, wish.Feeds)
}

func (s *fakeSeat) Leave(context.Context) error {
	s.town.note("leave %s", s.place.Self)
	s.town.mu.Lock()
	leaving := s.town.leaving
	s.town.mu.Unlock()
	if leaving != nil {
		leaving()
	}
	s.town.change(func() { s.session, s.former = "", s.session }, s.hello.Call)
	return nil
}

func (s *fakeSeat) Send(to message.Party, signal message.Signal, done func(error)) {
	eventType, content, err := signal.Encode()
	if err != nil {
		done(err)
		return
	}
	s.town.mu.Lock()
	if signal.DeviceID != s.place.Self.DeviceID || signal.PartyID != s.place.Self.DeviceID || signal.SenderSessionID != s.session && signal.SenderSessionID != s.former || signal.RoomID != s.place.Room.ID {
		s.town.forged++
	}
	var listener Listener
	arrived := Signal{From: s.place.Self, Encrypted: true, Type: eventType, Content: content}
	if target := s.town.seats[to]; target != nil {
		if listener = target.to; listener == nil {
			target.waiting = append(target.waiting, arrived)
		}
	}
	s.town.mu.Unlock()
	if listener != nil {
		listener.Signal(arrived)
	}
	done(nil)
}

func (s *fakeSeat) SendKey(to message.Party, key message.MediaKey, done func(error)) {
	content, err := key.Encode()
	if err != nil || key.MemberID != s.session {
		done(errors.New("a forged key came through"))
		return
	}
	s.town.mu.Lock()
	var listener Listener
	if target := s.town.seats[to]; target != nil {
		listener = target.to
	}
	s.town.mu.Unlock()
	if listener != nil {
		listener.Signal(Signal{From: s.place.Self, Encrypted: true, Type: message.TypeMediaKey, Content: content})
	}
	done(nil)
}

func (s *fakeSeat) Report(report json.RawMessage) { s.town.note("report %s %s", s.place.Self, report) }

func (s *fakeSeat) Close(_ context.Context, why Fate) error {
	s.town.note("close %s %s", s.place.Self, [...]string{"gone", "returns"}[why])
	s.town.change(func() { delete(s.town.seats, s.place.Self) }, s.hello.Call)
	return nil
}

// change changes the town and tells a call's seats of its state.
func (t *town) change(do func(), call string) {
	t.telling.Lock()
	defer t.telling.Unlock()
	t.mu.Lock()
	do()
	var state State
	var listeners []Listener
	for _, s := range t.seats {
		if s.hello.Call != call {
			continue
		}
		state.Members = append(state.Members, Member{UserID: s.place.Self.UserID, Name: s.place.Name})
		if s.session != "" {
			state.Events = append(state.Events, membership.Event{
				Type: message.TypeCallMember, StateKey: "_" + s.place.Self.UserID, Sender: s.place.Self.UserID, EventID: "$e",
				SentAt: time.UnixMilli(1), Content: fmt.Appendf(nil, `{"membershipID":%q}`, s.session),
			})
		}
		if s.to != nil {
			listeners = append(listeners, s.to)
		}
	}
	t.mu.Unlock()
	for _, listener := range listeners {
		state := State{Events: slices.Clone(state.Events), Members: slices.Clone(state.Members)}
		listener.State(state)
	}
}

func (t *town) seat(party message.Party) *fakeSeat {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seats[party]
}

// hangup is the content of a call message from one to another.
func hangup(from, to *browser, callID string, seq int) map[string]any {
	return map[string]any{
		"call_id": callID, "version": "1", "party_id": from.self.DeviceID, "conf_id": message.SlotRoom, "slot_id": message.SlotRoom,
		"room_id": from.room.ID, "device_id": from.self.DeviceID, "sender_session_id": from.session,
		"dest_session_id": to.session, "seq": seq, "reason": "user_hangup",
	}
}
