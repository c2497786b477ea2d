package packet

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

// plain is a header without extension, of number 7.
var plain = []byte{0x80, 0x60, 0, 7, 0, 0, 0, 9, 1, 2, 3, 4}

// joined puts byte slices one behind another.
func joined(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// with is plain with another first byte.
func with(first byte, behind ...byte) []byte {
	data := joined(plain, behind)
	data[0] = first
	return data
}

func TestParse_ReadsHeaders(t *testing.T) {
	base := Header{SSRC: 0x01020304, Timestamp: 9, Sequence: 7, PayloadType: 96}
	of := func(change func(*Header)) Header {
		h := base
		change(&h)
		return h
	}
	cases := []struct {
		name string
		data []byte
		want Header
	}{
		{"no payload", plain, of(func(h *Header) { h.PayloadAt, h.PayloadEnd = 12, 12 })},
		{"payload", with(0x80, 1, 2, 3), of(func(h *Header) { h.PayloadAt, h.PayloadEnd = 12, 15 })},
		{"marker", joined([]byte{0x80, 0xE0}, plain[2:]), of(func(h *Header) { h.Marker, h.PayloadAt, h.PayloadEnd = true, 12, 12 })},
		{"contributing sources", with(0x82, 0, 0, 0, 1, 0, 0, 0, 2, 5), of(func(h *Header) { h.PayloadAt, h.PayloadEnd = 20, 21 })},
		{"padding", with(0xA0, 5, 0, 0, 3), of(func(h *Header) { h.PayloadAt, h.PayloadEnd = 12, 13 })},
		{"padding alone", with(0xA0, 0, 2), of(func(h *Header) { h.PayloadAt, h.PayloadEnd = 12, 12 })},
		{"one-byte extension", with(0x90, 0xBE, 0xDE, 0, 1, 0x10, 7, 0, 0, 5), of(func(h *Header) {
			h.ExtensionAt, h.ExtensionEnd, h.PayloadAt, h.PayloadEnd = 16, 20, 20, 21
		})},
		{"two-byte extension with bits of an application", with(0x90, 0x10, 0x05, 0, 1, 1, 1, 7, 0, 5), of(func(h *Header) {
			h.ExtensionAt, h.ExtensionEnd, h.TwoByte, h.PayloadAt, h.PayloadEnd = 16, 20, true, 20, 21
		})},
		{"an extension of nothing", with(0x90, 0xBE, 0xDE, 0, 0, 5), of(func(h *Header) {
			h.ExtensionAt, h.ExtensionEnd, h.PayloadAt, h.PayloadEnd = 16, 16, 16, 17
		})},
		{"another profile", with(0x90, 0x12, 0x34, 0, 1, 1, 1, 7, 0, 5), of(func(h *Header) { h.PayloadAt, h.PayloadEnd = 20, 21 })},
		{"all at once", with(0xB1, 0, 0, 0, 1, 0xBE, 0xDE, 0, 1, 0x10, 7, 0, 0, 5, 6, 0, 2), of(func(h *Header) {
			h.ExtensionAt, h.ExtensionEnd, h.PayloadAt, h.PayloadEnd = 20, 24, 24, 26
		})},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := Parse(c.data)
			if err != nil || got != c.want {
				t.Errorf("%+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}

func TestParse_RefusesWhatIsNone(t *testing.T) {
	cases := []struct {
		name string
		data []byte
		want error
	}{
		{"nothing", nil, ErrShort},
		{"a byte too short", plain[:11], ErrShort},
		{"version 1", with(0x40), ErrVersion},
		{"version 3", with(0xC0), ErrVersion},
		{"contributing sources beyond the end", with(0x82, 0, 0, 0, 1, 0, 0, 0), ErrShort},
		{"no length of the extension", with(0x90, 0xBE, 0xDE, 0), ErrShort},
		{"extension beyond the end", with(0x90, 0xBE, 0xDE, 0, 2, 0, 0, 0, 0, 0, 0, 0), ErrExtension},
		{"padding of no length", with(0xA0, 1, 0), ErrPadding},
		{"padding over the header", with(0xA0, 1, 3), ErrPadding},
		{"padding without a byte", with(0xA0), ErrPadding},
		{"longer than offsets", with(0x80, make([]byte, math.MaxUint16)...), ErrLong},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Parse(c.data); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestRestore_MakesTheOriginalOfWhatWasSentAgain(t *testing.T) {
	header := with(0xA0)
	data := AppendPadding(append(AppendOriginal(header, 65535), "payload"...), 5)
	h, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if !h.Restore(data, 99, 98) {
		t.Fatal("not restored")
	}
	if h.SSRC != 99 || h.PayloadType != 98 || h.Sequence != 65535 || h.Timestamp != 9 || string(h.Payload(data)) != "payload" {
		t.Errorf("restored as %+v with %q", h, h.Payload(data))
	}
}

func TestRestore_LeavesProbesAsTheyAre(t *testing.T) {
	for name, data := range map[string][]byte{
		"padding alone": AppendPadding(with(0xA0), 255),
		"a byte":        with(0x80, 1),
	} {
		h, err := Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		before := h
		if h.Restore(data, 99, 98) || h != before {
			t.Errorf("%s was restored as %+v", name, h)
		}
	}
}

func TestAppendPadding_IsWhatParseTakesOff(t *testing.T) {
	for n := 1; n <= 255; n++ {
		data := AppendPadding(with(0xA0, 1, 2, 3), uint8(n))
		h, err := Parse(data)
		if err != nil || len(data) != 15+n || !bytes.Equal(h.Payload(data), []byte{1, 2, 3}) {
			t.Fatalf("%d bytes: %d long, %v", n, len(data), err)
		}
	}
}

func TestDemultiplex_TellsByTheFirstBytes(t *testing.T) {
	want := func(first int) Protocol {
		switch {
		case first <= 3:
			return STUN
		case first < 20:
			return Unknown
		case first <= 63:
			return DTLS
		case first <= 79:
			return Channel
		case first >= 128 && first <= 191:
			return RTP
		}
		return Unknown
	}
	for first := range 256 {
		if got := Demultiplex([]byte{byte(first), 0}); got != want(first) {
			t.Errorf("first byte %d: %d, want %d", first, got, want(first))
		}
	}
	for second := range 256 {
		rtcp := second >= 192 && second <= 223
		if got := Demultiplex([]byte{0x80, byte(second)}); (got == RTCP) != rtcp || (got == RTP) == rtcp {
			t.Errorf("second byte %d: %d", second, got)
		}
	}
	if Demultiplex(nil) != Unknown || Demultiplex([]byte{0x80}) != Unknown {
		t.Error("something was made of less than two bytes")
	}
}
