package focus

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"meshfocus/focus/lane"
	"meshfocus/focus/packet"
	"meshfocus/focus/transport"
	"meshfocus/simulcast"
)

// pair is two bundles of which one is a party's: for what needs no guest.
type pair struct {
	*Party
	far      *transport.Bundle
	channels chan *transport.Channel // that the party has opened
}

// bundled has a party that a bare Bundle calls.
func bundled(t *testing.T, s *Session, name string) *pair {
	return sending(t, s, name, func(*lane.Lane) []transport.BundleLine { return nil })
}

// sending is bundled, with something to send made for the lane.
func sending(t *testing.T, s *Session, name string, lines func(*lane.Lane) []transport.BundleLine) *pair {
	t.Helper()
	party, err := s.Join(name, transport.BundleConfig{Name: name, Log: testLog()})
	if err != nil {
		t.Fatal(err)
	}
	// Of its own network: two ports carry one connection between them.
	far, err := network(t, transport.Config{}).NewBundle(transport.BundleConfig{Name: "far " + name, Data: true, Log: testLog()})
	if err != nil {
		t.Fatal(err)
	}
	far.SetLines(lines(far.Lane()))
	p := &pair{party, far, make(chan *transport.Channel, 10)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for event := range far.Events() {
			if opened, is := event.(transport.ChannelOpened); is {
				p.channels <- opened.Channel
			}
		}
	}()
	t.Cleanup(func() {
		party.Leave()
		if err := far.Close(); err != nil {
			t.Errorf("Bundle.Close: %v", err)
		}
		<-ended
	})
	offer, err := far.CreateOffer(t.Context(), patience, false)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := party.AcceptOffer(t.Context(), offer, patience)
	if err != nil {
		t.Fatal(err)
	}
	if err := far.AcceptAnswer(t.Context(), answer); err != nil {
		t.Fatal(err)
	}
	return p
}

// voiced is a pair that sends sound of a level (RFC 6464).
type voiced struct {
	*pair
	level atomic.Uint32
}

// speaking has a party with a microphone, silent at first.
func speaking(t *testing.T, s *Session, name string) *voiced {
	t.Helper()
	numbers := &packet.Numbers{}
	if err := numbers.Set(packet.AudioLevel, 1); err != nil {
		t.Fatal(err)
	}
	v := &voiced{}
	v.level.Store(127)
	var track *lane.Track
	v.pair = sending(t, s, name, func(l *lane.Lane) []transport.BundleLine {
		track = l.NewTrack(lane.TrackConfig{Name: name, Kind: lane.Audio, Codec: simulcast.Opus, Clock: 48_000, Numbers: numbers})
		return []transport.BundleLine{{
			Name: "sound", Kind: transport.Audio, Send: track, StreamID: name, TrackID: name + "-audio",
			First: simulcast.Layer{},
		}}
	})
	ctx, cancel := context.WithCancel(context.Background())
	var talking sync.WaitGroup
	talking.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for n := uint32(0); ctx.Err() == nil; n++ {
			level := byte(v.level.Load())
			if level < 127 {
				level |= 0x80 // it is speech
			}
			if err := track.Write(levelled(n, level), lane.Now()); err != nil {
				t.Errorf("Write: %v", err)
			}
			track.Flush()
			<-tick.C
		}
	})
	t.Cleanup(func() { cancel(); talking.Wait(); track.Close() })
	return v
}

// levelled is a packet of sound with the extension in its one-byte form (RFC 8285).
func levelled(n uint32, level byte) []byte {
	packet := []byte{0x90, 111, byte(n >> 8), byte(n), 0, 0, 0, 0, 0, 0, 0, 1, 0xBE, 0xDE, 0, 1, 0x10, level, 0, 0, 0xFC, 1, 2, 3}
	binary.BigEndian.PutUint32(packet[4:], n*960)
	return packet
}

// await reads a party's events until one fits.
func await[T Event](t *testing.T, p *Party, what string, fits func(T) bool) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		event, err := p.Next(ctx)
		if err != nil {
			t.Fatalf("waited in vain for %s: %v", what, err)
		}
		if e, is := event.(T); is && (fits == nil || fits(e)) {
			return e
		}
	}
}

func TestParty_MessagesGoToThoseWhoHearThem(t *testing.T) {
	t.Parallel()
	s := session(t, Config{})
	a, b, c := bundled(t, s, "a"), bundled(t, s, "b"), bundled(t, s, "c")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b.Hear("a", "talk", true)
	for _, p := range []*pair{b, c} {
		if err := p.OpenChannel(ctx, "talk"); err != nil {
			t.Fatal(err)
		}
	}
	speaking, err := a.far.OpenChannel(ctx, "talk")
	if err != nil {
		t.Fatal(err)
	}
	long := bytes.Repeat([]byte("x"), longestMessage)
	for _, message := range [][]byte{[]byte("hello"), {}, long} {
		if err := speaking.Write(message, true); err != nil {
			t.Fatal(err)
		}
	}
	got := await[MessageReceived](t, a.Party, "its own message", nil)
	if got.Label != "talk" || string(got.Data) != "hello" || !got.Text {
		t.Errorf("told of %+v", got)
	}
	heard, buffer := <-b.channels, make([]byte, longestMessage)
	for _, want := range []int{5, 0, longestMessage} {
		if size, text, err := heard.Read(buffer); err != nil || !text || size != want {
			t.Errorf("b hears %d bytes, text %v, %v, want %d", size, text, err, want)
		}
	}
	if passed, dropped := s.Relayed(); passed != 3 || dropped != 0 {
		t.Errorf("%d messages were passed on, %d dropped", passed, dropped)
	}

	// Who has no channel loses them; who hears no more gets none.
	c.Hear("a", "other", true)
	other, err := a.far.OpenChannel(ctx, "other")
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Write([]byte("nobody can take it"), true); err != nil {
		t.Fatal(err)
	}
	until(t, "it is dropped", func() bool { _, dropped := s.Relayed(); return dropped == 1 })
	if err := c.Send("other", []byte("x"), true); !errors.Is(err, ErrChannel) {
		t.Errorf("Send without a channel: %v", err)
	}
}

func TestParty_WhoTakesNothingIsNotWrittenToForEver(t *testing.T) {
	t.Parallel()
	s := session(t, Config{})
	a := bundled(t, s, "a")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := a.OpenChannel(ctx, "talk"); err != nil {
		t.Fatal(err)
	}
	<-a.channels // and nobody reads
	until(t, "it is refused", func() bool {
		return errors.Is(a.Send("talk", make([]byte, longestMessage), false), ErrChannel)
	})
}

func TestSession_EndsWithEverybodyInIt(t *testing.T) {
	t.Parallel()
	s := session(t, Config{})
	a := bundled(t, s, "a")
	if _, err := s.Join("a", transport.BundleConfig{}); !errors.Is(err, ErrTaken) {
		t.Errorf("joining twice: %v", err)
	}
	s.Close()
	s.Close()
	if _, err := s.Join("b", transport.BundleConfig{}); !errors.Is(err, ErrClosed) {
		t.Errorf("joining behind the end: %v", err)
	}
	for {
		if _, err := a.Next(t.Context()); err != nil {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("the party ends with %v", err)
			}
			break
		}
	}
	if _, err := a.CreateOffer(t.Context(), 0, false); err == nil {
		t.Error("a party of a session that is over negotiates")
	}
	if _, err := a.Stats(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("its statistics: %v", err)
	}
	again, err := s.focus.Session("call")
	if err != nil || again == s {
		t.Errorf("the next session of the key is %p, was %p, %v", again, s, err)
	}
	s.focus.Close()
	if _, err := s.focus.Session("call"); !errors.Is(err, ErrClosed) {
		t.Errorf("a session of a focus that is closed: %v", err)
	}
}

func TestFocus_SessionsEndWithTheirLastParty(t *testing.T) {
	t.Parallel()
	f := New(Config{Network: network(t, transport.Config{}), Log: testLog()})
	t.Cleanup(f.Close)
	join := func(party string) *Party {
		t.Helper()
		p, err := f.Join("call", party, transport.BundleConfig{})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	a, b := join("a"), join("b")
	if _, err := f.Join("call", "a", transport.BundleConfig{}); !errors.Is(err, ErrTaken) {
		t.Errorf("joining twice: %v", err)
	}
	a.Leave()
	if sessions := f.Sessions(); len(sessions) != 1 || sessions[0] != b.Session() {
		t.Errorf("with one party left there are %v", sessions)
	}
	b.Leave()
	if sessions := f.Sessions(); len(sessions) > 0 {
		t.Errorf("with nobody left there are %v", sessions)
	}
	// Whoever comes while another one goes is in a session that lives.
	for range 100 {
		var going sync.WaitGroup
		last := join("a")
		going.Go(last.Leave)
		p := join("b")
		going.Wait()
		if sessions := f.Sessions(); len(sessions) != 1 || sessions[0] != p.Session() {
			t.Fatalf("b is in none of %v", sessions)
		}
		if _, err := p.Stats(t.Context()); err != nil {
			t.Fatalf("b is out: %v", err)
		}
		p.Leave()
	}
	kept, err := f.Session("call")
	if err != nil {
		t.Fatal(err)
	}
	join("a").Leave()
	if sessions := f.Sessions(); len(sessions) != 1 || sessions[0] != kept {
		t.Errorf("the session that was asked for has ended: %v", sessions)
	}
}

func TestParty_IsTakenOutWhenItIsLost(t *testing.T) {
	t.Parallel()
	s := session(t, Config{})
	never, err := s.Join("never calls", transport.BundleConfig{})
	if err != nil {
		t.Fatal(err)
	}
	there := bundled(t, s, "there")
	await(t, there.Party, "the connection", func(e StateChanged) bool { return e.State == transport.StateConnected })
	s.mail.Put(func() { s.focus.config.Patience = beat })
	gone := func(p *Party) {
		for {
			if _, err := p.Next(t.Context()); err != nil {
				return
			}
		}
	}
	gone(never)
	if _, err := there.Stats(t.Context()); err != nil {
		t.Errorf("who is connected is taken out: %v", err)
	}
	there.say(func() { there.changed(transport.StateDisconnected) })
	gone(there.Party)
}

func TestSession_HearsWhoSpeaks(t *testing.T) {
	t.Parallel()
	s := session(t, Config{})
	a, b := speaking(t, s, "a"), speaking(t, s, "b")
	a.level.Store(20)
	await(t, b.Party, "a speaks", func(e SpeakerChanged) bool { return e.Party == "a" })
	a.level.Store(127)
	b.level.Store(30)
	await(t, a.Party, "b speaks", func(e SpeakerChanged) bool { return e.Party == "b" })
	b.Leave()
	await(t, a.Party, "nobody speaks", func(e SpeakerChanged) bool { return e.Party == "" })
	if who := s.Speaker(); who != "" {
		t.Errorf("%q speaks", who)
	}
}

func TestParty_MutesWhatIsItsOwn(t *testing.T) {
	t.Parallel()
	s := session(t, Config{})
	a := join(t, s, "a", network(t, transport.Config{}), transport.ConnConfig{Video: camera(t, "a")})
	b := join(t, s, "b", network(t, transport.Config{}), transport.ConnConfig{})
	key := Key{"a", "a-video"}
	until(t, "it is published", func() bool { _, err := b.party.Subscribe(key, Wish{}); return err == nil })
	until(t, "it comes", func() bool { return b.got("a/a-video").samples > 20 })
	b.party.SetMuted(key, true) // not b's
	a.party.SetMuted(key, true)
	until(t, "b is told", func() bool { return told(b, func(e TrackChanged) bool { return e.Track.Muted }) == 1 })
	media := s.Tracks()[len(s.Tracks())-1].Media()
	until(t, "nothing more leaves", func() bool {
		before := media.Stats().Forwarded
		time.Sleep(100 * time.Millisecond)
		return media.Stats().Forwarded == before
	})
	before := b.got("a/a-video").samples
	a.party.SetMuted(key, false)
	until(t, "it comes again", func() bool { return b.got("a/a-video").samples > before+20 })
}

// Who hears that there is news looks at the tracks, and hears of it but once.
func TestSession_HasNewsBeforeItTells(t *testing.T) {
	t.Parallel()
	s := session(t, Config{})
	a, b := speaking(t, s, "a"), bundled(t, s, "b")
	heard := await[TrackPublished](t, b.Party, "a's sound", nil).Track
	for n := range 5000 {
		muted := n%2 == 0
		a.SetMuted(heard.Key, muted)
		await(t, b.Party, "whether it is muted", func(e TrackChanged) bool { return e.Track.Muted == muted })
		for _, track := range s.Tracks() {
			if track.Key == heard.Key && track.Muted != muted {
				t.Fatalf("time %d: told that it is muted %t, and it is %t yet", n, muted, track.Muted)
			}
		}
	}
}
