package party

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"meshfocus/bench/report"
	"meshfocus/focus/feedback"
	"meshfocus/focus/transport/srtp"
	"meshfocus/internal/unit"
)

// rig is a subscriber without a loop, and the server that it has agreed with on a wire.
type rig struct {
	load   *Load
	end    *End
	wire   *wire
	server *net.UDPConn
	seal   *srtp.Sealer
	open   *srtp.Opener
}

func newRig(t *testing.T) *rig {
	t.Helper()
	here := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	server, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(here, 0)))
	if err != nil {
		t.Fatal(err)
	}
	socket, err := openSocket(here)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close(); socket.close() })
	keys, err := srtp.NewKeys(srtp.AES128GCM, make([]byte, srtp.AES128GCM.MaterialLen()))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{server: server, wire: &wire{remote: server.LocalAddr().(*net.UDPAddr).AddrPort()}}
	for _, err := range []error{
		take(&r.wire.seal)(srtp.NewSealer(keys.Client)), take(&r.wire.open)(srtp.NewOpener(keys.Server)),
		take(&r.seal)(srtp.NewSealer(keys.Server)), take(&r.open)(srtp.NewOpener(keys.Client)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	r.load = &Load{counts: Counts{Latency: &report.Histogram{}}}
	r.end = &End{load: r.load, socket: socket, every: 1, rtcp: make([]byte, 0, longest)}
	r.end.wire.Store(r.wire)
	return r
}

// take keeps a value that comes with an error.
func take[T any](to *T) func(T, error) error {
	return func(value T, err error) error {
		*to = value
		return err
	}
}

// TestEnd_TellsHowMuchMayCome where a server wants REMB: packets that take longer and
// longer say that less may come than does.
func TestEnd_TellsHowMuchMayCome(t *testing.T) {
	for _, wanted := range []bool{true, false} {
		r := newRig(t)
		r.end.view = &view{inspect: inspects("vp8")}
		r.wire.maximum, r.wire.in = wanted, numbers{media: known, sendTime: 3}
		now := unit.Instant(time.Hour)
		for number := range 300 { // one every 8 ms that left every 5: 1.2 Mbit/s come
			now = now.Add(8 * time.Millisecond)
			sent := uint32(number) * 5 << 18 / 1000
			header := []byte{0x90, known, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0xbe, 0xde, 0, 1, 0x32, byte(sent >> 16), byte(sent >> 8), byte(sent)}
			binary.BigEndian.PutUint16(header[2:], uint16(number))
			datagram, err := r.seal.SealRTP(nil, header, make([]byte, 1150))
			if err != nil {
				t.Fatal(err)
			}
			r.load.takeRTP(r.end, r.wire, datagram, int64(now), now)
			r.load.tell(r.end, now)
		}
		said := r.said(t)
		if !wanted {
			if said != 0 {
				t.Errorf("unasked it says %v", said)
			}
			continue
		}
		if said < 300*unit.Kilobit || said > 1500*unit.Kilobit {
			t.Errorf("of 1.2 Mbit/s that came it says %v", said)
		}
	}
}

// said gives the last rate that the server was told, 0 if none was.
func (r *rig) said(t *testing.T) (rate unit.BitRate) {
	t.Helper()
	buffer := make([]byte, longest)
	for left := r.load.counts.Told; left > 0; left-- {
		_ = r.server.SetReadDeadline(time.Now().Add(patient))
		n, err := r.server.Read(buffer)
		if err != nil {
			t.Fatalf("%d that were sent do not come: %v", left, err)
		}
		plain, err := r.open.OpenRTCP(buffer[:n])
		if err != nil {
			t.Fatal(err)
		}
		compound := feedback.Read(plain)
		for message, ok := compound.Next(); ok; message, ok = compound.Next() {
			if message.Kind == feedback.MaximumRate {
				rate = message.Rate()
			}
		}
	}
	return rate
}

// patient is how long what was sent over loopback may take.
const patient = 30 * time.Second

// TestEnd_ADatagramThatComesTwiceIsNotBroken: pion/interceptor numbers what it may have to
// send again when it keeps it, so that who asks twice has the same datagram twice.
func TestEnd_ADatagramThatComesTwiceIsNotBroken(t *testing.T) {
	r, now := newRig(t), unit.Instant(time.Hour)
	const repair = 97
	r.wire.in = numbers{media: known, repair: repair}
	s := r.end.sink(9)
	s.missing.Arrived(10, 1000, now)
	s.missing.Arrived(12, 1000, now)
	again, err := r.seal.SealRTP(nil, []byte{0x80, repair, 0, 1, 0, 0, 0, 0, 0, 0, 0, 10}, append([]byte{0, 11}, make([]byte, 100)...))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r.load.takeRTP(r.end, r.wire, bytes.Clone(again), int64(now), now)
	}
	if c := r.load.counts; c.Repaired != 1 || c.Broken != 0 {
		t.Errorf("%d repaired, %d broken", c.Repaired, c.Broken)
	}
	forged := bytes.Clone(again)
	forged[3]++
	r.load.takeRTP(r.end, r.wire, forged, int64(now), now)
	if c := r.load.counts; c.Repaired != 1 || c.Broken != 1 {
		t.Errorf("with a forged one %d repaired, %d broken", c.Repaired, c.Broken)
	}
}
