package packet

import (
	"bytes"
	"testing"

	"github.com/pion/rtp"
)

// everyNumber knows an extension for each of the first numbers.
func everyNumber(t testing.TB) *Numbers {
	numbers := map[Extension]uint8{}
	for e := None + 1; e < extensions; e++ {
		numbers[e] = uint8(e)
	}
	numbers[SendOffset] = 16 // 15 is for nobody
	return extmap(t, numbers)
}

// What Parse and Elements read, Pion reads too, and the other way round.
func FuzzParse(f *testing.F) {
	for _, seed := range [][]byte{
		plain, with(0xA0, 1, 2, 2), with(0x82, 0, 0, 0, 1, 0, 0, 0, 2, 5),
		extended(0xBEDE, 0x10, 'm', 0x22, 1, 2, 3, 0, 0, 0xF3), extended(0x1000, 1, 3, 'm', 'i', 'd', 0, 15, 0, 16, 1, 7),
		extended(0x1001, 1, 0), extended(0xABCD, 1, 2, 3),
	} {
		f.Add(seed)
	}
	numbers := everyNumber(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		p := &Packet{Bytes: data}
		err := p.Parse(numbers)
		var theirs rtp.Packet
		judgement := theirs.Unmarshal(data)
		switch {
		case len(data) >= HeaderLen && data[0]>>6 != 2, len(data) > 1<<16-1:
			if err == nil {
				t.Fatal("no RTP, and was taken")
			}
			return // Pion does not look at either
		case (err == nil) != (judgement == nil):
			if p.Header.TwoByte && err != nil && judgement == nil {
				return // with bits of the application, which Pion does not read as elements
			}
			t.Fatalf("we say %v, Pion says %v", err, judgement)
		case err != nil:
			return
		}
		compare(t, p, &theirs, numbers)
	})
}

// compare wants both to have read the same.
func compare(t *testing.T, p *Packet, theirs *rtp.Packet, numbers *Numbers) {
	h := p.Header
	if h.SSRC != theirs.SSRC || h.Timestamp != theirs.Timestamp || h.Sequence != theirs.SequenceNumber ||
		h.PayloadType != theirs.PayloadType || h.Marker != theirs.Marker {
		t.Fatalf("%+v, Pion reads %+v", h, theirs.Header)
	}
	if !bytes.Equal(p.Payload(), theirs.Payload) {
		t.Fatalf("payload %x, Pion reads %x", p.Payload(), theirs.Payload)
	}
	if profile := theirs.ExtensionProfile; profile != oneByteProfile && profile != twoByteProfile {
		return
	}
	for e := None + 1; e < extensions; e++ {
		if got, want := p.Value(e), theirs.GetExtension(numbers.Number(e)); !bytes.Equal(got, want) {
			t.Fatalf("%v is %x, Pion reads %x", e, got, want)
		}
	}
}

// Whatever was read and is written anew can be read, by us and by Pion, and says
// what was asked for; where it has no room it still does not write elsewhere.
func FuzzWriter(f *testing.F) {
	f.Add(extended(0xBEDE, 0x10, 'm', 0x41, 1, 2), []byte("mid"), uint16(0xF731), true, false)
	f.Add(extended(0x1000, 12, 40, 1, 2), []byte(nil), uint16(0xFFFF), false, true)
	f.Add(plain, bytes.Repeat([]byte{7}, 255), uint16(1), true, true)
	numbers := everyNumber(f)
	f.Fuzz(func(t *testing.T, data, own []byte, which uint16, twoByte, padding bool) {
		p := &Packet{Bytes: data}
		if p.Parse(numbers) != nil || len(own) > 255 {
			return
		}
		// The subscriber's numbers go the other way, and some are missing.
		var theirs Numbers
		for e := None + 1; e < extensions; e++ {
			if number := uint8(extensions - e); which>>e&1 != 0 && number != 15 {
				if err := theirs.Set(e, number); err != nil {
					t.Fatal(err)
				}
			}
		}
		o := &Fields{SSRC: 1, Timestamp: 2, Sequence: which, PayloadType: 96, Marker: twoByte, Padding: padding,
			TransportNumber: 5, SendTime: 6, Own: []Element{{MID, own}}}
		out := NewWriter(&theirs, twoByte).Append(make([]byte, 0, len(data)), o, p)
		read := &Packet{Bytes: out}
		if padding {
			read.Bytes = AppendPadding(out, 1)
		}
		if err := read.Parse(&theirs); err != nil {
			t.Fatalf("we cannot read %x: %v", out, err)
		}
		if h := judge(t, out); h.SequenceNumber != which || h.Marker != twoByte || h.Padding != padding {
			t.Fatalf("wrote %+v", h)
		}
		for e := None + 1; e < extensions; e++ {
			want := expected(p, o, e)
			if theirs.Number(e) == 0 || !twoByte && (len(want) == 0 || len(want) > 16) {
				want = nil
			}
			if got := read.Value(e); !bytes.Equal(got, want) {
				t.Fatalf("%v is %x, want %x", e, got, want)
			}
		}
	})
}

// expected is what should be written of an extension.
func expected(p *Packet, o *Fields, e Extension) []byte {
	switch {
	case e == AbsSendTime:
		return []byte{0, 0, byte(o.SendTime)}
	case e == TransportNumber:
		return []byte{0, byte(o.TransportNumber)}
	case e == MID:
		return o.Own[0].Value
	case passed.Has(e):
		return p.Value(e)
	}
	return nil
}
