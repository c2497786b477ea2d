package cryptor

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"meshfocus/internal/secret"
)

// vector is a frame that WebCrypto encrypted; see testdata/vectors.mjs for how.
type vector struct {
	Name, Codec, KDF, Raw, AES, IV, Frame, Sealed string
	Ratchets, Clear, Escapes                      int
	Index                                         uint8
	SSRC, Timestamp                               uint32
	Count                                         uint64
}

var codecs = map[string]Codec{"Opus": Opus, "VP8": VP8, "VP9": VP9, "H264": H264, "H265": H265}

func vectors(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) < 10 {
		t.Fatalf("only %d vectors", len(file.Vectors))
	}
	return file.Vectors
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// key makes the key of a vector, before it is ratcheted.
func (v vector) key(t testing.TB) *Key {
	t.Helper()
	make := NewKey
	if v.KDF == "PBKDF2" {
		make = NewPhraseKey
	}
	key, err := make(secret.Of(unhex(t, v.Raw)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestVectors_OfWebCryptoComeOutTheSame(t *testing.T) {
	escaped := 0
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			key := v.key(t)
			for range v.Ratchets {
				next, err := key.Ratchet()
				if err != nil {
					t.Fatal(err)
				}
				key = next
			}
			derived, err := key.derive(key.raw.Reveal(), keySize)
			if err != nil || hex.EncodeToString(derived) != v.AES {
				t.Errorf("the AES key is %x, %v, want %s", derived, err, v.AES)
			}
			frame, want := unhex(t, v.Frame), unhex(t, v.Sealed)
			if clear, err := Clear(codecs[v.Codec], frame); clear != v.Clear || err != nil {
				t.Errorf("%d bytes are clear, %v, want %d", clear, err, v.Clear)
			}
			iv := (&Stream{ssrc: v.SSRC, count: v.Count}).Next(v.Timestamp)
			if hex.EncodeToString(iv[:]) != v.IV {
				t.Errorf("the IV is %x, want %s", iv, v.IV)
			}
			sealed, err := NewSealer(v.Index, key).Seal(nil, frame, codecs[v.Codec], iv)
			if err != nil || !bytes.Equal(sealed, want) {
				t.Errorf("sealed is\n%x, %v, want\n%x", sealed, err, want)
			}
			ring := NewRing(RingConfig{})
			ring.SetKey(v.Index, key)
			opened, err := ring.Open([]byte("before"), want, codecs[v.Codec])
			if err != nil || !bytes.Equal(opened, append([]byte("before"), frame...)) {
				t.Errorf("opened is\n%x, %v, want\n%x", opened, err, frame)
			}
		})
		escaped += v.Escapes
	}
	if escaped == 0 {
		t.Error("no vector is escaped")
	}
}

func TestRing_FindsARatchetedKeyWithinItsWindow(t *testing.T) {
	for _, v := range vectors(t) {
		if v.Ratchets == 0 || v.KDF == "PBKDF2" {
			continue
		}
		ring := NewRing(RingConfig{Ratchet: 10})
		ring.SetKey(v.Index, v.key(t))
		opened, err := ring.Open(nil, unhex(t, v.Sealed), codecs[v.Codec])
		if err != nil || hex.EncodeToString(opened) != v.Frame {
			t.Errorf("%s: %v", v.Name, err)
		}
		if len(ring.slots[v.Index].keys) != 1 {
			t.Errorf("%s: what opened did not take the place of what was there", v.Name)
		}
		short := NewRing(RingConfig{Ratchet: v.Ratchets - 1})
		short.SetKey(v.Index, v.key(t))
		if _, err := short.Open(nil, unhex(t, v.Sealed), codecs[v.Codec]); err != ErrForged {
			t.Errorf("%s: beyond the window the error is %v", v.Name, err)
		}
	}
}
