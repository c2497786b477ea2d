package mesh

import (
	"testing"
	"testing/synctest"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

type silent struct{}

func (silent) Send(message.Party, message.Signal, func(error)) {}
func (silent) NewConn(ConnRequest) (Conn, error)               { return nil, transport.ErrClosed }

// A registry of feeds by stream ID that outlives its connection would take the
// streams of a second call for ones it has already.
func TestTracks_OfASecondCallWithTheSameStreamAreNewAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []Track
		config := Config{
			Self: who("z"), SessionID: "mine", Signaller: silent{}, Connector: silent{},
			OnTrack: func(track Track) { got = append(got, track) },
		}.withDefaults()
		p := newPeer(&config, membership.Session{Key: slotKey}, members("a")[0], nil, func(*peer) {})
		ctx := t.Context()
		defer p.running.Wait()
		defer p.hangUpAll()
		metadata := message.StreamMetadata{"cam": {Purpose: message.PurposeUserMedia}}
		p.handle(ctx, negotiate.Event{Kind: negotiate.MemberJoined, SessionID: "a"})
		for _, callID := range []string{"one", "two"} {
			p.handle(ctx, negotiate.Event{Kind: negotiate.Received, Signals: []message.Signal{{
				Kind: message.Invite, Envelope: message.Envelope{CallID: callID}, Metadata: metadata,
			}}})
			p.handle(ctx, newTrack{"zero", remoteTrack{streamID: "cam"}}) // of a call that is over
			p.handle(ctx, newTrack{callID, remoteTrack{streamID: "cam"}})
			p.handle(ctx, newTrack{callID, remoteTrack{streamID: "unnamed"}})
		}
		p.handle(ctx, negotiate.Event{Kind: negotiate.Received, Signals: []message.Signal{{
			Kind: message.Invite, Envelope: message.Envelope{CallID: "three"}, // names no stream
		}}})
		p.handle(ctx, newTrack{"three", remoteTrack{streamID: "any"}})
		if len(got) != 3 || got[2].Link.CallID != "three" || got[0].Stream.Purpose != message.PurposeUserMedia || got[1].Link.CallID != "two" {
			t.Errorf("got %d tracks: %+v", len(got), got)
		}
	})
}

func TestLine_ThatCannotOpenSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := Config{Self: who("a"), Signaller: silent{}, Connector: silent{}}.withDefaults()
		p := newPeer(&config, membership.Session{Key: slotKey}, members("b")[0], nil, func(*peer) {})
		ctx := t.Context()
		p.handle(ctx, negotiate.Event{Kind: negotiate.MemberJoined, SessionID: "b"})
		synctest.Wait()
		for _, what := range p.mailbox.Take() {
			p.handle(ctx, what)
		}
		if _, detail := p.machine.LastReason(); detail != "open a connection: connection is closed" {
			t.Errorf("detail %q", detail)
		}
		if at := p.machine.Deadline(); at.Before(time.Now()) {
			t.Error("no further attempt is planned")
		}
		p.hangUpAll()
		p.running.Wait()
	})
}

// aMesh is a mesh whose loop is played by the test.
func aMesh(t *testing.T) (*mesh, func(names ...string)) {
	config := Config{Self: who("z"), SessionID: "mine", Signaller: silent{}, Connector: silent{}}.withDefaults()
	m := newMesh(&config, membership.Session{Key: slotKey}, nil)
	return m, func(names ...string) {
		m.handle(t.Context(), assignment{members: members(names...), joined: map[string]bool{"@a:hs": true}})
	}
}

func TestMesh_APeerThatIsWantedAgainIsNotEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, assign := aMesh(t)
		assign("a")
		p := m.peers[who("a")]
		assign()
		assign("a")
		m.handle(t.Context(), peerAbsent{p}) // what it said before it was wanted again
		if p.ended() || m.peers[who("a")] != p {
			t.Error("the peer was ended")
		}
		p.end()
		m.running.Wait()
	})
}

func TestMesh_APeerThatWasEndedIsReplacedByANewOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, assign := aMesh(t)
		assign("a")
		former := m.peers[who("a")]
		assign()
		m.handle(t.Context(), peerAbsent{former})
		assign("a") // before the mesh has learned that it is gone
		p := m.peers[who("a")]
		if p == former || p.ended() {
			t.Fatal("the device has no peer that lives")
		}
		m.handle(t.Context(), peerEnded{former})
		if m.peers[who("a")] != p {
			t.Error("the news of the former peer took the new one away")
		}
		p.end()
		m.running.Wait()
	})
}

func TestMesh_ThatLeavesTakesNobodyNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, assign := aMesh(t)
		m.handle(t.Context(), leave{})
		assign("a")
		if len(m.peers) != 0 {
			t.Error("a peer was started")
		}
	})
}

func TestRegistry_RemembersABoundedNumberOfRefusals(t *testing.T) {
	r := NewRegistry(Config{})
	for range 3 * maxRefused {
		r.refuse(good(), ErrCleartext)
	}
	if len(r.refused) != maxRefused {
		t.Errorf("%d are remembered", len(r.refused))
	}
}
