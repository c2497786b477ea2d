package mesh

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

var (
	self   = message.Party{UserID: "@me:hs", DeviceID: "ME"}
	sender = message.Party{UserID: "@you:hs", DeviceID: "YOU"}
)

// aRoom is a room with one session that the sender is in.
func aRoom(id, conf string, encrypted bool) *room {
	key := membership.Key{RoomID: id, ConfID: conf}
	return &room{
		facts: membership.Facts{RoomID: id, Encrypted: encrypted, Joined: map[string]bool{self.UserID: true, sender.UserID: true}},
		result: membership.Result{Sessions: []membership.Session{{
			Key: key, Form: message.FormSession, Focus: message.FocusFullMesh,
			Members: []membership.Member{{Party: sender, SessionID: "theirs", Mesh: true}},
		}}},
	}
}

func anOutlook(rooms ...*room) outlook {
	o := outlook{
		self: self, sessionID: "mine", config: &Config{}, rooms: map[string]*room{}, entered: map[membership.Key]bool{},
		lingers: func(membership.Key, message.Party, string) bool { return false },
		waiting: func(message.Party, string) bool { return false },
	}
	for _, room := range rooms {
		o.rooms[room.facts.RoomID] = room
		for _, session := range room.result.Sessions {
			o.entered[session.Key] = true
		}
	}
	return o
}

func good() Received {
	return Received{From: sender, Encrypted: true, Signal: message.Signal{
		Kind: message.Invite,
		Envelope: message.Envelope{
			CallID: "c", ConfID: message.SlotRoom, RoomID: "!r:hs", DeviceID: "YOU",
			SenderSessionID: "theirs", DestSessionID: "mine",
		},
		Description: message.Description{Type: "offer", SDP: "v=0"},
	}}
}

func TestCheck_DecidesByEveryRule(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Received, *outlook)
		want   error
	}{
		{"all is well", func(*Received, *outlook) {}, nil},
		{"no room is named, as js-sdk does it", func(r *Received, _ *outlook) { r.Signal.RoomID = "" }, nil},
		{"another spelling of the room's slot", func(r *Received, _ *outlook) { r.Signal.ConfID = "m.call#" }, nil},
		{"no device is claimed", func(r *Received, _ *outlook) { r.Signal.DeviceID = "" }, nil},
		{"no sender session is claimed", func(r *Received, _ *outlook) { r.Signal.SenderSessionID = "" }, nil},
		{"the invitee is us", func(r *Received, _ *outlook) {
			r.Signal.Invitee, r.Signal.InviteeDeviceID = self.UserID, self.DeviceID
		}, nil},
		{"nobody sent it", func(r *Received, _ *outlook) { r.From.DeviceID = "" }, ErrNobody},
		{"we sent it", func(r *Received, _ *outlook) { r.From = self }, ErrNobody},
		{"larger than an event", func(r *Received, _ *outlook) {
			r.Signal.Description.SDP = strings.Repeat("x", 65_537)
		}, ErrTooLarge},
		{"candidates larger than an event", func(r *Received, _ *outlook) {
			r.Signal.Candidates = []message.Candidate{{Candidate: strings.Repeat("x", 65_537)}}
		}, ErrTooLarge},
		{"for a former session of ours", func(r *Received, _ *outlook) { r.Signal.DestSessionID = "old" }, ErrOtherSession},
		{"for no session", func(r *Received, _ *outlook) { r.Signal.DestSessionID = "" }, ErrOtherSession},
		{"another user is invited", func(r *Received, _ *outlook) { r.Signal.Invitee = "@x:hs" }, ErrOtherInvitee},
		{"another device is invited", func(r *Received, _ *outlook) { r.Signal.InviteeDeviceID = "X" }, ErrOtherInvitee},
		{"an Olm sender that claims another device", func(r *Received, _ *outlook) { r.Signal.DeviceID = "ELSE" }, ErrOtherDevice},
		{"cleartext in an encrypted room", func(r *Received, o *outlook) {
			r.Encrypted, o.rooms["!r:hs"].facts.Encrypted = false, true
		}, ErrCleartext},
		{"cleartext in an encrypted room that does not ask for more", func(r *Received, o *outlook) {
			r.Encrypted, o.rooms["!r:hs"].facts.Encrypted, o.config = false, true, &Config{Encryption: EncryptNotRequired}
		}, nil},
		{"cleartext where encryption is required everywhere", func(r *Received, o *outlook) {
			r.Encrypted, o.config = false, &Config{Encryption: EncryptRequire}
		}, ErrCleartext},
		{"cleartext in a room without encryption", func(r *Received, _ *outlook) { r.Encrypted = false }, nil},
		{"an unknown room", func(r *Received, _ *outlook) { r.Signal.RoomID = "!x:hs" }, errHold},
		{"an unknown conference", func(r *Received, _ *outlook) { r.Signal.ConfID = "conf" }, errHold},
		{"the sender is not in the room", func(_ *Received, o *outlook) { o.rooms["!r:hs"].facts.Joined = nil }, errHold},
		{"the sender is no member", func(r *Received, _ *outlook) { r.From.DeviceID, r.Signal.DeviceID = "NEW", "NEW" }, errHold},
		{"the sender is a member with another session", func(r *Received, _ *outlook) { r.Signal.SenderSessionID = "new" }, errHold},
		{"we are not in the session", func(_ *Received, o *outlook) { o.entered = nil }, errHold},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, o := good(), anOutlook(aRoom("!r:hs", message.SlotRoom, false))
			c.change(&r, &o)
			key, err := o.check(r)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if err == nil && key != (membership.Key{RoomID: "!r:hs", ConfID: message.SlotRoom}) {
				t.Errorf("for %v", key)
			}
		})
	}
}

func TestCheck_FindsTheRoomWhereTheSenderIsAMember(t *testing.T) {
	elsewhere, here := aRoom("!a:hs", message.SlotRoom, true), aRoom("!b:hs", message.SlotRoom, true)
	elsewhere.result.Sessions[0].Members[0].SessionID = "another"
	r := good()
	r.Signal.RoomID = ""
	key, err := anOutlook(elsewhere, here).check(r)
	if err != nil || key.RoomID != "!b:hs" {
		t.Errorf("got %v, %v", key, err)
	}
}

func TestCheck_ADeviceThatLingersMayEndItsCallButNotInvite(t *testing.T) {
	o := anOutlook(aRoom("!r:hs", message.SlotRoom, false))
	o.rooms["!r:hs"].result.Sessions[0].Members = nil
	o.lingers = func(_ membership.Key, p message.Party, session string) bool {
		return p == sender && session == "theirs"
	}
	r := good()
	if _, err := o.check(r); !errors.Is(err, errHold) {
		t.Errorf("its invite: %v", err)
	}
	r.Signal.Kind = message.Hangup
	if _, err := o.check(r); err != nil {
		t.Errorf("its hang-up: %v", err)
	}
}

func TestInbox_KeepsWithinItsLimits(t *testing.T) {
	var b inbox
	now := time.Unix(0, 0)
	for i := range 100 {
		r := good()
		r.Signal.CallID = fmt.Sprint(i)
		b.hold(r, now)
	}
	if len(b.held) != maxPerDevice || b.held[0].Signal.CallID != "36" {
		t.Errorf("%d held, the oldest is %s", len(b.held), b.held[0].Signal.CallID)
	}
	kept := 0
	for i := range 200 {
		r := good()
		r.From.DeviceID = fmt.Sprint(i)
		r.Signal.Description.SDP = strings.Repeat("x", 20_000)
		if b.hold(r, now) {
			kept++
		}
	}
	if b.bytes > maxHeldBytes || kept < 30 || kept > 60 {
		t.Errorf("%d bytes, %d kept", b.bytes, kept)
	}
	if late := b.expire(now.Add(holdFor)); len(late) != maxPerDevice+kept || b.bytes != 0 {
		t.Errorf("%d expired, %d bytes left", len(late), b.bytes)
	}
}

func TestInbox_ReleasesInOrder(t *testing.T) {
	var b inbox
	for i := range 4 {
		r := good()
		r.Signal.CallID = fmt.Sprint(i)
		b.hold(r, time.Unix(int64(i), 0))
	}
	free := b.release(func(r Received) bool { return r.Signal.CallID == "1" })
	if len(free) != 3 || free[0].Signal.CallID != "0" || free[2].Signal.CallID != "3" || len(b.held) != 1 {
		t.Errorf("released %v", free)
	}
	if !b.deadline().Equal(time.Unix(1, 0).Add(holdFor)) {
		t.Errorf("deadline %v", b.deadline())
	}
}
