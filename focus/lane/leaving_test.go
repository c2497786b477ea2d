package lane

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"meshfocus/focus/packet"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// writer gives the extensions other numbers than publishers use.
func writer(t testing.TB, twoByte bool, of ...packet.Extension) *packet.Writer {
	t.Helper()
	numbers := &packet.Numbers{}
	for i, e := range of {
		if err := numbers.Set(e, uint8(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	return packet.NewWriter(numbers, twoByte)
}

// Points 31 and 32: one counter for the connection over sound, picture and what is
// sent again, given on leaving; the time is that of leaving.
func TestLeaving_TransportNumbersCountTheConnection(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	camera0, microphone := studio(t, l, alice)
	w := writer(t, false, packet.TransportNumber, packet.AbsSendTime)
	picture := bob.agree(camera0, SubscriptionConfig{SSRC: 2000, RTX: 2001, Writer: w})
	sound := bob.agree(microphone, SubscriptionConfig{SSRC: 3000, Writer: w})
	c, m := &camera{ssrc: 1000}, &voice{ssrc: 1500}
	for range 5 {
		show(alice, c, 1, picture)
		alice.send(m.packet())
		until(t, "all came", func() bool {
			return len(bob.got(2000))+len(bob.got(3000)) == int(picture.Stats().Packets)+len(bob.got(3000))
		})
		bob.nack(2000, bob.got(2000)[0].SequenceNumber)
	}
	until(t, "sound came", func() bool { return len(bob.got(3000)) == 5 })
	until(t, "a repeat came", func() bool { return len(bob.got(2001)) > 0 })
	_ = sound
	bob.mutex.Lock()
	defer bob.mutex.Unlock()
	for i, got := range bob.packets {
		number := got.GetExtension(1)
		if len(number) != 2 || binary.BigEndian.Uint16(number) != uint16(i) {
			t.Errorf("packet %d of SSRC %d has transport number %x", i, got.SSRC, number)
		}
		if len(got.GetExtension(2)) != 3 {
			t.Errorf("packet %d has no time of sending", i)
		}
	}
}

// studio has a peer publish a picture and a sound.
func studio(t testing.TB, l *Lane, p *peer, sound ...Format) (picture, voice *Track) {
	t.Helper()
	if len(sound) == 0 {
		sound = []Format{opusFormat()}
	}
	picture = l.NewTrack(TrackConfig{Name: "camera", Kind: Video})
	voice = l.NewTrack(TrackConfig{Name: "microphone", Kind: Audio})
	p.end.SetIncoming(Incoming{Numbers: extensions(t, packet.AudioLevel, packet.Orientation, packet.MID, packet.RID), Sections: []IncomingSection{
		{MID: "0", Track: picture, Formats: []Format{vp8Format()}, Sources: []Source{{SSRC: 1000, RTX: 1001}}},
		{MID: "1", Track: voice, Formats: sound, Sources: []Source{{SSRC: 1500}}},
	}})
	return picture, voice
}

// voice writes an Opus stream of 20 ms packets.
type voice struct {
	ssrc      uint32
	sequence  uint16
	timestamp uint32
}

func (v *voice) packet() *rtp.Packet {
	one := &rtp.Packet{Header: rtp.Header{
		Version: 2, PayloadType: opusType, SSRC: v.ssrc, SequenceNumber: v.sequence, Timestamp: v.timestamp,
	}, Payload: []byte{0x78, byte(v.sequence), 3, 4, 5}}
	v.sequence++
	v.timestamp += 960
	return one
}

// Points 32 and 33: the subscriber's numbers for extensions, its mid until it has
// reported, no rid, and what the publisher says of sound and picture.
func TestLeaving_ExtensionsAreTheSubscribers(t *testing.T) {
	for _, twoByte := range []bool{false, true} {
		l := running(t, Config{}, 1)
		alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
		picture, sound := studio(t, l, alice)
		name := "a section with a name of more than sixteen bytes"
		if !twoByte {
			name = "7"
		}
		w := writer(t, twoByte, packet.MID, packet.AudioLevel, packet.Orientation, packet.RID)
		video := bob.agree(picture, SubscriptionConfig{SSRC: 2000, MID: name, Writer: w})
		bob.agree(sound, SubscriptionConfig{SSRC: 3000, MID: "8", Writer: w})

		c, v := &camera{ssrc: 1000, rid: "h", mid: "0"}, &voice{ssrc: 1500}
		frame, word := c.frame(true, 2), v.packet()
		_ = frame[1].SetExtension(uint8(packet.Orientation), []byte{3})
		_ = word.SetExtension(uint8(packet.AudioLevel), []byte{0x85})
		alice.send(frame[0], word)
		until(t, "it began", func() bool { return len(bob.got(2000)) == 1 })
		alice.send(frame[1])
		until(t, "all came", func() bool { return len(bob.got(2000)) == 2 && len(bob.got(3000)) == 1 })
		got := append(bob.got(2000), bob.got(3000)...)
		for i, want := range [][4][]byte{
			{[]byte(name), nil, nil, nil},
			{[]byte(name), nil, {3}, nil},
			{[]byte("8"), {0x85}, nil, nil},
		} {
			for e := range want {
				if value := got[i].GetExtension(uint8(e + 1)); !bytes.Equal(value, want[e]) {
					t.Errorf("two-byte %v: packet %d has extension %d %q, not %q", twoByte, i, e+1, value, want[e])
				}
			}
		}

		bob.report(&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 2000}}})
		until(t, "the report was heard", func() bool { return video.Stats().Reports == 1 })
		show(alice, c, 1, video)
		until(t, "all came", func() bool { return len(bob.got(2000)) == 4 })
		if mid := bob.got(2000)[3].GetExtension(1); mid != nil {
			t.Errorf("mid %q after it was known", mid)
		}
	}
}

// Each subscriber gets the payload type it has agreed to, and a codec it has not
// agreed to not at all.
func TestLeaving_PayloadTypesAreTheSubscribers(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob, carol := connect(t, l, "alice"), connect(t, l, "bob"), connect(t, l, "carol")
	track := alice.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	sub := bob.agree(track, SubscriptionConfig{SSRC: 2000, RTX: 2001, Formats: []Format{
		{PayloadType: 45, Codec: simulcast.AV1, Clock: 90_000},
		{PayloadType: 120, RTX: 121, Codec: simulcast.VP8, Clock: 90_000},
		{PayloadType: 122, Codec: simulcast.VP8, Clock: 90_000},
	}})
	other := carol.agree(track, SubscriptionConfig{SSRC: 3000, Formats: []Format{{PayloadType: 45, Codec: simulcast.AV1, Clock: 90_000}}})
	show(alice, &camera{ssrc: 1000}, 3, sub)
	until(t, "all came", func() bool { return len(bob.got(2000)) == 6 })
	bob.nack(2000, bob.got(2000)[0].SequenceNumber)
	until(t, "a repeat came", func() bool { return len(bob.got(2001)) == 1 })
	for _, got := range append(bob.got(2000), bob.got(2001)...) {
		if want := map[uint32]uint8{2000: 120, 2001: 121}[got.SSRC]; got.PayloadType != want {
			t.Errorf("payload type %d", got.PayloadType)
		}
	}
	if n := other.Stats().Packets; n != 0 {
		t.Errorf("%d packets of a codec that nobody agreed to", n)
	}
}

// Point 36: redundant sound passes to who takes it, with the payload types it
// knows, and is unpacked for who does not.
func TestLeaving_RedundantSoundPassesOrIsUnpacked(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob, carol := connect(t, l, "alice"), connect(t, l, "bob"), connect(t, l, "carol")
	red := opusFormat()
	red.Red = redType
	_, sound := studio(t, l, alice, red)
	bob.agree(sound, SubscriptionConfig{SSRC: 2000, Formats: []Format{{PayloadType: 100, Red: 101, Codec: simulcast.Opus, Clock: 48_000}}})
	carol.agree(sound, SubscriptionConfig{SSRC: 3000, Formats: []Format{{PayloadType: 102, Codec: simulcast.Opus, Clock: 48_000}}})

	v := &voice{ssrc: 1500}
	before, now := v.packet(), v.packet()
	redundant := *now
	redundant.PayloadType = redType
	// One block of before, 960 ticks ago, then now (RFC 2198 section 3).
	redundant.Payload = append([]byte{0x80 | opusType, 960 >> 6, byte(960&63<<2) | byte(len(before.Payload)>>8), byte(len(before.Payload)), opusType},
		append(slices.Clone(before.Payload), now.Payload...)...)
	alice.send(before, &redundant)
	until(t, "all came", func() bool { return len(bob.got(2000)) == 2 && len(carol.got(3000)) == 2 })
	got := bob.got(2000)[1]
	want := slices.Clone(redundant.Payload)
	want[0], want[4] = 0x80|100, 100
	if got.PayloadType != 101 || !bytes.Equal(got.Payload, want) {
		t.Errorf("redundant: type %d, %x, not %x", got.PayloadType, got.Payload, want)
	}
	if got := carol.got(3000)[1]; got.PayloadType != 102 || !bytes.Equal(got.Payload, now.Payload) {
		t.Errorf("unpacked: type %d, %x, not %x", got.PayloadType, got.Payload, now.Payload)
	}
}

// Points 15 and 36: a pause of sound keeps time, a mute keeps numbers.
func TestLeaving_SilenceKeepsTimeAndMuteKeepsNumbers(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	_, sound := studio(t, l, alice)
	sub := bob.agree(sound, SubscriptionConfig{SSRC: 2000})
	v := &voice{ssrc: 1500}
	say := func() {
		before := sound.Stats().Packets
		alice.send(v.packet())
		until(t, "it came", func() bool { return sound.Stats().Packets > before })
	}
	say()
	v.timestamp += 48_000 / 5 // 200 ms of discontinuous transmission
	say()
	sound.SetMuted(true)
	say()
	say()
	sound.SetMuted(false)
	say()
	until(t, "what was not muted came", func() bool { return len(bob.got(2000)) == 3 })
	got := bob.got(2000)
	unbroken(t, got)
	if gap := got[1].Timestamp - got[0].Timestamp; gap != 960+48_000/5 {
		t.Errorf("the pause lasts %d", gap)
	}
	if n := sub.Stats().Packets; n != 3 {
		t.Errorf("%d packets", n)
	}
}

// A wider picture ID than the packet came with, as after a switch from a stream of 15
// bits to one of 7 (RFC 7741 section 4.2).
func TestAppendVP8_WidensTheIDAndKeepsTheRest(t *testing.T) {
	narrow := []byte{0x90, 0xE0, 0x05, 0x07, 0x60, 1, 2, 3} // X S; I L T; ID 5; TL0 7; TID 1 Y
	with := &leaving{pictureID: 0x1234, pictureBits: 15, tl0: 9}
	got := appendVP8([]byte{0xFF}, narrow, with)
	want := []byte{0xFF, 0x90, 0xE0, 0x92, 0x34, 0x09, 0x60, 1, 2, 3}
	if !bytes.Equal(got, want) {
		t.Errorf("%x, not %x", got, want)
	}
	with.pictureBits, with.pictureID = 7, 0x11
	if got, want := appendVP8(nil, narrow, with), []byte{0x90, 0xE0, 0x11, 0x09, 0x60, 1, 2, 3}; !bytes.Equal(got, want) {
		t.Errorf("%x, not %x", got, want)
	}
	if got := appendVP8(nil, []byte{0x80}, with); !bytes.Equal(got, []byte{0x80}) {
		t.Errorf("a broken payload became %x", got)
	}
}

// A pause sends nothing, and what follows begins with a key frame, goes on with the
// numbers, and says how much time has passed.
func TestAim_APauseKeepsNumbersAndTime(t *testing.T) {
	var clock atomic.Int64
	clock.Store(int64(Now()))
	now := func() unit.Instant { return unit.Instant(clock.Load()) }
	l := running(t, Config{Now: now}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := alice.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	sub := bob.watch(track, 2000)
	c := &camera{ssrc: 1000}
	show(alice, c, 3, sub)
	if now := sub.Current(); now == simulcast.None {
		t.Error("nothing is sent at present")
	}
	sub.Aim(simulcast.None)
	unseen := func(pictures int) {
		t.Helper()
		before := track.Stats().Packets
		for range pictures {
			alice.send(c.frame(false, 2)...)
		}
		until(t, "they came", func() bool { return track.Stats().Packets == before+int64(2*pictures) })
	}
	unseen(2)
	until(t, "it is paused", func() bool { return sub.Current() == simulcast.None })
	clock.Add(int64(10 * time.Second))
	c.timestamp += 10 * 90_000
	sub.Aim(simulcast.Layer{Spatial: 3, Temporal: 3})
	unseen(2) // no key frame yet
	c.picture = 0
	show(alice, c, 2, sub)
	until(t, "all came", func() bool { return len(bob.got(2000)) == 10 })
	got := bob.got(2000)
	unbroken(t, got)
	if passed := got[6].Timestamp - got[5].Timestamp; passed < 9*90_000 || passed > 11*90_000 {
		t.Errorf("%d ticks passed in 10 s", passed)
	}
	if tag := got[6].Payload[5] & 1; tag != 0 {
		t.Error("it does not go on with a key frame")
	}
}
