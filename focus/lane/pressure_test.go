package lane

import (
	"testing"
	"time"

	"meshfocus/simulcast"
)

// still makes a lane whose send loop stands still.
func still(t *testing.T) *Lane {
	t.Helper()
	l := New(Config{})
	t.Cleanup(l.mail.end)
	return l
}

// handed empties a lane's mailbox, and gives its parcels in order.
func handed(l *Lane) (parcels []parcel) {
	var batches []*batch
	var letters []letter
	for l.mail.collect(&batches, &letters) {
		for _, b := range batches {
			parcels = append(parcels, b.parcels...)
			for i := range b.parcels {
				b.parcels[i].release()
			}
			l.mail.sent(len(b.parcels), b.packets)
		}
		l.mail.recycle(batches, letters)
	}
	return parcels
}

// stage is two local tracks, and Ends on lanes that watch them.
type stage struct {
	t              *testing.T
	lane           *Lane
	picture, sound *Track
	camera         camera
	voice          voice
	said           int
}

func newStage(t *testing.T) *stage {
	t.Helper()
	l := still(t)
	s := &stage{
		t: t, lane: l, camera: camera{ssrc: 1}, voice: voice{ssrc: 2},
		picture: l.NewTrack(TrackConfig{Kind: Video, Codec: simulcast.VP8}),
		sound:   l.NewTrack(TrackConfig{Kind: Audio, Codec: simulcast.Opus}),
	}
	t.Cleanup(s.picture.Close)
	t.Cleanup(s.sound.Close)
	return s
}

func (s *stage) watch(l *Lane, count int) (first *Subscription) {
	s.t.Helper()
	for range count {
		e := l.NewEnd(EndConfig{})
		s.t.Cleanup(e.Close)
		for i, track := range []*Track{s.picture, s.sound} {
			sub, err := e.Subscribe(track, SubscriptionConfig{
				SSRC: uint32(10 + i), Formats: []Format{vp8Format(), opusFormat()}, First: simulcast.Layer{Spatial: 3, Temporal: 3},
			})
			if err != nil {
				s.t.Fatal(err)
			}
			if first == nil {
				first = sub
			}
		}
	}
	return first
}

// play writes a picture of three packets and a packet of sound.
func (s *stage) play(key bool) {
	s.t.Helper()
	now := s.lane.now()
	for _, one := range s.camera.frame(key, 3) {
		put(s.t, s.picture, now, one)
	}
	s.picture.Flush()
	put(s.t, s.sound, now, s.voice.packet())
	s.sound.Flush()
	s.said++
}

// A lane that stands still loses pictures, whole ones and never a number, and no
// sound; nobody else loses anything, and it goes on with a key frame.
func TestPressure_ShedsWholePicturesAndNoSound(t *testing.T) {
	s := newStage(t)
	slow, quick := still(t), still(t)
	sub := s.watch(slow, 20)
	s.watch(quick, 2)
	s.play(true)
	other := len(handed(quick))
	for range 350 { // 1050 packets of pictures are more than the lane takes
		s.play(false)
		other += len(handed(quick))
	}
	if full := slow.fullness(); full <= shedAbove || full >= 100 {
		t.Fatalf("the slow lane is %d %% full", full)
	}
	if want := 2 * 4 * 351; other != want {
		t.Errorf("%d of %d parcels for others", other, want)
	}
	parcels := handed(slow)
	if pictures := wholeAndUnbroken(t, parcels); pictures == 0 || pictures >= 20*351 {
		t.Errorf("%d pictures were handed over", pictures)
	}
	if sound := parcelsOf(parcels, s.sound); sound != 20*s.said {
		t.Errorf("%d of %d packets of sound", sound, 20*s.said)
	}
	if shed := s.picture.Stats(); shed.Shed != 20 || shed.Overflowed != 0 {
		t.Errorf("shed %d, overflowed %d", shed.Shed, shed.Overflowed)
	}

	drain(s.picture)
	s.play(false) // there is room again: it waits for a key frame
	s.picture.tick(s.lane.now().Add(time.Second))
	if asked := len(s.picture.KeyFrameRequests()); asked != 1 {
		t.Errorf("asked for a key frame %d times", asked)
	}
	s.play(true)
	s.play(false)
	later := handed(slow)
	if pictures := wholeAndUnbroken(t, append(parcels, later...)); parcelsOf(later, s.picture) != 2*3*20 {
		t.Errorf("%d packets of pictures went on, %d pictures in all", parcelsOf(later, s.picture), pictures)
	}
	_ = sub
}

// drain forgets what was asked for.
func drain(track *Track) {
	for len(track.KeyFrameRequests()) > 0 {
		<-track.KeyFrameRequests()
	}
}

func parcelsOf(parcels []parcel, track *Track) (n int) {
	for i := range parcels {
		if parcels[i].stream.track == track {
			n++
		}
	}
	return n
}

// wholeAndUnbroken checks each subscription's numbers, and that pictures end where
// the next begins. It counts the pictures.
func wholeAndUnbroken(t *testing.T, parcels []parcel) (pictures int) {
	t.Helper()
	last := map[*Subscription]*parcel{}
	for i := range parcels {
		p := &parcels[i]
		before := last[p.sub]
		last[p.sub] = p
		if p.sub.kind == Video && p.out.Marker {
			pictures++
		}
		if before == nil {
			continue
		}
		if p.out.Sequence != before.out.Sequence+1 {
			t.Fatalf("number %d after %d", p.out.Sequence, before.out.Sequence)
		}
		if p.sub.kind == Video && p.out.Timestamp != before.out.Timestamp && !before.out.Marker {
			t.Fatal("a picture ended within")
		}
	}
	return pictures
}

// Sound goes on to the last slot, and even then nothing is kept that nobody counts.
func TestPressure_EvenSoundIsBounded(t *testing.T) {
	s := newStage(t)
	slow := still(t)
	s.watch(slow, 1)
	s.play(true)
	for range 2000 {
		now := s.lane.now()
		put(t, s.sound, now, s.voice.packet())
		s.sound.Flush()
		s.said++
	}
	if full := slow.fullness(); full != 100 {
		t.Errorf("the lane is %d %% full", full)
	}
	sound := parcelsOf(handed(slow), s.sound)
	if lost := s.sound.Stats().Overflowed; int64(sound)+lost != int64(s.said) || sound < mostPackets-10 {
		t.Errorf("%d came and %d were lost of %d", sound, lost, s.said)
	}
	if full := slow.fullness(); full != 0 {
		t.Errorf("an empty lane is %d %% full", full)
	}
}

// What is handed over to a lane that has ended is let go of.
func TestPressure_AnEndedLaneHoldsNothing(t *testing.T) {
	s := newStage(t)
	ended := still(t)
	s.watch(ended, 3)
	s.play(true)
	ended.mail.end()
	s.play(false)
	if n := ended.mail.parcels.Load(); n != 0 {
		t.Errorf("%d parcels wait", n)
	}
	s.picture.Close()
	s.sound.Close()
	for _, track := range []*Track{s.picture, s.sound} {
		if held := track.pen.reader.pool.Held(); held != 0 {
			t.Errorf("%d packets are held", held)
		}
	}
}
