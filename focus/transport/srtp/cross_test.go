package srtp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/pion/rtp"
	pion "github.com/pion/srtp/v3"
)

// Ours and Pion's seal the same packets, which then cross a bad network to an
// opener of each. What the network does is drawn from bytes, so that the
// fuzzer can look for the order of things that tells the two apart.

func FuzzRTPAgainstPion(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(uint8(seed), script(seed, 400))
	}
	f.Add(uint8(1), bytes.Repeat([]byte{0xff, 0x7f}, 200)) // leaps
	f.Fuzz(func(t *testing.T, profile uint8, choices []byte) {
		newCrossing(t, profiles[int(profile)%len(profiles)], choices).run()
	})
}

func TestRTP_AgreesWithPionOnBadNetworks(t *testing.T) {
	for _, p := range profiles {
		t.Run(p.String(), func(t *testing.T) {
			for seed := range uint64(12) {
				newCrossing(t, p, script(seed, 3000)).run()
			}
		})
	}
}

func script(seed uint64, size int) []byte {
	r := rand.New(rand.NewPCG(seed, 3711))
	out := make([]byte, size)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

// crossing is one direction of a connection over a bad network.
type crossing struct {
	t       testing.TB
	choices []byte

	sealer      *Sealer
	opener      *Opener
	theirSealer *pion.Context
	theirOpener *pion.Context

	highest map[uint32]uint64 // SSRC → true index of the newest sealed
	sealed  map[trueIndex]bool
	late    []travelling
	arrived map[trueIndex]bool
	newest  map[uint32]uint64 // SSRC → true index of the newest that arrived
	parted  map[uint32]bool   // ours has found a stream that Pion has lost
}

type trueIndex struct {
	ssrc  uint32
	index uint64
}

type travelling struct {
	of            trueIndex
	plain, sealed []byte
}

func newCrossing(t testing.TB, p Profile, choices []byte) *crossing {
	s, o := ends(t, someMaster(t, p))
	return &crossing{
		t: t, choices: choices, sealer: s, opener: o,
		theirSealer: pionContext(t, p),
		theirOpener: pionContext(t, p, pion.SRTPReplayProtection(windowSize)),
		highest:     map[uint32]uint64{},
		sealed:      map[trueIndex]bool{},
		arrived:     map[trueIndex]bool{},
		newest:      map[uint32]uint64{},
		parted:      map[uint32]bool{},
	}
}

func (c *crossing) choose() int {
	if len(c.choices) == 0 {
		return 0
	}
	first := c.choices[0]
	c.choices = c.choices[1:]
	return int(first)
}

func (c *crossing) run() {
	for len(c.choices) > 0 {
		packet, ok := c.seal()
		if !ok {
			continue
		}
		switch fate := c.choose() % 16; {
		case fate < 8:
			c.deliver(packet)
		case fate < 11:
			c.late = append(c.late, packet)
		case fate < 12:
			c.deliver(packet)
			c.deliver(packet)
		case fate < 14:
			c.tamper(packet)
			c.deliver(packet)
		} // else lost
		if len(c.late) > 0 && c.choose()%4 == 0 {
			at := c.choose() % len(c.late)
			c.deliver(c.late[at])
			c.late = append(c.late[:at], c.late[at+1:]...)
		}
	}
}

// seal makes the next packet of one of three streams and compares what both
// make of it.
func (c *crossing) seal() (travelling, bool) {
	ssrc := uint32(c.choose()%3) * 0x9e3779b9
	of := trueIndex{ssrc, c.next(ssrc)}
	plain := c.plain(of)
	header := rtpHeader(plain)
	got, err := c.sealer.SealRTP(nil, plain[:header], plain[header:])
	if c.sealed[of] || c.highest[ssrc] >= of.index+windowSize {
		if !errors.Is(err, ErrReplayed) && !errors.Is(err, ErrOld) {
			c.t.Fatalf("sealed %x twice or far too late: %v", of, err)
		}
		return travelling{}, false
	}
	if err != nil {
		c.t.Fatalf("seal %x after %x: %v", of, c.highest[ssrc], err)
	}
	want, err := c.theirSealer.EncryptRTP(nil, plain, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		c.t.Fatalf("index %x after %x:\nours  %x\nPion's %x", of, c.highest[ssrc], got, want)
	}
	c.sealed[of] = true
	c.highest[ssrc] = max(c.highest[ssrc], of.index)
	return travelling{of, plain, got}, true
}

// next chooses the index: mostly the next, sometimes an earlier one, sometimes
// far ahead. The first of a stream is anywhere before the first rollover.
func (c *crossing) next(ssrc uint32) uint64 {
	highest, known := c.highest[ssrc]
	if !known {
		return uint64(c.choose())<<8 | uint64(c.choose())
	}
	switch step := c.choose(); {
	case step < 16:
		return highest - min(highest, uint64(c.choose())<<2)
	case step < 48: // not so far that the counter cannot be told
		return highest + uint64(c.choose())<<7
	case step < 64:
		return highest + 1<<15 - 1
	default:
		return highest + 1
	}
}

func (c *crossing) plain(of trueIndex) []byte {
	shape := c.choose()
	header := rtp.Header{
		Version: 2, PayloadType: uint8(shape & 0x7f), Marker: shape&1 != 0,
		SSRC: of.ssrc, SequenceNumber: uint16(of.index), Timestamp: uint32(of.index) * 90,
		CSRC: make([]uint32, shape%3),
	}
	if shape&8 != 0 {
		if err := header.SetExtension(5, []byte{1, byte(shape), 3}); err != nil {
			c.t.Fatal(err)
		}
	}
	plain, err := header.Marshal()
	if err != nil {
		c.t.Fatal(err)
	}
	for i := range c.choose() * 6 {
		plain = append(plain, byte(i)^byte(of.index))
	}
	return plain
}

// deliver gives a packet to both openers and compares what they make of it.
func (c *crossing) deliver(packet travelling) {
	of := packet.of
	failures := c.failures(of.ssrc)
	plain, err := c.opener.OpenRTP(bytes.Clone(packet.sealed))
	theirs, theirErr := c.theirOpener.DecryptRTP(nil, packet.sealed, nil)
	ok, theirOK := err == nil, theirErr == nil
	switch {
	case ok && c.arrived[of]:
		c.t.Fatalf("%x was opened twice", of)
	case ok && !bytes.Equal(plain, packet.plain):
		c.t.Fatalf("%x opened as %x, was %x", of, plain, packet.plain)
	case theirOK && !bytes.Equal(theirs, packet.plain):
		c.t.Fatalf("Pion opened %x as %x, was %x", of, theirs, packet.plain)
	case c.parted[of.ssrc]:
	case ok && !theirOK:
		if failures < lost {
			c.t.Fatalf("%x opened after %x, but Pion says %v", of, c.newest[of.ssrc], theirErr)
		}
		c.parted[of.ssrc] = true
	case !ok && theirOK:
		c.t.Fatalf("%x after %x: %v, but Pion opened it", of, c.newest[of.ssrc], err)
	}
	if ok {
		c.arrived[of] = true
		c.newest[of.ssrc] = max(c.newest[of.ssrc], of.index)
	}
}

func (c *crossing) failures(ssrc uint32) uint8 {
	if s := c.opener.media.find(ssrc); s != nil {
		return s.missed
	}
	return lost // nothing known: the first may be found a rollover later
}

// tamper changes one byte, or cuts the packet: neither opens it, or leaves
// anything behind.
func (c *crossing) tamper(packet travelling) {
	altered := bytes.Clone(packet.sealed)
	at := (c.choose()<<8 | c.choose()) % (len(altered) * 9 / 8)
	if at < len(altered) {
		altered[at] ^= byte(1 + c.choose()%255)
	} else {
		altered = altered[:len(altered)-1-c.choose()%len(altered)]
	}
	streams := c.opener.media.count
	if plain, err := c.opener.OpenRTP(altered); err == nil {
		c.t.Fatalf("altered at %d and opened: %x", at, plain)
	}
	if c.opener.media.count != streams {
		c.t.Fatalf("altered at %d: left a stream behind", at)
	}
}

func FuzzRTCPAgainstPion(f *testing.F) {
	f.Add(uint8(0), uint32(1), []byte("sender report"))
	f.Add(uint8(1), uint32(0), []byte(nil))
	f.Add(uint8(2), uint32(1<<31), bytes.Repeat([]byte("receiver report "), 60))
	f.Fuzz(func(t *testing.T, profile uint8, ssrc uint32, content []byte) {
		p := profiles[int(profile)%len(profiles)]
		s, o := ends(t, someMaster(t, p))
		theirSealer, theirOpener := pionContext(t, p), pionContext(t, p)
		plain := append([]byte{0x80, 200, 0, 0, 0, 0, 0, 0}, content...)
		binary.BigEndian.PutUint32(plain[4:], ssrc)
		for range 3 {
			got, err := s.SealRTCP(nil, plain)
			if err != nil {
				t.Fatal(err)
			}
			want, err := theirSealer.EncryptRTCP(nil, plain, nil)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("ours  %x\nPion's %x, %v", got, want, err)
			}
			if opened, err := theirOpener.DecryptRTCP(nil, got, nil); err != nil || !bytes.Equal(opened, plain) {
				t.Fatalf("Pion opens %x, %v", opened, err)
			}
			altered := bytes.Clone(got)
			altered[len(content)*7%len(altered)] ^= 0x20
			if opened, err := o.OpenRTCP(altered); err == nil {
				t.Fatalf("altered and opened: %x", opened)
			}
			if opened, err := o.OpenRTCP(bytes.Clone(want)); err != nil || !bytes.Equal(opened, plain) {
				t.Fatalf("opened %x, %v, want %x", opened, err, plain)
			}
			if _, err := o.OpenRTCP(bytes.Clone(want)); !errors.Is(err, ErrReplayed) {
				t.Fatalf("again: %v, want ErrReplayed", err)
			}
		}
	})
}

// Headers end where Pion's parser says; where it finds none, we may.
func FuzzHeaderAgainstPion(f *testing.F) {
	f.Add([]byte{0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 0x22, 1, 2, 3, 9})
	f.Add([]byte{0x8f, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3})
	f.Fuzz(func(t *testing.T, packet []byte) {
		var header rtp.Header
		want, err := header.Unmarshal(packet)
		got := rtpHeader(packet)
		if err == nil && header.Version == 2 && got != want {
			t.Fatalf("ends at %d, Pion says %d", got, want)
		}
		if got > len(packet) {
			t.Fatalf("ends at %d of %d", got, len(packet))
		}
	})
}

// Nothing that a stranger sends is opened, breaks anything or is kept.
func FuzzOpener_KeepsNothingOfStrangers(f *testing.F) {
	f.Add(uint8(0), bytes.Repeat([]byte{0x80}, 60))
	f.Add(uint8(1), append([]byte{0x9f, 96, 0, 1}, make([]byte, 100)...))
	f.Fuzz(func(t *testing.T, profile uint8, packet []byte) {
		_, o := ends(t, someMaster(t, profiles[int(profile)%len(profiles)]))
		if plain, err := o.OpenRTP(bytes.Clone(packet)); err == nil {
			t.Fatalf("RTP opened: %x", plain)
		}
		if plain, err := o.OpenRTCP(bytes.Clone(packet)); err == nil {
			t.Fatalf("RTCP opened: %x", plain)
		}
		if o.media.count+o.control.count > 0 {
			t.Fatal("a stream was kept")
		}
	})
}
