package message_test

import (
	"encoding/json"
	"testing"
	"time"

	"meshfocus/signalling/message"
)

func TestParseMember_ReadsTheEntriesOfMemberships(t *testing.T) {
	m, err := message.ParseMember([]byte(`{"memberships":[
		{"application":"m.call","call_id":"","scope":"m.room","device_id":"A","membershipID":"m","created_ts":1000,"expires":500,
		 "foci_active":[{"type":"livekit","livekit_alias":"x"}]},
		{"call_id":"c","device_id":"B","expires_ts":2000,"foci_active":[{"type":"mesh"}],"feeds":[{"purpose":"m.usermedia"},7]},
		{"call_id":"c","device_id":"C"}, null]}`))
	if err != nil || m.Form != message.FormLegacy || len(m.Legacy) != 2 || len(m.Spoilt) != 2 {
		t.Fatalf("%+v with error %v", m, err)
	}
	sent := time.UnixMilli(5000)
	a, b := m.Legacy[0], m.Legacy[1]
	if a.SlotID() != message.SlotRoom || a.EndsAt(sent).UnixMilli() != 1500 || a.Foci[0].Type != "livekit" {
		t.Errorf("the first reads as %+v", a)
	}
	if b.SlotID() != "m.call#c" || b.EndsAt(sent).UnixMilli() != 2000 || len(b.Feeds) != 1 {
		t.Errorf("the second reads as %+v", b)
	}
	if m.Spoilt[0].DeviceID != "C" {
		t.Errorf("spoilt is %+v", m.Spoilt)
	}
}

func TestWithFamedlyDevice_EditsWhatTheDevicesOfAUserShare(t *testing.T) {
	now := time.UnixMilli(1_000_000_000)
	const other = `{"call_id":"", "device_id":"B","expires_ts":999700000,"foci_active":[{"type":"mesh"}],"odd":1}`
	const over = `{"call_id":"","device_id":"C","expires_ts":999600000,"foci_active":[{"type":"mesh"}]}`
	ours := message.LegacyMembership{
		Application: "m.call", DeviceID: "A", MembershipID: "s", ExpiresAt: now.Add(message.FamedlyLinger),
		Foci: []message.Focus{message.FamedlyFocus()}, Feeds: []message.Feed{{Purpose: "m.usermedia"}},
	}
	const wire = `{"application":"m.call","call_id":"","device_id":"A","expires_ts":1000360000,"feeds":[{"purpose":"m.usermedia"}],` +
		`"foci_active":[{"type":"mesh"}],"membershipID":"s","scope":"m.room"}`
	joined, err := message.WithFamedlyDevice([]byte(`{"memberships":[`+other+`,`+over+`,5]}`), ours, now)
	if want := `{"memberships":[` + other + `,` + wire + `]}`; err != nil || string(joined) != want {
		t.Errorf("joined is %s with error %v\nwant %s", joined, err, want)
	}
	again, err := message.WithFamedlyDevice(joined, ours, now)
	if err != nil || string(again) != string(joined) {
		t.Errorf("renewed is %s with error %v", again, err)
	}
	left := message.WithoutFamedlyDevice(joined, "", "A", now)
	if want := `{"memberships":[` + other + `]}`; string(left) != want {
		t.Errorf("left is %s, want %s", left, want)
	}
	if content, err := message.WithFamedlyDevice(nil, message.LegacyMembership{}, now); err == nil {
		t.Errorf("nobody was written as %s", content)
	}
}

func TestFamedlyStateKey_IsTheUserUnlessTheRoomLetsUsersOwnKeys(t *testing.T) {
	party := message.Party{UserID: "@a:hs", DeviceID: "D"}
	if is := message.FamedlyStateKey(party, "11"); is != "@a:hs" {
		t.Error(is)
	}
	if is := message.FamedlyStateKey(party, "org.matrix.msc3757.10"); is != "@a:hs_D" {
		t.Error(is)
	}
}

func TestBehind_KeepsTheEndAndPutsTheBeginningAhead(t *testing.T) {
	now := time.UnixMilli(1795188860000).UTC()
	for name, s := range map[string]message.SessionContent{
		"a join":    {Expires: 10 * time.Minute},
		"a refresh": {CreatedAt: now.Add(-time.Hour), Expires: 70 * time.Minute},
		"by itself": {},
	} {
		s.Application, s.DeviceID, s.MembershipID, s.FocusActive.Type = "m.call", "D", "m", "full_mesh"
		joined, created, expires := s.CreatedAt, s.CreatedAt, s.Expires
		if created.IsZero() {
			created = now
		}
		if expires == 0 {
			expires = message.DefaultExpires
		}
		content, err := s.Behind(now).Encode()
		if err != nil {
			t.Fatal(err)
		}
		is, err := message.ParseMember(content)
		if err != nil || !is.Session.JoinedAt.Equal(joined) || !is.Session.CreatedAt.Add(is.Session.Expires).Equal(created.Add(expires)) {
			t.Errorf("%s reads as %+v with error %v", name, is.Session, err)
		}
		// A reader that looks when half of the time is over sees a quarter of it ahead.
		half := now.Add(created.Add(expires).Sub(now) / 2)
		if ahead := is.Session.CreatedAt.Sub(half); ahead < 2*time.Minute {
			t.Errorf("%s: created_ts lies only %s ahead when it is renewed", name, ahead)
		}
		if !json.Valid(content) {
			t.Error(string(content))
		}
	}
}
