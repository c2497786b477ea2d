package srtp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// rtpPacket is a packet in the clear.
func rtpPacket(ssrc uint32, sequence uint16) []byte {
	p := append([]byte{0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "what was said and shown"...)
	binary.BigEndian.PutUint16(p[2:], sequence)
	binary.BigEndian.PutUint32(p[8:], ssrc)
	return p
}

func rtcpPacket(ssrc uint32) []byte {
	p := append([]byte{0x80, 200, 0, 6, 0, 0, 0, 0}, "how it has been going on"...)
	binary.BigEndian.PutUint32(p[4:], ssrc)
	return p
}

func seal(t testing.TB, s *Sealer, packet []byte) []byte {
	t.Helper()
	header := rtpHeader(packet)
	sealed, err := s.SealRTP(nil, packet[:header], packet[header:])
	if err != nil {
		t.Fatalf("seal %d: %v", binary.BigEndian.Uint16(packet[2:]), err)
	}
	return sealed
}

func sealControl(t testing.TB, s *Sealer, packet []byte) []byte {
	t.Helper()
	sealed, err := s.SealRTCP(nil, packet)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// wantOpen opens a packet and wants it to be as it was, or the error.
func wantOpen(t testing.TB, o *Opener, sealed, plain []byte, want error) {
	t.Helper()
	got, err := o.OpenRTP(bytes.Clone(sealed))
	if !errors.Is(err, want) || want == nil && !bytes.Equal(got, plain) {
		t.Errorf("number %d: %x, %v, want %x, %v", binary.BigEndian.Uint16(sealed[2:]), got, err, plain, want)
	}
}

// each runs a test with both ends under each profile.
func each(t *testing.T, test func(t *testing.T, s *Sealer, o *Opener)) {
	t.Helper()
	for _, p := range profiles {
		t.Run(p.String(), func(t *testing.T) {
			s, o := ends(t, someMaster(t, p))
			test(t, s, o)
		})
	}
}

func TestOpenRTP_FindsAStreamWhoseStartBeforeAWrapWasLost(t *testing.T) {
	each(t, func(t *testing.T, s *Sealer, o *Opener) {
		packets := map[uint16][]byte{}
		for i := range 12 {
			sequence := uint16(0xfffa + i)
			packets[sequence] = seal(t, s, rtpPacket(7, sequence))
		}
		wantOpen(t, o, packets[3], rtpPacket(7, 3), nil)
		wantOpen(t, o, packets[0xfffe], rtpPacket(7, 0xfffe), nil) // late, from before the wrap
		wantOpen(t, o, packets[4], rtpPacket(7, 4), nil)
		wantOpen(t, o, packets[3], nil, ErrReplayed)
		wantOpen(t, o, packets[0xfffe], nil, ErrReplayed)
	})
}

func TestOpenRTP_FollowsAcrossWraps(t *testing.T) {
	each(t, func(t *testing.T, s *Sealer, o *Opener) {
		sequence := uint16(0x7000)
		for range 20 { // five times round
			wantOpen(t, o, seal(t, s, rtpPacket(7, sequence)), rtpPacket(7, sequence), nil)
			sequence += 0x4000
		}
		if next := o.media.find(7).next; next>>16 < 4 {
			t.Errorf("after five rounds the next index is %#x", next)
		}
	})
}

// Half a round of numbers is 16 seconds of a large picture, about as long as a
// path may be gone before ICE gives it up.
func TestOpenRTP_FindsAStreamThatLostHalfARound(t *testing.T) {
	for name, start := range map[string]uint16{
		"back with numbers ahead of the last": 0x1001, "back with numbers behind the last": 0x0800,
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, s *Sealer, o *Opener) {
				wantOpen(t, o, seal(t, s, rtpPacket(7, 0x1000)), rtpPacket(7, 0x1000), nil)
				seal(t, s, rtpPacket(7, 0x7000)) // lost, as all between
				seal(t, s, rtpPacket(7, 0xd000))
				for i := range uint16(lost) {
					if _, err := o.OpenRTP(seal(t, s, rtpPacket(7, start+i))); err == nil {
						t.Fatal("opened a packet out of the order that is meant")
					}
				}
				for i := range uint16(4) {
					next := start + lost + i
					wantOpen(t, o, seal(t, s, rtpPacket(7, next)), rtpPacket(7, next), nil)
				}
			})
		})
	}
}

// Who plays back old packets does not make a live stream lose count.
func TestOpenRTP_IsNotMisledByOldPackets(t *testing.T) {
	each(t, func(t *testing.T, s *Sealer, o *Opener) {
		old := seal(t, s, rtpPacket(7, 1))
		wantOpen(t, o, old, rtpPacket(7, 1), nil)
		wantOpen(t, o, seal(t, s, rtpPacket(7, 5000)), rtpPacket(7, 5000), nil)
		for range 10 {
			wantOpen(t, o, old, nil, ErrOld)
		}
		wantOpen(t, o, seal(t, s, rtpPacket(7, 5001)), rtpPacket(7, 5001), nil)
		for range 10 {
			wantOpen(t, o, old, nil, ErrOld)
		}
	})
}

func TestOpener_TakesNothingThatWasAltered(t *testing.T) {
	each(t, func(t *testing.T, s *Sealer, o *Opener) {
		sealed := seal(t, s, rtpPacket(7, 100))
		for at := range sealed {
			altered := bytes.Clone(sealed)
			altered[at] ^= 4
			if plain, err := o.OpenRTP(altered); err == nil {
				t.Errorf("altered at %d: %x", at, plain)
			}
		}
		control := sealControl(t, s, rtcpPacket(7))
		for at := range control {
			altered := bytes.Clone(control)
			altered[at] ^= 4
			if plain, err := o.OpenRTCP(altered); err == nil {
				t.Errorf("RTCP altered at %d: %x", at, plain)
			}
		}
		for end := range sealed {
			if plain, err := o.OpenRTP(bytes.Clone(sealed[:end])); err == nil {
				t.Errorf("cut to %d: %x", end, plain)
			}
		}
		for end := range control {
			if plain, err := o.OpenRTCP(bytes.Clone(control[:end])); err == nil {
				t.Errorf("RTCP cut to %d: %x", end, plain)
			}
		}
		wantOpen(t, o, sealed, rtpPacket(7, 100), nil) // still
	})
}

// A flood of forged SSRCs costs time, and nothing stays of it; forged packets
// of a live stream do not move its window.
func TestOpener_ForgetsForgedPackets(t *testing.T) {
	each(t, func(t *testing.T, s *Sealer, o *Opener) {
		first, second := seal(t, s, rtpPacket(7, 100)), seal(t, s, rtpPacket(7, 101))
		wantOpen(t, o, second, rtpPacket(7, 101), nil)
		forged := bytes.Clone(second)
		for i := range uint32(5000) {
			binary.BigEndian.PutUint32(forged[8:], i+100)
			wantOpen(t, o, forged, nil, ErrForged)
			binary.BigEndian.PutUint32(forged[8:], 7)
			binary.BigEndian.PutUint16(forged[2:], uint16(1000+i*13))
			if _, err := o.OpenRTP(bytes.Clone(forged)); err == nil {
				t.Fatal("opened a forged packet")
			}
		}
		if o.media.count != 1 || len(o.media.slots) != firstSlots {
			t.Errorf("%d streams in %d slots", o.media.count, len(o.media.slots))
		}
		wantOpen(t, o, first, rtpPacket(7, 100), nil)
		wantOpen(t, o, second, nil, ErrReplayed)
		if missed := o.media.find(7).missed; missed != 0 {
			t.Errorf("after a genuine packet the stream has still missed %d", missed)
		}
	})
}

// The peer itself may send with as many SSRCs as it likes: that does not open
// the door to replays, of none of its streams.
func TestOpener_IsNotMadeToForgetByManyStreams(t *testing.T) {
	each(t, func(t *testing.T, s *Sealer, o *Opener) {
		genuine := seal(t, s, rtpPacket(7, 100))
		wantOpen(t, o, genuine, rtpPacket(7, 100), nil)
		replayed := sealControl(t, s, rtcpPacket(7))
		control := func(sealed []byte, want error) {
			t.Helper()
			if _, err := o.OpenRTCP(bytes.Clone(sealed)); !errors.Is(err, want) {
				t.Errorf("RTCP: %v, want %v", err, want)
			}
		}
		control(replayed, nil)
		for i := range uint32(maxStreams - 1) {
			wantOpen(t, o, seal(t, s, rtpPacket(1000+i, 1)), rtpPacket(1000+i, 1), nil)
			control(sealControl(t, s, rtcpPacket(1000+i)), nil)
		}
		control(replayed, ErrOld)
		if _, err := o.OpenRTP(bytes.Clone(genuine)); err == nil {
			t.Error("opened a replayed packet")
		}
		header := rtpPacket(5, 1)
		if _, err := s.SealRTP(nil, header[:12], nil); !errors.Is(err, ErrStreams) {
			t.Errorf("sealing with one SSRC too many: %v, want ErrStreams", err)
		}
		other, _ := ends(t, someMaster(t, s.profile))
		wantOpen(t, o, seal(t, other, header), nil, ErrStreams)
		if _, err := s.SealRTCP(nil, rtcpPacket(5)); !errors.Is(err, ErrStreams) {
			t.Errorf("sealing RTCP with one SSRC too many: %v, want ErrStreams", err)
		}
		control(sealControl(t, other, rtcpPacket(5)), ErrStreams)
		control(sealControl(t, s, rtcpPacket(7)), nil)
		wantOpen(t, o, seal(t, s, rtpPacket(7, 101)), rtpPacket(7, 101), nil)
	})
}

func TestSealRTP_SealsAnIndexOnce(t *testing.T) {
	each(t, func(t *testing.T, s *Sealer, _ *Opener) {
		for _, sequence := range []uint16{10, 12, 11, 2000} {
			seal(t, s, rtpPacket(7, sequence))
		}
		for sequence, want := range map[uint16]error{10: ErrOld, 11: ErrOld, 2000: ErrReplayed} {
			packet := rtpPacket(7, sequence)
			dst := []byte("before")
			got, err := s.SealRTP(dst, packet[:12], packet[12:])
			if !errors.Is(err, want) || string(got) != "before" {
				t.Errorf("%d again: %q, %v, want %v", sequence, got, err, want)
			}
		}
		seal(t, s, rtpPacket(7, 1999))
	})
}

func TestSealer_EndsWhenItsIndicesDo(t *testing.T) {
	each(t, func(t *testing.T, s *Sealer, o *Opener) {
		s.media.begin(7, 1<<48-3)
		o.media.begin(7, 1<<48-3)
		last := rtpPacket(7, 0xfffe)
		wantOpen(t, o, seal(t, s, last), last, nil)
		last = rtpPacket(7, 0xffff)
		wantOpen(t, o, seal(t, s, last), last, nil)
		if _, err := s.SealRTP(nil, rtpPacket(7, 0)[:12], nil); !errors.Is(err, ErrExhausted) {
			t.Errorf("beyond the last rollover: %v, want ErrExhausted", err)
		}
		wantOpen(t, o, append(rtpPacket(7, 0), make([]byte, gcmTagLen)...), nil, ErrExhausted)

		s.control.begin(7, 1<<31-2)
		control := sealControl(t, s, rtcpPacket(7))
		if plain, err := o.OpenRTCP(control); err != nil || !bytes.Equal(plain, rtcpPacket(7)) {
			t.Errorf("last RTCP: %x, %v", plain, err)
		}
		if _, err := s.SealRTCP(nil, rtcpPacket(7)); !errors.Is(err, ErrExhausted) {
			t.Errorf("beyond the last RTCP index: %v, want ErrExhausted", err)
		}
	})
}

func TestOpenRTCP_TakesEachIndexOnceInAnyOrder(t *testing.T) {
	each(t, func(t *testing.T, s *Sealer, o *Opener) {
		var sealed [][]byte
		for range 5 {
			sealed = append(sealed, sealControl(t, s, rtcpPacket(7)))
		}
		for _, i := range []int{3, 0, 4, 2, 1} {
			if plain, err := o.OpenRTCP(bytes.Clone(sealed[i])); err != nil || !bytes.Equal(plain, rtcpPacket(7)) {
				t.Errorf("packet %d: %x, %v", i, plain, err)
			}
		}
		for i := range sealed {
			if _, err := o.OpenRTCP(bytes.Clone(sealed[i])); !errors.Is(err, ErrReplayed) {
				t.Errorf("packet %d again: %v, want ErrReplayed", i, err)
			}
		}
	})
}

// RTP and RTCP have keys of their own, and so has each direction.
func TestKeys_AreOfOneUseEach(t *testing.T) {
	for _, p := range profiles {
		t.Run(p.String(), func(t *testing.T) {
			material := script(1, p.MaterialLen())
			keys, err := NewKeys(p, material)
			if err != nil {
				t.Fatal(err)
			}
			client, _ := ends(t, keys.Client)
			_, server := ends(t, keys.Server)
			wantOpen(t, server, seal(t, client, rtpPacket(7, 1)), nil, ErrForged)
			rtp, rtcp, err := keys.Client.sessions()
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Equal(rtp.key, rtcp.key) || bytes.Equal(rtp.salt, rtcp.salt) {
				t.Error("RTP and RTCP share a key or salt")
			}
			if p == AES128CMSHA1 && bytes.Equal(rtp.authentication, rtcp.authentication) {
				t.Error("RTP and RTCP share an authentication key")
			}
		})
	}
}

func TestMalformedPackets_AreRefused(t *testing.T) {
	each(t, func(t *testing.T, s *Sealer, o *Opener) {
		long := make([]byte, 100)
		wrongVersion := append([]byte{0x40}, long...)
		extensionTooLong := append([]byte{0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0xbe, 0xde, 0xff, 0xff}, long...)
		noRoomForTag := append([]byte{0x8f}, make([]byte, 12+15*4-1)...)
		for name, packet := range map[string][]byte{
			"nothing": nil, "another version": wrongVersion,
			"extension beyond the end": extensionTooLong, "no room for a tag": noRoomForTag,
		} {
			if _, err := o.OpenRTP(bytes.Clone(packet)); !errors.Is(err, ErrMalformed) {
				t.Errorf("open %s: %v, want ErrMalformed", name, err)
			}
		}
		for name, header := range map[string][]byte{
			"nothing": nil, "another version": wrongVersion[:12],
			"half a header": extensionTooLong[:16], "more than a header": rtpPacket(7, 1),
		} {
			if _, err := s.SealRTP(nil, header, nil); !errors.Is(err, ErrMalformed) {
				t.Errorf("seal %s: %v, want ErrMalformed", name, err)
			}
		}
		for name, packet := range map[string][]byte{"nothing": nil, "another version": wrongVersion, "too short": {0x80, 200, 0, 0, 0, 0, 0}} {
			if _, err := o.OpenRTCP(bytes.Clone(packet)); !errors.Is(err, ErrMalformed) {
				t.Errorf("open RTCP, %s: %v, want ErrMalformed", name, err)
			}
			if _, err := s.SealRTCP(nil, packet); !errors.Is(err, ErrMalformed) {
				t.Errorf("seal RTCP, %s: %v, want ErrMalformed", name, err)
			}
		}
	})
}
