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
		p := newPeer(&config, membership.Session{Key: slotKey}, members("a")[0], func(*peer) {})
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
		if len(got) != 2 || got[0].Stream.Purpose != message.PurposeUserMedia || got[1].Link.CallID != "two" {
			t.Errorf("got %d tracks: %+v", len(got), got)
		}
	})
}

func TestLine_ThatCannotOpenSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := Config{Self: who("a"), Signaller: silent{}, Connector: silent{}}.withDefaults()
		p := newPeer(&config, membership.Session{Key: slotKey}, members("b")[0], func(*peer) {})
		ctx := t.Context()
		p.handle(ctx, negotiate.Event{Kind: negotiate.MemberJoined, SessionID: "b"})
		synctest.Wait()
		for _, what := range p.mailbox.take() {
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
