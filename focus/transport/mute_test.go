package transport

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtp"
)

func TestLocalTrack_MutedPictureSendsNothingAndComesBackWithAKeyFrame(t *testing.T) {
	track := newTrack(t, VP8)
	b := bind(t, track)
	write := func(key bool) {
		t.Helper()
		if err := track.WriteSample(Sample{Data: vp8Frame(key)[:500], Duration: 40 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
	}
	write(true)
	track.SetMuted(true)
	if !track.Muted() {
		t.Error("the track does not say that it is muted")
	}
	for range 10 {
		write(true)
	}
	if len(b.headers) != 1 {
		t.Fatalf("%d packets, want the one from before", len(b.headers))
	}
	track.SetMuted(false)
	select {
	case <-track.KeyFrameRequests():
	default:
		t.Error("no key frame is asked of the source")
	}
	write(false)
	write(false)
	write(true)
	write(false)
	if len(b.headers) != 3 {
		t.Fatalf("%d packets, want three: none before the key frame", len(b.headers))
	}
	first, second := b.headers[0], b.headers[1]
	if second.SequenceNumber != first.SequenceNumber+1 || second.Timestamp != first.Timestamp+13*3600 {
		t.Errorf("it goes on at %d, %d ticks later; want the next number and 13 frames of time",
			second.SequenceNumber, second.Timestamp-first.Timestamp)
	}
}

func TestLocalTrack_MutedSoundIsSilence(t *testing.T) {
	track := newTrack(t, Opus)
	b := bind(t, track)
	write := func(count int) {
		t.Helper()
		for range count {
			if err := track.WriteSample(Sample{Data: []byte{0xf8, 1, 2, 3}, Duration: 20 * time.Millisecond}); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(1)
	track.SetMuted(true)
	write(101)
	track.SetMuted(false)
	write(1)
	if len(b.headers) != 1+6+1 {
		t.Fatalf("%d packets, want a silent one every 400 ms", len(b.headers))
	}
	for i, payload := range b.payloads {
		silent := bytes.Equal(payload, silentFrame)
		if want := i > 0 && i < 7; silent != want {
			t.Errorf("packet %d is silent: %v", i, silent)
		}
		if i > 0 && b.headers[i].SequenceNumber != b.headers[i-1].SequenceNumber+1 {
			t.Errorf("packet %d leaves a hole", i)
		}
	}
	if passed := b.headers[7].Timestamp - b.headers[0].Timestamp; passed != 102*960 {
		t.Errorf("time went on by %d ticks, want 102 frames", passed)
	}
}

func TestLocalTrack_MutedInputGoesOnWithoutAHole(t *testing.T) {
	track := newTrack(t, VP8)
	b := bind(t, track)
	send := func(sequence uint16, key bool) {
		t.Helper()
		packet := rtp.Packet{
			Header:  rtp.Header{Version: 2, SSRC: 9, SequenceNumber: sequence, Timestamp: uint32(sequence) * 3000, Marker: true},
			Payload: append([]byte{0x10}, vp8Frame(key)[:100]...),
		}
		raw, err := packet.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if err := track.WriteRTP(raw); err != nil {
			t.Fatal(err)
		}
	}
	send(1, true)
	track.SetMuted(true)
	for sequence := range uint16(20) {
		send(2+sequence, true)
	}
	track.SetMuted(false)
	send(22, false)
	send(23, true)
	send(24, false)
	if len(b.headers) != 3 {
		t.Fatalf("%d packets, want three", len(b.headers))
	}
	for i := 1; i < 3; i++ {
		if b.headers[i].SequenceNumber != b.headers[i-1].SequenceNumber+1 {
			t.Errorf("packet %d leaves a hole", i)
		}
	}
}
