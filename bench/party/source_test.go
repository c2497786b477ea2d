package party

import (
	"bytes"
	"testing"
	"time"

	"meshfocus/bench/clip"
	"meshfocus/focus/feedback"
	"meshfocus/focus/packet"
	"meshfocus/simulcast"
	"meshfocus/simulcast/vp8"
)

// whole gives header and payload as one packet.
func whole(s *source, now int64, out numbers) []byte {
	out.media = 96
	header, payload := s.next(now, &wire{mid: "0", out: out}, 4711)
	return append(bytes.Clone(header), payload...)
}

func TestSource_LooksLikeVP8(t *testing.T) {
	s := newSource(7, 0, 1)
	s.pace(0, 90, 1) // three packets a frame
	first := int32(-1)
	for i := range 9 {
		now := int64(i) * int64(time.Second)
		data := whole(s, now, numbers{sendTime: 3})
		header, err := packet.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		if header.SSRC != 7 || header.PayloadType != 96 || header.Sequence != 7+uint16(i) || header.Marker != (i%3 == 2) {
			t.Errorf("packet %d has the header %+v", i, header)
		}
		if _, got, ok := clip.ReadStamp(data); !ok || got != now {
			t.Errorf("packet %d was sent at %d, %v", i, got, ok)
		}
		var info simulcast.Info
		if err := vp8.Inspect(header.Payload(data), header.Marker, &info); err != nil {
			t.Fatal(err)
		}
		if first < 0 {
			first = info.PictureID
		}
		if info.PictureID != first+int32(i/3) || info.Start != (i%3 == 0) || info.Key != (i == 0) {
			t.Errorf("packet %d reads as %+v", i, info)
		}
		if i == 4 {
			s.wantKey = false
		}
	}
}

func TestSource_SaysWhatAndWhen(t *testing.T) {
	s := newSource(1, 1, 3)
	s.pace(0, 60, 1)
	if s.interval != int64(time.Second)/30 {
		t.Errorf("the middle of three layers sends every %v", time.Duration(s.interval))
	}
	data := whole(s, int64(1500*time.Millisecond), numbers{mid: 1, rid: 2, sendTime: 5, transport: 6})
	header, err := packet.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	// One and a half seconds, 18 bits behind the point.
	want := []byte{1 << 4, '0', 2 << 4, 'h', 5<<4 | 2, 0x06, 0, 0, 6<<4 | 1, 4711 >> 8, 4711 & 0xff, 0}
	if got := data[header.ExtensionAt:header.ExtensionEnd]; !bytes.Equal(got, want) {
		t.Errorf("the extension is % x, want % x", got, want)
	}
	if number, ok := transportNumber(data, 6); !ok || number != 4711 {
		t.Errorf("the transport-wide number reads as %d, %v", number, ok)
	}
	if sent, ok := sendTime(data, 5); !ok || sent != 3<<17 {
		t.Errorf("the time of sending reads as %#x, %v", sent, ok)
	}
	for _, id := range []uint8{0, 5, 7} {
		if number, ok := transportNumber(data, id); ok {
			t.Errorf("under %d there is the number %d", id, number)
		}
	}
	if s.pace(0, 0, 1); s.interval != 0 {
		t.Error("a rate of 0 goes on")
	}
}

func TestSource_SendsAgain(t *testing.T) {
	s := newSource(1, 0, 1)
	w := &wire{mid: "0", out: numbers{media: 96, repair: 97, transport: 2}}
	_, payload := s.next(5, w, 1)
	first := bytes.Clone(payload)
	for range held - 1 {
		s.next(6, w, 1)
	}
	header, payload, ok := s.repeat(1, 7, w, 8)
	if !ok {
		t.Fatal("it is not held")
	}
	data := append(bytes.Clone(header), payload...)
	read, err := packet.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if read.SSRC != s.again || !read.Restore(data, s.ssrc, 96) || read.Sequence != 1 || !bytes.Equal(read.Payload(data), first) {
		t.Errorf("it came again as %+v", read)
	}
	s.next(6, w, 1)
	if _, _, ok := s.repeat(1, 7, w, 8); ok {
		t.Error("it is held for ever")
	}
	if _, _, ok := s.repeat(2, 7, &wire{}, 8); ok {
		t.Error("there is no way for it, and it was sent")
	}
}

func TestSink_CountsOverTheWrap(t *testing.T) {
	s := newSink(9, nil)
	for _, sequence := range []uint16{65533, 65534, 0, 65535, 3} { // 1 and 2 are missing, 65535 comes late
		s.count(sequence)
		s.receiver.Arrived(sequence, 0, 1)
	}
	if s.expected() != 7 || s.received != 5 {
		t.Errorf("%d of %d", s.received, s.expected())
	}
	report := s.report(1, 2)
	if report.SSRC != 9 || report.Lost != 2 || report.Highest != 65539 {
		t.Errorf("%+v", report)
	}
	if sampled := s.report(16, 3); sampled.Lost != 0 || sampled.Fraction != 0 {
		t.Errorf("of a sample %+v", sampled)
	}
	if newSink(1, nil).expected() != 0 {
		t.Error("nothing was received and something expected")
	}
}

func TestMarks_KnowWhatCameBefore(t *testing.T) {
	var m marks
	for i, c := range []struct {
		sequence uint16
		fresh    bool
	}{
		{65530, true}, {65530, false}, {2, true}, {1, true}, {1, false}, {65530, false}, {65531, true},
		{2 + recent, true}, {2 + recent, false}, {3, true}, {3, false}, {20_000, true}, {19_000, true}, {19_000, false}, {20_000, false},
	} {
		if fresh := m.mark(c.sequence); fresh != c.fresh {
			t.Errorf("%d: %d is fresh: %v", i, c.sequence, fresh)
		}
	}
}

func TestFeigned_IsThePartAskedFor(t *testing.T) {
	const part = 1311 // of 65536: 2 %
	lost := 0
	for i := range 1 << 16 {
		if feigned(0xdeadbeef, uint16(i), part) {
			lost++
		}
	}
	if lost < part/2 || lost > part*2 {
		t.Errorf("%d of 65536, want %d", lost, part)
	}
}

func TestMaximum_ReadsAsItWasWritten(t *testing.T) {
	data := appendMaximum(nil, 5, most, []*sink{newSink(9, nil)})
	compound := feedback.Read(data)
	message, ok := compound.Next()
	if !ok || message.Kind != feedback.MaximumRate || message.Rate() > most || message.Rate() < most-most/100 {
		t.Errorf("% x reads as %+v, %v", data, message, message.Rate())
	}
}

// TestLayered_OffersLayers of the picture, and leaves the sound its source.
func TestLayered_OffersLayers(t *testing.T) {
	sources := []*source{newSource(1, 0, 2), newSource(2, 1, 2), newVoice(3, nil)}
	const sound = "v=0\r\nm=audio\r\na=ssrc:3 cname:x\r\n"
	got := layered(sound+"m=video\r\na=ssrc-group:FID 1 4\r\na=ssrc:1 cname:x\r\na=mid:0\r\n", sources)
	if want := sound + "m=video\r\na=mid:0\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send h;f\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	const one = "m=video\r\na=ssrc:1 cname:x\r\n"
	if got := layered(one, []*source{newSource(1, 0, 1), newVoice(3, nil)}); got != one {
		t.Errorf("of one layer %q", got)
	}
}

// TestFilm_GoesOnAtTheNextKeyFrame when one is asked for, at the pace of its file, and
// begins again where that ends.
func TestFilm_GoesOnAtTheNextKeyFrame(t *testing.T) {
	const ms = time.Millisecond
	file := &clip.Film{Codec: clip.VP8, Width: 320, Height: 180}
	for i, lasts := range []time.Duration{40 * ms, 20 * ms, 30 * ms, 50 * ms, 10 * ms} {
		size := 100
		if i == 1 {
			size = 150 * PayloadSize // more than leave together
		}
		file.Frames = append(file.Frames, clip.Frame{Data: bytes.Repeat([]byte{byte(i)}, size), Lasts: lasts, Key: i%3 == 0})
	}
	s := newSource(7, 0, 1)
	s.film = newFilm(3, Config{Film: file}, 0, 0)
	s.pace(0, 1, 1)
	w := &wire{mid: "0", out: numbers{media: 96}}
	const descriptor = 6
	begun := s.timestamp
	for i, c := range []struct {
		want  bool
		frame byte
		shown uint32 // ms since the first
	}{{true, 0, 0}, {false, 1, 40}, {false, 2, 60}, {false, 3, 90}, {false, 4, 140}, {false, 0, 150}, {true, 3, 190}, {true, 0, 240}, {true, 3, 280}} {
		s.wantKey = c.want
		s.interval = s.lasts()
		packets := s.film.capture(1<<40+int64(i), s.wantKey)
		var got []byte
		for n := range packets {
			header, payload := s.next(0, w, 0)
			read, err := packet.Parse(append(bytes.Clone(header), payload...))
			if err != nil || read.Marker != (n == packets-1) || read.Timestamp-begun != c.shown*clock/1000 {
				t.Fatalf("frame %d, packet %d of %d: %+v, %v", i, n, packets, read, err)
			}
			if from, at, ok := clip.ReadStamp(payload); n == packets-1 && (!ok || from != 3 || at != 1<<40+int64(i)) {
				t.Errorf("frame %d: stamped %d, %d, %v", i, from, at, ok)
			}
			got = append(got, payload[descriptor:]...)
		}
		if want := file.Frames[c.frame]; !bytes.HasPrefix(got, want.Data) || s.interval != int64(want.Lasts) || s.wantKey {
			t.Errorf("frame %d is % x… and lasts %v, want number %d", i, got[:4], time.Duration(s.interval), c.frame)
		}
	}
	// What is left out takes its time, and comes later.
	before := s.timestamp
	s.interval = s.lasts()
	s.skip()
	if s.timestamp != before+50*clock/1000 || s.film.next != 4 {
		t.Errorf("after a skip it is at %d, frame %d", s.timestamp-before, s.film.next)
	}
}

// TestVoice_SaysHowLoudItIs in the header, by the element of RFC 6464.
func TestVoice_SaysHowLoudItIs(t *testing.T) {
	s := newVoice(1, nil)
	for silent, want := range map[bool]byte{false: 0x80 | 20, true: 127} {
		s.silent = silent
		header, _ := s.say(0, &wire{voice: numbers{media: 111, level: 5}})
		if !bytes.Contains(header[12:], []byte{5 << 4, want}) {
			t.Errorf("silent %v: % x", silent, header)
		}
	}
}
