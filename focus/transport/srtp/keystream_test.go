package srtp

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"
)

// FuzzKeystream holds the counter mode that GCM lends against the one there is.
func FuzzKeystream(f *testing.F) {
	f.Add([]byte("key"), []byte("salt"), uint32(7), uint64(0), 1200)
	f.Add([]byte{}, []byte{}, uint32(0), uint64(0), 0)
	f.Add(script(1, 32), script(2, 14), uint32(1<<32-1), uint64(1<<48-1), 65535)
	f.Fuzz(func(t *testing.T, key, salt []byte, ssrc uint32, index uint64, size int) {
		key = append(key, make([]byte, 32)...)[:16+len(key)%2*16]
		salt = append(salt, make([]byte, 14)...)[:14]
		index %= rtpIndices
		plain := script(index, size&0xffff)

		k, err := newKeystream(key, salt)
		if err != nil {
			t.Fatal(err)
		}
		// Twice, first with another rollover counter, then in place.
		elsewhere := make([]byte, len(plain))
		k.xor(elsewhere, plain, ssrc^1, index)
		got := bytes.Clone(plain)
		k.xor(got, got, ssrc, index)

		if want := counterMode(t, key, salt, plain, ssrc, index); !bytes.Equal(got, want) {
			t.Errorf("SSRC %x, index %x, %d bytes:\n%x, want\n%x", ssrc, index, len(plain), got, want)
		}
		if want := counterMode(t, key, salt, plain, ssrc^1, index); !bytes.Equal(elsewhere, want) {
			t.Error("another SSRC, not in place: not the same")
		}
	})
}

// counterMode encrypts as RFC 3711 section 4.1.1 is written.
func counterMode(t *testing.T, key, salt, plain []byte, ssrc uint32, index uint64) []byte {
	t.Helper()
	aesBlock, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	var iv, counts [aes.BlockSize]byte
	copy(iv[:], salt)
	binary.BigEndian.PutUint32(counts[4:], ssrc)
	binary.BigEndian.PutUint64(counts[8:], index<<16)
	for i := range iv {
		iv[i] ^= counts[i]
	}
	out := make([]byte, len(plain))
	cipher.NewCTR(aesBlock, iv[:]).XORKeyStream(out, plain)
	return out
}

func TestElement_MultipliesAsAFieldDoes(t *testing.T) {
	one := element{high: 1 << 63}
	number := rapid.Custom(func(t *rapid.T) element {
		return element{rapid.Uint64().Draw(t, "high"), rapid.Uint64().Draw(t, "low")}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := number.Draw(t, "a"), number.Draw(t, "b"), number.Draw(t, "c")
		if a.times(one) != a {
			t.Fatal("one changes a number")
		}
		if a.times(b) != b.times(a) {
			t.Fatal("the order matters")
		}
		if a.times(b.plus(c)) != a.times(b).plus(a.times(c)) {
			t.Fatal("a sum is not multiplied by parts")
		}
		if a.times(b).times(c) != a.times(b.times(c)) {
			t.Fatal("the grouping matters")
		}
		if a != (element{}) && a.times(a.inverse()) != one {
			t.Fatal("a number times its inverse is not one")
		}
		if n := rapid.IntRange(0, 127).Draw(t, "n"); a.shifted(n) != a.times(one.shifted(n)) {
			t.Fatalf("shifting by %d is not multiplying by x^%d", n, n)
		}
	})
}
