package forward

import (
	"context"
	"fmt"
	"testing"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/mesh"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// everything asks for all that the member has been told of.
func (m *member) everything() {
	m.mutex.Lock()
	var wanted []message.FocusTrack
	for stream, said := range m.streams {
		for track := range said.Tracks {
			wanted = append(wanted, message.FocusTrack{StreamID: stream, TrackID: track})
		}
	}
	m.mutex.Unlock()
	m.say(message.FocusMessage{Kind: message.FocusSubscription, Subscribe: wanted})
}

// owners counts the tracks that the member has been told of, by whose they are.
func (m *member) owners() map[string]int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	owners := make(map[string]int)
	for _, said := range m.streams {
		if said.UserID != "" {
			owners[said.UserID] += len(said.Tracks)
		}
	}
	return owners
}

// In a call of six a newcomer is told of all at once, gets all, and when the last has
// left nothing of the call remains.
func TestHost_ServesManyWhoGetEachOther(t *testing.T) {
	h := host(t)
	const all = 6
	var members []*member
	for i := range all {
		// Few pictures: what a busy machine has no time for is not sent (lane.Stats.Shed).
		m := callsOne(t, h, fmt.Sprintf("m%d", i), 250*time.Millisecond)
		members = append(members, m)
		m.speaks()
	}
	for i, m := range members {
		until(t, fmt.Sprintf("m%d is told of all others", i), func() bool { return len(m.owners()) == all-1 })
		m.everything()
	}
	for i, m := range members {
		for k := range members {
			name := fmt.Sprintf("m%d", k)
			if k != i {
				until(t, fmt.Sprintf("m%d gets %s", i, name), func() bool { return m.frames(name+"/"+name+"-video") > 2 })
			}
		}
	}
	sessions := h.config.Focus.Sessions()
	if len(sessions) != 1 || len(sessions[0].Tracks()) != 2*all { // with everybody's silence
		t.Fatalf("the focus has %v", sessions)
	}
	for _, m := range members {
		m.goes.Store(true)
	}
	for _, m := range members {
		if err := m.seat.Close(); err != nil {
			t.Error(err)
		}
	}
	if sessions := h.config.Focus.Sessions(); len(sessions) > 0 {
		t.Errorf("when all have left there are %v", sessions)
	}
	if len(h.seats) > 0 {
		t.Errorf("and the seats %v", h.seats)
	}
}

// What a peer says of its streams holds for tracks that come later, whichever way it
// came, and what is a screen for its owner is one for all.
func TestHost_PassesOnWhatIsSaidOfStreams(t *testing.T) {
	h := host(t)
	link := mesh.Link{Key: membership.Key{RoomID: "!r", ConfID: "c"}, Peer: party("anna"), Streams: message.StreamMetadata{
		"anna": {Purpose: message.PurposeScreenShare, AudioMuted: true},
		"bert": {Purpose: message.PurposeScreenShare}, // not hers
	}}
	h.Describe(link) // of nobody: it is forgotten
	bert := calls(t, h, "bert")
	bert.speaks()
	anna := calls(t, h, "anna")
	h.Describe(link)
	told := func(is func(message.FocusStream) bool) func() bool {
		return func() bool { s, told := bert.told("anna"); return told && is(s) }
	}
	until(t, "bert is told of anna's screen", told(func(s message.FocusStream) bool {
		return s.Purpose == message.PurposeScreenShare && s.UserID == "@anna:x" && s.DeviceID == "ANNA" && s.AudioMuted && !s.VideoMuted
	}))
	until(t, "and how large it is", told(func(s message.FocusStream) bool {
		return s.Tracks["anna-video"].Width == 640 && s.Tracks["anna-video"].Height == 480
	}))
	link.CallID = "another call's"
	link.Streams = message.StreamMetadata{"anna": {Purpose: "org.example.unheard-of"}}
	h.Describe(link)
	anna.speaks()
	until(t, "anna is told of bert", func() bool { _, told := anna.told("bert"); return told })
	if s, _ := anna.told("bert"); s.Purpose != message.PurposeUserMedia {
		t.Errorf("anna made bert's camera %+v", s)
	}
	if s, _ := bert.told("anna"); s.Purpose != message.PurposeScreenShare {
		t.Errorf("what another call says counts: %+v", s)
	}
	anna.say(message.FocusMessage{Kind: message.FocusMetadataChanged, Streams: message.FocusStreams{
		"anna": {Stream: message.Stream{Purpose: "org.example.unheard-of", VideoMuted: true}},
	}})
	until(t, "the last word holds", told(func(s message.FocusStream) bool { return s.Purpose == message.PurposeUserMedia && s.VideoMuted }))
}

// A restart of ICE costs nobody a subscription.
func TestSeat_KeepsSubscriptionsOverAnICERestart(t *testing.T) {
	h := host(t)
	anna, bert := calls(t, h, "anna"), calls(t, h, "bert")
	bert.speaks()
	until(t, "bert is told of anna", func() bool { _, told := bert.told("anna"); return told })
	bert.everything()
	until(t, "anna's picture comes", func() bool { return bert.frames("anna/anna-video") > 5 })
	for _, m := range []*member{anna, bert} {
		before := bert.frames("anna/anna-video")
		offer, err := m.seat.CreateOffer(t.Context(), transport.OfferOptions{Gather: patience, Restart: true})
		if err != nil {
			t.Fatal(err)
		}
		answer, err := m.bundle.AcceptOffer(t.Context(), offer, patience)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.seat.AcceptAnswer(t.Context(), answer); err != nil {
			t.Fatal(err)
		}
		until(t, "it goes on coming", func() bool { return bert.frames("anna/anna-video") > before+20 })
	}
	bert.say(message.FocusMessage{Kind: message.FocusPing})
	until(t, "bert's channel is as it was", func() bool { return bert.pongs() > 0 })
	if owners := bert.owners(); len(owners) != 1 {
		t.Errorf("bert knows %v", owners)
	}
}

// Neither an ICE restart nor an offer of the peer's waits for an answer on the channel,
// and what was offered there comes all the same (TestExchanges_… has the cases).
func TestSeat_TheMeshGoesFirst(t *testing.T) {
	h := host(t)
	_, bert := calls(t, h, "anna"), calls(t, h, "bert")
	bert.speaks()
	until(t, "bert is told of anna", func() bool { _, told := bert.told("anna"); return told })
	open := func() bool { return bert.seat.(*seat).exchanges.offered.Load() }
	for _, by := range []string{"the host", "bert"} {
		bert.deaf.Lock()
		bert.everything()
		until(t, "an offer is on the channel", open)
		offers, answers := bert.seat.CreateOffer, bert.bundle.AcceptOffer
		settles := bert.seat.AcceptAnswer
		if by == "bert" {
			offers = func(ctx context.Context, o transport.OfferOptions) (transport.Description, error) {
				return bert.bundle.CreateOffer(ctx, o.Gather, o.Restart)
			}
			answers, settles = bert.seat.AcceptOffer, bert.bundle.AcceptAnswer
		}
		offer, err := offers(t.Context(), transport.OfferOptions{Gather: patience, Restart: true})
		if err != nil {
			t.Fatal(by, err)
		}
		answer, err := answers(t.Context(), offer, patience)
		if err != nil {
			t.Fatal(by, err)
		}
		if err := settles(t.Context(), answer); err != nil {
			t.Fatal(by, err)
		}
		bert.deaf.Unlock()
		until(t, "anna's picture comes", func() bool { return bert.frames("anna/anna-video") > 5 })
		bert.say(message.FocusMessage{Kind: message.FocusSubscription, Unsubscribe: []message.FocusTrack{{StreamID: "anna", TrackID: "anna-video"}}})
		until(t, "and what is negotiated next is", func() bool { return bert.frames("anna/anna-video") < 0 && !open() })
	}
}
