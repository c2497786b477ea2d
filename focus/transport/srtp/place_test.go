package srtp

import (
	"bytes"
	"testing"
)

// Where packets lie: opened in place, sealed into an arena, no byte beside them
// touched, nothing allocated.

func TestOpen_TouchesNothingBesideThePacket(t *testing.T) {
	each(t, func(t *testing.T, s *Sealer, o *Opener) {
		for range 3 { // genuine, then replayed, then forged
			sealed := seal(t, s, rtpPacket(7, 0xfffe))
			control := sealControl(t, s, rtcpPacket(7))
			datagrams := bytes.Join([][]byte{[]byte("before"), sealed, control, []byte("behind")}, nil)
			first := datagrams[6 : 6+len(sealed)] // with capacity beyond it
			second := datagrams[6+len(sealed) : 6+len(sealed)+len(control)]
			plain, err := o.OpenRTP(first)
			if err != nil || &plain[0] != &first[0] {
				t.Fatalf("not opened in place: %v", err)
			}
			if !bytes.Equal(second, control) {
				t.Error("opening RTP changed what lies behind")
			}
			plain, err = o.OpenRTCP(second)
			if err != nil || &plain[0] != &second[0] {
				t.Fatalf("RTCP not opened in place: %v", err)
			}
			_, _ = o.OpenRTP(bytes.Clone(sealed))
			if !bytes.HasPrefix(datagrams, []byte("before")) || !bytes.HasSuffix(datagrams, []byte("behind")) {
				t.Errorf("beside the packets: %q … %q", datagrams[:6], datagrams[len(datagrams)-6:])
			}
			s, o = ends(t, someMaster(t, s.profile))
		}
	})
}

// A forged packet spoils nothing beside itself either, also when it is tried
// twice.
func TestOpen_ForgedPacketsSpoilOnlyThemselves(t *testing.T) {
	each(t, func(t *testing.T, s *Sealer, o *Opener) {
		for _, sequence := range []uint16{5, 0x9000} {
			sealed := seal(t, s, rtpPacket(7, sequence))
			sealed[len(sealed)-1] ^= 1
			datagram := append(bytes.Clone(sealed), "behind"...)
			if _, err := o.OpenRTP(datagram[:len(sealed)]); err == nil {
				t.Fatal("opened")
			}
			if !bytes.Equal(datagram[:12], sealed[:12]) || string(datagram[len(sealed):]) != "behind" {
				t.Error("header or neighbour changed")
			}
		}
	})
}

func TestSeal_AppendsWhereverHeaderAndPayloadLie(t *testing.T) {
	each(t, func(t *testing.T, s *Sealer, _ *Opener) {
		plain := rtpPacket(7, 1)
		want := seal(t, s, plain)
		for name, lay := range map[string]func() (dst, header, payload []byte){
			"all apart, no room": func() (dst, header, payload []byte) {
				return []byte("sent"), plain[:12], plain[12:]
			},
			"all apart, just room": func() (dst, header, payload []byte) {
				return append(make([]byte, 0, 4+len(want)), "sent"...), plain[:12], plain[12:]
			},
			"in place": func() (dst, header, payload []byte) {
				arena := append(append(make([]byte, 0, 4+len(want)), "sent"...), plain...)
				return arena[:4], arena[4:16], arena[16:]
			},
			"in place, no room": func() (dst, header, payload []byte) {
				arena := append([]byte("sent"), plain...)
				arena = arena[:len(arena):len(arena)]
				return arena[:4], arena[4:16], arena[16:]
			},
			"header in place": func() (dst, header, payload []byte) {
				arena := append(append(make([]byte, 0, 4+len(want)), "sent"...), plain[:12]...)
				return arena[:4], arena[4:16], plain[12:]
			},
		} {
			t.Run(name, func(t *testing.T) {
				s, _ := ends(t, someMaster(t, s.profile))
				kept := bytes.Clone(plain)
				dst, header, payload := lay()
				got, err := s.SealRTP(dst, header, payload)
				if err != nil || !bytes.Equal(got, append([]byte("sent"), want...)) {
					t.Errorf("%x, %v, want %x", got, err, want)
				}
				if cap(dst) >= len(got) && &got[0] != &dst[0] {
					t.Error("moved although there was room")
				}
				if !bytes.Equal(plain, kept) {
					t.Error("changed a payload that lay elsewhere")
				}
			})
		}
	})
}

func TestSealRTCP_AppendsWhereverThePacketLies(t *testing.T) {
	each(t, func(t *testing.T, s *Sealer, _ *Opener) {
		plain := rtcpPacket(7)
		want := sealControl(t, s, plain)
		s, _ = ends(t, someMaster(t, s.profile))
		arena := append(append(make([]byte, 0, 200), "sent"...), plain...)
		got, err := s.SealRTCP(arena[:4], arena[4:])
		if err != nil || !bytes.Equal(got[4:], want) || &got[0] != &arena[0] {
			t.Errorf("in place: %x, %v, want %x", got, err, want)
		}
	})
}

// Packets of no payload, and of all lengths about the ciphers' blocks.
func TestSeal_OpensAtEveryLength(t *testing.T) {
	each(t, func(t *testing.T, s *Sealer, o *Opener) {
		for size := range 150 {
			plain := append(rtpPacket(7, uint16(size))[:12], bytes.Repeat([]byte{byte(size)}, size)...)
			sealed := seal(t, s, plain)
			if len(sealed) != len(plain)+s.profile.RTPOverhead() {
				t.Fatalf("%d bytes became %d", len(plain), len(sealed))
			}
			wantOpen(t, o, sealed, plain, nil)
			control := append(rtcpPacket(7)[:8], plain[12:]...)
			sealedControl := sealControl(t, s, control)
			if len(sealedControl) != len(control)+s.profile.RTCPOverhead() {
				t.Fatalf("RTCP: %d bytes became %d", len(control), len(sealedControl))
			}
			if got, err := o.OpenRTCP(sealedControl); err != nil || !bytes.Equal(got, control) {
				t.Fatalf("RTCP of %d bytes: %x, %v", size, got, err)
			}
		}
	})
}

func TestHotPath_DoesNotAllocate(t *testing.T) {
	each(t, func(t *testing.T, s *Sealer, o *Opener) {
		const runs = 300
		arena := make([]byte, 0, 2048)
		sealed := make([]byte, 0, 2048)
		plain, control := rtpPacket(7, 0), rtcpPacket(7)
		sequence := uint16(0)
		next := func() {
			sequence++
			plain[2], plain[3] = byte(sequence>>8), byte(sequence)
		}
		seal := func() {
			var err error
			if sealed, err = s.SealRTP(arena, plain[:12], plain[12:]); err != nil {
				t.Fatal(err)
			}
		}
		open := func() {
			if _, err := o.OpenRTP(sealed); err != nil {
				t.Fatal(err)
			}
		}
		next()
		seal()
		open()
		for name, step := range map[string]func(){
			"sealed and opened": func() { next(); seal(); open() },
			"replayed":          func() { _, _ = o.OpenRTP(sealed) },
			"forged": func() {
				next()
				seal()
				sealed[len(sealed)-1]++
				_, _ = o.OpenRTP(sealed)
			},
			"forged, of an unknown SSRC": func() {
				next()
				seal()
				sealed[8]++
				_, _ = o.OpenRTP(sealed)
			},
			"RTCP": func() {
				packet, err := s.SealRTCP(arena, control)
				if err == nil {
					_, err = o.OpenRTCP(packet)
				}
				if err != nil {
					t.Fatal(err)
				}
			},
		} {
			step()
			if n := testing.AllocsPerRun(runs, step); n != 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
		}
	})
}
