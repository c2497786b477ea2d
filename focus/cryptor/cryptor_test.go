package cryptor

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"meshfocus/internal/secret"
)

// someKey gives a key that belongs to a number.
func someKey(t testing.TB, number byte) *Key {
	t.Helper()
	key, err := NewKey(secret.Of(bytes.Repeat([]byte{number}, MinKey)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sample is a frame of each codec.
var sample = map[Codec][]byte{
	Opus: []byte("\x78sound"),
	VP8:  append([]byte{0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0xc0, 0x03, 0x68, 0x04}, make([]byte, 500)...),
	VP9:  []byte("\x82picture"),
	H264: append([]byte{0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x65, 0xb8}, make([]byte, 500)...),
	H265: append([]byte{0, 0, 0, 1, 0x26, 1}, make([]byte, 50)...),
}

// sealed seals the sample of a codec.
func sealed(t testing.TB, key *Key, index uint8, codec Codec) []byte {
	t.Helper()
	out, err := NewSealer(index, key).Seal(nil, sample[codec], codec, NewStream(1, 2).Next(3))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestClear_IsWhatForwardersRead(t *testing.T) {
	for _, test := range []struct {
		name  string
		codec Codec
		frame string
		want  int
		err   error
	}{
		{"sound", Opus, "\x78abc", 1, nil},
		{"no sound", Opus, "", 0, ErrNotFrame},
		{"key frame", VP8, "\x10\x02\x00\x9d\x01\x2a\xc0\x03\x68\x04...", 10, nil},
		{"key frame cut short", VP8, "\x10\x02\x00\x9d\x01\x2a\xc0\x03\x68", 0, ErrNotFrame},
		{"other frame", VP8, "\x11\x02\x00...", 3, nil},
		{"other frame cut short", VP8, "\x11\x02", 0, ErrNotFrame},
		{"VP9", VP9, "\x82", 0, nil},
		{"a slice", H264, "\x00\x00\x01\x41\x9a...", 5, nil},
		{"an IDR slice behind sets", H264, "\x00\x00\x00\x01\x67\x42\x00\x00\x00\x01\x68\xce\x00\x00\x01\x65\xb8...", 17, nil},
		{"zeros before the start", H264, "\x00\x00\x00\x00\x01\x65\xb8...", 7, nil},
		{"a slice of one byte", H264, "\x00\x00\x01\x65", 0, ErrNotFrame},
		{"sets alone", H264, "\x00\x00\x01\x67\x42\x00\x00\x01\x68\xce", 0, ErrNotFrame},
		{"no start code", H264, "\x65\xb8\x00\x00\x01\x65\xb8", 0, ErrNotFrame},
		{"nothing", H264, "", 0, ErrNotFrame},
		{"an IDR slice of H.265", H265, "\x00\x00\x01\x40\x01\x00\x00\x01\x26\x01\xaf", 10, nil},
		{"AV1", AV1, "\x12\x00", 0, ErrCodec},
		{"no codec", 0, "\x12\x00", 0, ErrCodec},
		{"a codec of tomorrow", 99, "\x12\x00", 0, ErrCodec},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, err := Clear(test.codec, []byte(test.frame)); got != test.want || err != test.err {
				t.Errorf("%d, %v, want %d, %v", got, err, test.want, test.err)
			}
		})
	}
}

func TestSealer_LeavesTheClearBytesAndNothingElse(t *testing.T) {
	for codec, frame := range sample {
		out := sealed(t, someKey(t, 1), 0, codec)
		clear, err := Clear(codec, out)
		if want, _ := Clear(codec, frame); clear != want || err != nil || !bytes.Equal(out[:clear], frame[:clear]) {
			t.Errorf("codec %d: of what was sealed %d bytes are clear, %v", codec, clear, err)
		}
		if len(frame)-clear > 16 && bytes.Contains(out, frame[clear:clear+16]) {
			t.Errorf("codec %d: the frame can be read", codec)
		}
		if codec.escapes() && (bytes.Contains(out[clear:], []byte{0, 0, 1}) || bytes.Contains(out[clear:], []byte{0, 0, 0})) {
			t.Errorf("codec %d: a unit seems to begin within", codec)
		}
	}
}

func TestOpen_RefusesEachByteThatWasChanged(t *testing.T) {
	for codec := range sample {
		whole := sealed(t, someKey(t, 1), 5, codec)
		for at := range whole {
			ring := NewRing(RingConfig{Ratchet: 1})
			ring.SetKey(5, someKey(t, 1))
			changed := bytes.Clone(whole)
			changed[at] ^= 1 << (at % 8)
			if got, err := ring.Open(nil, changed, codec); err == nil {
				t.Errorf("codec %d: changed at %d of %d it opens to %x", codec, at, len(whole), got)
			}
		}
		for size := 1; size < len(whole); size++ {
			ring := NewRing(RingConfig{})
			ring.SetKey(5, someKey(t, 1))
			if got, err := ring.Open(nil, whole[:size], codec); err == nil {
				t.Errorf("codec %d: cut to %d of %d it opens to %x", codec, size, len(whole), got)
			}
		}
	}
}

func TestOpen_SaysWhatIsWrong(t *testing.T) {
	good := sealed(t, someKey(t, 1), 5, VP8)
	with := func(change func(frame []byte) []byte) []byte { return change(bytes.Clone(good)) }
	for _, test := range []struct {
		name  string
		frame []byte
		codec Codec
		want  error
	}{
		{"another index", with(func(f []byte) []byte { f[len(f)-1] = 6; return f }), VP8, ErrNoKey},
		{"another IV length", with(func(f []byte) []byte { f[len(f)-2] = 13; return f }), VP8, ErrTrailer},
		{"in the clear", sample[VP8], VP8, ErrTrailer},
		{"changed", with(func(f []byte) []byte { f[20] ^= 1; return f }), VP8, ErrForged},
		{"a trailer and nothing else", []byte{0x11, 0, 0, 12, 5}, VP8, ErrShort},
		{"no trailer", []byte{0x11, 0, 0, 12}, VP8, ErrShort},
		{"a tag that is missing", append(make([]byte, 3+15+12), 12, 5), VP9, ErrForged},
		{"not of its codec", []byte{0x11}, VP8, ErrNotFrame},
		{"of a codec that cannot be", good, AV1, ErrCodec},
		{"too large", make([]byte, 2*MaxFrame+1), VP9, ErrTooLarge},
		{"too large inside", append(make([]byte, MaxFrame+Overhead-1), 12, 5), VP9, ErrTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			ring := NewRing(RingConfig{})
			ring.SetKey(5, someKey(t, 1))
			got, err := ring.Open([]byte("kept"), test.frame, test.codec)
			if err != test.want || string(got) != "kept" {
				t.Errorf("%q, %v, want nothing more and %v", got[:min(len(got), 20)], err, test.want)
			}
			if got, err := ring.Open(nil, good, VP8); err != nil || !bytes.Equal(got, sample[VP8]) {
				t.Errorf("a good one after it: %v", err)
			}
		})
	}
}

func TestRing_StopsTryingAKeyThatOpensNothing(t *testing.T) {
	ring := NewRing(RingConfig{})
	ring.SetKey(5, someKey(t, 2))
	ring.SetKey(6, someKey(t, 1))
	for i := range 2 * tolerance {
		want := ErrForged
		if i >= tolerance {
			want = ErrWorn
		}
		if _, err := ring.Open(nil, sealed(t, someKey(t, 1), 5, VP8), VP8); err != want {
			t.Fatalf("frame %d: %v, want %v", i, err, want)
		}
	}
	if _, err := ring.Open(nil, sealed(t, someKey(t, 1), 6, VP8), VP8); err != nil {
		t.Errorf("the key of another index: %v", err)
	}
	ring.SetKey(5, someKey(t, 1))
	if _, err := ring.Open(nil, sealed(t, someKey(t, 1), 5, VP8), VP8); err != nil {
		t.Errorf("the right key, which came later: %v", err)
	}
	if got, want := ring.Stats(), (Stats{Opened: 2, Forged: 2 * tolerance}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestRing_AFrameThatOpensForgivesThoseBefore(t *testing.T) {
	ring := NewRing(RingConfig{})
	ring.SetKey(5, someKey(t, 1))
	good := sealed(t, someKey(t, 1), 5, VP8)
	for range 5 {
		for range tolerance - 1 {
			bad := bytes.Clone(good)
			bad[20] ^= 1
			if _, err := ring.Open(nil, bad, VP8); err != ErrForged {
				t.Fatal(err)
			}
		}
		if _, err := ring.Open(nil, good, VP8); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRing_HoldsEveryIndexAndForgetsAll(t *testing.T) {
	ring := NewRing(RingConfig{})
	for index := range Keys {
		if err := ring.Set(uint8(index), secret.Of(bytes.Repeat([]byte{byte(index)}, 32))); err != nil {
			t.Fatal(err)
		}
	}
	for index := range Keys {
		key, err := NewKey(secret.Of(bytes.Repeat([]byte{byte(index)}, 32)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ring.Open(nil, sealed(t, key, uint8(index), Opus), Opus); err != nil {
			t.Errorf("index %d: %v", index, err)
		}
	}
	ring.Forget()
	if _, err := ring.Open(nil, sealed(t, someKey(t, 1), 200, Opus), Opus); err != ErrNoKey || ring.Has(200) {
		t.Errorf("after it forgot: %v", err)
	}
	if ring.Stats().Wanted != 200 {
		t.Errorf("the key that is missing is %d", ring.Stats().Wanted)
	}
}

func TestRing_PassesSilenceAndWhatIsEmpty(t *testing.T) {
	ring := NewRing(RingConfig{})
	for _, quiet := range [][]byte{nil, {}, silence} {
		if got, err := ring.Open(nil, quiet, Opus); err != nil || !bytes.Equal(got, quiet) {
			t.Errorf("%x: %x, %v", quiet, got, err)
		}
	}
	if _, err := ring.Open(nil, silence, VP8); err == nil {
		t.Error("silence is no picture")
	}
	if got, err := NewSealer(0, someKey(t, 1)).Seal(nil, nil, AV1, IV{}); err != nil || len(got) != 0 {
		t.Errorf("nothing was sealed to %x, %v", got, err)
	}
	if ring.Stats().Silent != 3 {
		t.Errorf("%+v", ring.Stats())
	}
}

func TestRing_PassesTheServersFramesOnlyWhereToldAndNotWithoutEnd(t *testing.T) {
	trailer := []byte("from the server")
	frame := append([]byte("black"), trailer...)
	if _, err := NewRing(RingConfig{}).Open(nil, frame, VP8); err == nil {
		t.Error("it was passed without leave")
	}
	ring := NewRing(RingConfig{Injected: trailer})
	ring.SetKey(5, someKey(t, 1))
	for range 2 {
		for i := range mostInjected + 5 {
			got, err := ring.Open(nil, frame, VP8)
			if i < mostInjected && (err != nil || string(got) != "black") || i >= mostInjected && err != ErrInjected {
				t.Fatalf("frame %d: %q, %v", i, got, err)
			}
		}
		if _, err := ring.Open(nil, sealed(t, someKey(t, 1), 5, VP8), VP8); err != nil {
			t.Fatal(err)
		}
	}
	if got := ring.Stats(); got.Injected != 2*mostInjected || got.Broken != 10 {
		t.Errorf("%+v", got)
	}
}

func TestKeys_HaveASizeAndAreNotPrinted(t *testing.T) {
	for size, want := range map[int]error{0: ErrKeySize, 15: ErrKeySize, 16: nil, 32: nil, 64: nil, 65: ErrKeySize} {
		key, err := NewKey(secret.Of(bytes.Repeat([]byte("k"), size)))
		if !errors.Is(err, want) {
			t.Errorf("%d bytes: %v, want %v", size, err, want)
		}
		if key != nil && fmt.Sprint(key) != "(hidden)" {
			t.Errorf("it prints as %v", key)
		}
	}
	if _, err := NewPhraseKey(secret.Bytes{}); err != ErrKeySize {
		t.Errorf("no passphrase: %v", err)
	}
	ring := NewRing(RingConfig{})
	ring.SetKey(1, someKey(t, 1))
	if err := ring.Set(1, secret.Of([]byte("short"))); err != ErrKeySize || !ring.Has(1) {
		t.Errorf("a bad key: %v; the one before is kept: %v", err, ring.Has(1))
	}
}

func TestRing_DoesNotRatchetPassphrasesOnAFrameThatSomebodySent(t *testing.T) {
	key, err := NewPhraseKey(secret.Of([]byte("a phrase")))
	if err != nil {
		t.Fatal(err)
	}
	ring := NewRing(RingConfig{Ratchet: MaxRatchet})
	ring.SetKey(5, key)
	if _, err := ring.Open(nil, sealed(t, someKey(t, 1), 5, VP8), VP8); err != ErrForged {
		t.Error(err)
	}
	if got := len(ring.slots[5].keys); got != 1 {
		t.Errorf("%d keys were derived", got)
	}
}

// A wrap of the count must not give an IV of before, as long as timestamps rise.
func TestStream_GivesNoIVTwiceWhileTimestampsDoNotWrap(t *testing.T) {
	seen := map[IV]bool{}
	stream := NewStream(1, 65000)
	timestamp := uint32(0)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 300_000 {
		// Several frames of one time, as of spatial layers, and steps of all sizes.
		if i%3 == 0 {
			timestamp += uint32(random.IntN(9000))
		}
		iv := stream.Next(timestamp)
		if seen[iv] {
			t.Fatalf("the IV of frame %d has been there", i)
		}
		seen[iv] = true
	}
}

func TestEscapes_AreTakenOutAgain(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		data := make([]byte, random.IntN(24))
		for i := range data {
			data[i] = byte(random.IntN(5)) % 4
		}
		escaped := appendEscaped(nil, data)
		for i := 2; i < len(escaped); i++ {
			if escaped[i] < 3 && escaped[i-1] == 0 && escaped[i-2] == 0 {
				t.Fatalf("%x is escaped to %x", data, escaped)
			}
		}
		if !mustEscape(data) && !bytes.Equal(escaped, data) {
			t.Fatalf("%x need not be escaped", data)
		}
		if !isEscaped(escaped) && !bytes.Equal(escaped, data) {
			t.Fatalf("%x does not look escaped", escaped)
		}
		if got := appendPlain(nil, escaped); !bytes.Equal(got, data) {
			t.Fatalf("%x comes back as %x", data, got)
		}
	}
}

func TestCryptor_AllocatesNothing(t *testing.T) {
	for codec := range sample {
		key := someKey(t, 1)
		sealer, stream, ring := NewSealer(5, key), NewStream(1, 2), NewRing(RingConfig{Ratchet: 10})
		ring.SetKey(5, key)
		out, back := make([]byte, 0, 4096), make([]byte, 0, 4096)
		timestamp := uint32(0)
		if got := testing.AllocsPerRun(100, func() {
			timestamp += 3000
			whole, err := sealer.Seal(out, sample[codec], codec, stream.Next(timestamp))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ring.Open(back, whole, codec); err != nil {
				t.Fatal(err)
			}
		}); got != 0 {
			t.Errorf("codec %d: %v allocations", codec, got)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	for _, size := range []int{80, 1200, 20_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			sealer, stream := NewSealer(5, someKey(b, 1)), NewStream(1, 2)
			frame, out := append([]byte{0x11}, make([]byte, size-1)...), make([]byte, 0, size+Overhead)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for i := range b.N {
				if _, err := sealer.Seal(out, frame, VP8, stream.Next(uint32(i))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, size := range []int{80, 1200, 20_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			key, ring := someKey(b, 1), NewRing(RingConfig{})
			ring.SetKey(5, key)
			whole, err := NewSealer(5, key).Seal(nil, append([]byte{0x11}, make([]byte, size-1)...), VP8, IV{})
			if err != nil {
				b.Fatal(err)
			}
			out := make([]byte, 0, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for range b.N {
				if _, err := ring.Open(out, whole, VP8); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
