package forward

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meshfocus/focus"
	"meshfocus/focus/transport"
	"meshfocus/mesh"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what has to come: the machine may be busy.
const patience = time.Minute

// until waits for a condition.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func network(t *testing.T) *transport.Network {
	t.Helper()
	n, err := transport.Listen(transport.Config{Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("Network.Close: %v", err)
		}
	})
	return n
}

func host(t *testing.T) *Host {
	t.Helper()
	f := focus.New(focus.Config{Network: network(t), Patience: -1})
	t.Cleanup(f.Close)
	return New(Config{Focus: f})
}

// camera is a picture that no decoder will see (RFC 6386 section 9.1).
func camera(t *testing.T, name string, every time.Duration) *transport.LocalTrack {
	t.Helper()
	track, err := transport.NewLocalTrack(transport.TrackConfig{Codec: transport.VP8, ID: name + "-video", StreamID: name})
	if err != nil {
		t.Fatal(err)
	}
	key := append([]byte{0x10, 0, 0, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0xE0, 0x01}, bytes.Repeat([]byte(name), 100)...)
	ctx, cancel := context.WithCancel(context.Background())
	var writing sync.WaitGroup
	writing.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for ctx.Err() == nil {
			if err := track.WriteSample(transport.Sample{Data: key, Duration: every}); err != nil {
				t.Errorf("WriteSample: %v", err)
			}
			<-tick.C
		}
	})
	t.Cleanup(func() { cancel(); writing.Wait() })
	return track
}

// member is a device that is called by the host: what it says on the data channel is
// the test's.
type member struct {
	t       *testing.T
	seat    mesh.Conn
	bundle  *transport.Bundle
	channel *transport.Channel
	leave   func() // gives its picture back
	runs    sync.WaitGroup
	goes    atomic.Bool // the test closes it: what it cannot say any more is no fault

	mutex   sync.Mutex
	streams message.FocusStreams // as told last
	lines   map[string]transport.LineReceived
	pings   int
	ponged  int

	deaf sync.RWMutex // locked: no offer on the channel is heard
}

func party(name string) message.Party {
	return message.Party{UserID: "@" + name + ":x", DeviceID: strings.ToUpper(name)}
}

// calls has the host call a member that sends pictures.
func calls(t *testing.T, h *Host, name string) *member {
	t.Helper()
	return callsOne(t, h, name, 40*time.Millisecond)
}

// callsOne has it call one that sends a picture so often.
func callsOne(t *testing.T, h *Host, name string, every time.Duration) *member {
	t.Helper()
	seat, err := h.NewConn(mesh.ConnRequest{Key: membership.Key{RoomID: "!r", ConfID: "c"}, Peer: party(name), Outgoing: true})
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := network(t).NewBundle(transport.BundleConfig{Name: name, Data: true})
	if err != nil {
		t.Fatal(err)
	}
	m := &member{t: t, seat: seat, bundle: bundle, lines: make(map[string]transport.LineReceived)}
	picture, leave := bundle.Feed(camera(t, name, every))
	silence, leaveSilence := bundle.Feed(nil)
	m.leave = func() { leave(); leaveSilence() }
	bundle.SetLines([]transport.BundleLine{
		{Name: "camera", Kind: transport.Video, Send: picture, StreamID: name, TrackID: name + "-video"},
		// As all do that have no microphone; and so they all call it.
		{Name: "sound", Kind: transport.Audio, Send: silence, StreamID: transport.SilentStreamID, TrackID: transport.SilentStreamID},
	})
	m.runs.Go(m.listen)
	m.runs.Go(func() {
		for range seat.Events() { // the mesh's
		}
	})
	t.Cleanup(m.close)
	offer, err := seat.CreateOffer(t.Context(), transport.OfferOptions{Gather: patience})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(offer.SDP, "a=simulcast:recv q;h;f") || !strings.Contains(offer.SDP, "msid:"+transport.SilentStreamID) {
		t.Errorf("the offer asks for no layers, or sends no silence:\n%s", offer.SDP)
	}
	answer, err := bundle.AcceptOffer(t.Context(), offer, patience)
	if err != nil {
		t.Fatal(err)
	}
	if err := seat.AcceptAnswer(t.Context(), answer); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *member) close() {
	m.goes.Store(true)
	if err := m.seat.Close(); err != nil {
		m.t.Errorf("Conn.Close: %v", err)
	}
	if err := m.bundle.Close(); err != nil {
		m.t.Errorf("Bundle.Close: %v", err)
	}
	m.runs.Wait()
	m.leave()
}

// listen notes what arrives.
func (m *member) listen() {
	for event := range m.bundle.Events() {
		m.mutex.Lock()
		switch e := event.(type) {
		case transport.LineReceived:
			m.lines[e.StreamID+"/"+e.TrackID] = e
		case transport.LineEnded:
			for key, line := range m.lines {
				if line.Track == e.Track {
					delete(m.lines, key)
				}
			}
		}
		m.mutex.Unlock()
	}
}

// speaks opens the data channel and keeps to the rules on it.
func (m *member) speaks() {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), patience)
	defer cancel()
	channel, err := m.bundle.OpenChannel(ctx, label)
	if err != nil {
		m.t.Fatal(err)
	}
	m.channel = channel
	m.runs.Go(func() {
		buffer := make([]byte, 64<<10)
		for {
			n, _, err := channel.Read(buffer)
			if err != nil {
				return
			}
			m.hear(buffer[:n])
		}
	})
	m.say(message.FocusMessage{Kind: message.FocusPong})
}

func (m *member) say(said message.FocusMessage) {
	if err := m.channel.Write(said.Encode(), true); err != nil {
		m.fault("Write: %v", err)
	}
}

func (m *member) fault(format string, err error) {
	m.t.Helper()
	if !m.goes.Load() {
		m.t.Errorf(format, err)
	}
}

func (m *member) hear(text []byte) {
	said, err := message.ParseFocusMessage(text)
	if err != nil {
		m.t.Errorf("%s: %v", text, err)
		return
	}
	switch said.Kind {
	case message.FocusNegotiate:
		m.deaf.RLock()
		answer, err := m.bundle.AcceptOffer(context.Background(), transport.Description(said.Description), 0)
		m.deaf.RUnlock()
		if errors.Is(err, transport.ErrStale) {
			return // the mesh has negotiated since
		}
		if err != nil {
			m.fault("the offer on the channel: %v", err)
			return
		}
		m.say(message.FocusMessage{Kind: message.FocusNegotiate, Description: message.Description(answer)})
	case message.FocusPing:
		m.mutex.Lock()
		m.pings++
		m.mutex.Unlock()
		m.say(message.FocusMessage{Kind: message.FocusPong})
	case message.FocusPong:
		m.mutex.Lock()
		m.ponged++
		m.mutex.Unlock()
	}
	if said.Streams != nil {
		m.mutex.Lock()
		m.streams = said.Streams
		m.mutex.Unlock()
	}
}

// told is what the member knows of a stream.
func (m *member) told(stream string) (message.FocusStream, bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	s, ok := m.streams[stream]
	return s, ok
}

// pongs is how often it was answered.
func (m *member) pongs() int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.ponged
}

// frames is how many of a track have come, -1 if it is not there.
func (m *member) frames(key string) int64 {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	line, ok := m.lines[key]
	if !ok {
		return -1
	}
	return line.Track.Stats().Frames
}

func TestHost_ForwardsWhatMembersAskFor(t *testing.T) {
	h := host(t)
	anna, bert := calls(t, h, "anna"), calls(t, h, "bert") // anna says nothing
	bert.speaks()
	until(t, "bert is told of anna", func() bool { _, told := bert.told("anna"); return told })
	stream, _ := bert.told("anna")
	if stream.UserID != "@anna:x" || stream.DeviceID != "ANNA" || stream.Tracks["anna-video"].Kind != "video" {
		t.Errorf("he is told %+v", stream)
	}
	if _, told := bert.told("bert"); told {
		t.Error("he is told of himself")
	}
	if _, told := bert.told(transport.SilentStreamID); !told {
		t.Error("nobody says what the silence is")
	}
	if silence, _ := bert.told(transport.SilentStreamID); silence.UserID != "" || len(silence.Tracks) > 0 {
		t.Errorf("the silence is %+v", silence)
	}
	wish := message.FocusTrack{StreamID: "anna", TrackID: "anna-video", Width: 320, Height: 180}
	bert.say(message.FocusMessage{Kind: message.FocusSubscription, Subscribe: []message.FocusTrack{
		wish, {StreamID: "nobody", TrackID: "x"}, {StreamID: transport.SilentStreamID, TrackID: transport.SilentStreamID},
	}})
	until(t, "anna's picture comes", func() bool { return bert.frames("anna/anna-video") > 20 })
	if frames := anna.frames("bert/bert-video"); frames >= 0 {
		t.Errorf("anna, who asked for nothing, got %d frames", frames)
	}
	bert.say(message.FocusMessage{Kind: message.FocusSubscription, Unsubscribe: []message.FocusTrack{wish}})
	until(t, "it goes", func() bool { return bert.frames("anna/anna-video") < 0 })

	// Who mutes is muted for all, and who leaves is gone for all.
	anna.speaks()
	anna.say(message.FocusMessage{Kind: message.FocusMetadataChanged, Streams: message.FocusStreams{
		"anna": {Stream: message.Stream{Purpose: message.PurposeUserMedia, AudioMuted: true, VideoMuted: true}},
		"bert": {Stream: message.Stream{Purpose: message.PurposeUserMedia, VideoMuted: true}}, // not hers
	}})
	until(t, "bert is told", func() bool { s, _ := bert.told("anna"); return s.VideoMuted })
	until(t, "anna is told of bert", func() bool { _, told := anna.told("bert"); return told })
	if s, _ := anna.told("bert"); s.VideoMuted {
		t.Error("anna muted bert")
	}
	if err := anna.seat.Close(); err != nil {
		t.Error(err)
	}
	until(t, "anna's stream is gone", func() bool { _, told := bert.told("anna"); return !told })
}

// The mesh calls again over an exchange that the peer never answers.
func TestSeat_FailsWithoutAnAnswerAndWithoutPongs(t *testing.T) {
	h := host(t)
	bert := calls(t, h, "bert")
	his := bert.seat.(*seat)
	s := &seat{host: h, place: his.place, session: his.session, log: h.config.Log, party: his.party, exchanges: newExchanges(t.Context(), his.party), out: make(chan transport.Event, 4), life: t.Context(), open: true}
	now := time.Now()
	s.nextPing = now
	for range mostPings {
		s.late(s.next())
		if len(s.out) > 0 {
			t.Fatalf("it fails after %d pings", s.pings)
		}
	}
	s.late(s.next())
	if failed := (<-s.out).(transport.StateChanged); failed.State != transport.StateFailed || !s.next().IsZero() {
		t.Errorf("it says %+v", failed)
	}
	s.open = true
	s.exchanges.wanted.Store(true)
	s.negotiate()
	if !s.exchanges.offered.Load() {
		t.Fatal("there is no offer on the channel")
	}
	s.nextPing = s.due.Add(pingEvery)
	s.late(s.next())
	if failed := (<-s.out).(transport.StateChanged); failed.State != transport.StateFailed {
		t.Errorf("it says %+v", failed)
	}
	asked, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := s.CreateOffer(asked, transport.OfferOptions{Restart: true}); !errors.Is(err, transport.ErrWrongState) {
		t.Errorf("the mesh, which renews ICE, hears %v", err)
	}
}
