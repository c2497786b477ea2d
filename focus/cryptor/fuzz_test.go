package cryptor

import (
	"bytes"
	"testing"
)

func FuzzOpen_NeverPanicsAndOpensNothingForged(f *testing.F) {
	for codec := range sample {
		f.Add(uint8(codec), sealed(f, someKey(f, 2), 5, codec), false)
		f.Add(uint8(codec), sealed(f, someKey(f, 1), 5, codec), true)
	}
	f.Add(uint8(H264), []byte{0, 0, 1, 0x65, 0, 0, 3, 12, 5}, true)
	f.Fuzz(func(t *testing.T, codec uint8, frame []byte, known bool) {
		ring := NewRing(RingConfig{Ratchet: 2})
		if known {
			ring.SetKey(5, someKey(t, 1))
		}
		got, err := ring.Open([]byte("kept"), frame, Codec(codec))
		if err != nil && string(got) != "kept" {
			t.Fatalf("refused, and yet %x", got)
		}
		if err == nil && !known && len(frame) > 0 && !bytes.Equal(frame, silence) {
			t.Fatalf("%x opened without a key", frame)
		}
	})
}

func FuzzSeal_OpensToWhatItWas(f *testing.F) {
	for codec, frame := range sample {
		f.Add(uint8(codec), uint8(7), uint32(90_000), frame, uint16(3))
	}
	f.Fuzz(func(t *testing.T, codec, index uint8, timestamp uint32, frame []byte, at uint16) {
		key := someKey(t, index)
		whole, err := NewSealer(index, key).Seal(nil, frame, Codec(codec), NewStream(timestamp, at).Next(timestamp))
		if err != nil || len(whole) == 0 {
			return
		}
		ring := NewRing(RingConfig{})
		ring.SetKey(index, key)
		opened, err := ring.Open(nil, whole, Codec(codec))
		if err != nil || !bytes.Equal(opened, frame) {
			t.Fatalf("%x came back as %x, %v", frame, opened, err)
		}
		changed := bytes.Clone(whole)
		changed[int(at)%len(whole)] ^= byte(at>>8) | 1
		if got, err := ring.Open(nil, changed, Codec(codec)); err == nil && !bytes.Equal(got, silence) {
			t.Fatalf("changed at %d it opens to %x", int(at)%len(whole), got)
		}
	})
}
