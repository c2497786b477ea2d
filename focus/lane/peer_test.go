package lane

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"meshfocus/focus/packet"
	"meshfocus/focus/transport/srtp"
	"meshfocus/focus/udp"
	"meshfocus/simulcast"
	"meshfocus/simulcast/vp8"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what has to come: the machine may be busy.
const patience = time.Minute

// until waits for a condition.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// running makes a lane with so many sockets of the loopback and runs it until the
// test ends.
func running(t testing.TB, c Config, sockets int) *Lane {
	t.Helper()
	var opened []*udp.Socket
	for range sockets {
		s, err := udp.Listen(udp.Config{Address: netip.MustParseAddrPort("127.0.0.1:0")})
		if err != nil {
			t.Fatal(err)
		}
		opened = append(opened, s)
	}
	return runningOn(t, c, opened...)
}

// runningOn makes a lane with sockets and runs it until the test ends.
func runningOn(t testing.TB, c Config, opened ...*udp.Socket) *Lane {
	t.Helper()
	l := New(c, opened...)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the lane ended with: %v", err)
		}
		for _, s := range opened {
			_ = s.Close()
		}
	})
	return l
}

// peer is who is at the other end of an End: another implementation's RTP and RTCP
// over a socket of its own.
type peer struct {
	t      testing.TB
	conn   *net.UDPConn
	end    *End
	socket netip.AddrPort // of the lane
	sealer *srtp.Sealer   // owned by the test

	mutex   sync.Mutex // guards the rest
	opener  *srtp.Opener
	packets []*rtp.Packet
	reports []rtcp.Packet
	raw     [][]byte // compounds in the clear
	refused int
}

// master makes keys that nobody should use.
func master(t testing.TB, p srtp.Profile, seed byte) srtp.Master {
	t.Helper()
	key, salt := 16, 12
	switch p {
	case srtp.AES256GCM:
		key = 32
	case srtp.AES128CMSHA1:
		salt = 14
	}
	m, err := srtp.NewMaster(p, bytes.Repeat([]byte{seed}, key), bytes.Repeat([]byte{seed + 1}, salt))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// connect makes an End and who is at its other end, by the lane's first socket.
func connect(t testing.TB, l *Lane, name string) *peer {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadBuffer(4 << 20) // less will do
	p := &peer{t: t, conn: conn, end: l.NewEnd(EndConfig{Name: name, CName: "lane"})}
	ours, theirs := master(t, srtp.AES128GCM, 1), master(t, srtp.AES128GCM, 101)
	if p.sealer, err = srtp.NewSealer(theirs); err != nil {
		t.Fatal(err)
	}
	if p.opener, err = srtp.NewOpener(ours); err != nil {
		t.Fatal(err)
	}
	if err := p.end.Secure(ours, theirs); err != nil {
		t.Fatal(err)
	}
	p.from((*l.sockets.Load())[0].LocalAddr())
	ended := make(chan struct{})
	go func() { defer close(ended); p.listen() }()
	t.Cleanup(func() {
		p.end.Close()
		_ = conn.Close()
		<-ended
	})
	return p
}

// from moves the peer to another socket of the lane.
func (p *peer) from(socket netip.AddrPort) {
	p.socket = socket
	p.end.SetPath(socket, p.conn.LocalAddr().(*net.UDPAddr).AddrPort(), true)
}

func (p *peer) listen() {
	buffer := make([]byte, 2048)
	for {
		n, err := p.conn.Read(buffer)
		if err != nil {
			return
		}
		p.heard(buffer[:n])
	}
}

func (p *peer) heard(datagram []byte) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if packet.Demultiplex(datagram) == packet.RTCP {
		clear, err := p.opener.OpenRTCP(datagram)
		if err != nil {
			p.refused++
			return
		}
		packets, err := rtcp.Unmarshal(bytes.Clone(clear))
		if err != nil {
			p.t.Errorf("pion/rtcp refuses what we sent: %v", err)
			return
		}
		p.raw = append(p.raw, bytes.Clone(clear))
		p.reports = append(p.reports, packets...)
		return
	}
	clear, err := p.opener.OpenRTP(datagram)
	if err != nil {
		p.refused++
		return
	}
	got := &rtp.Packet{}
	if err := got.Unmarshal(bytes.Clone(clear)); err != nil {
		p.t.Errorf("pion/rtp refuses what we sent: %v", err)
		return
	}
	p.packets = append(p.packets, got)
}

// send seals a packet and sends it.
func (p *peer) send(packets ...*rtp.Packet) {
	p.t.Helper()
	for _, one := range packets {
		if _, err := p.conn.WriteToUDPAddrPort(p.seal(one), p.socket); err != nil {
			p.t.Fatal(err)
		}
	}
}

// seal protects a packet.
func (p *peer) seal(one *rtp.Packet) []byte {
	p.t.Helper()
	header, err := one.Header.Marshal()
	if err != nil {
		p.t.Fatal(err)
	}
	payload := slices.Clone(one.Payload)
	if one.PaddingSize > 0 {
		payload = append(payload, make([]byte, one.PaddingSize)...)
		payload[len(payload)-1] = one.PaddingSize
	}
	sealed, err := p.sealer.SealRTP(nil, header, payload)
	if err != nil {
		p.t.Fatal(err)
	}
	return sealed
}

// report seals RTCP and sends it.
func (p *peer) report(packets ...rtcp.Packet) {
	p.t.Helper()
	clear, err := rtcp.Marshal(packets)
	if err != nil {
		p.t.Fatal(err)
	}
	p.reportRaw(clear)
}

func (p *peer) reportRaw(clear []byte) {
	p.t.Helper()
	sealed, err := p.sealer.SealRTCP(nil, clear)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.conn.WriteToUDPAddrPort(sealed, p.socket); err != nil {
		p.t.Fatal(err)
	}
}

// got gives the RTP that has come of an SSRC, in order of arrival.
func (p *peer) got(ssrc uint32) []*rtp.Packet {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	var packets []*rtp.Packet
	for _, one := range p.packets {
		if one.SSRC == ssrc {
			packets = append(packets, one)
		}
	}
	return packets
}

// told gives the RTCP that has come, of one type.
func told[T rtcp.Packet](p *peer) []T {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	var packets []T
	for _, one := range p.reports {
		if kind, is := one.(T); is {
			packets = append(packets, kind)
		}
	}
	return packets
}

// Numbers that tests agree on.
const (
	vp8Type, vp8RTX   = 96, 97
	opusType, redType = 111, 63
)

func vp8Format() Format {
	return Format{PayloadType: vp8Type, RTX: vp8RTX, Codec: simulcast.VP8, Clock: 90_000, Nack: true, PLI: true, FIR: true}
}

func opusFormat() Format {
	return Format{PayloadType: opusType, Codec: simulcast.Opus, Clock: 48_000}
}

// extensions gives the numbers that tests agree on: each extension's own.
func extensions(t testing.TB, of ...packet.Extension) *packet.Numbers {
	t.Helper()
	numbers := &packet.Numbers{}
	for _, e := range of {
		if err := numbers.Set(e, uint8(e)); err != nil {
			t.Fatal(err)
		}
	}
	return numbers
}

// camera writes a VP8 stream, a packet or more a frame.
type camera struct {
	ssrc      uint32
	sequence  uint16
	timestamp uint32
	picture   int32
	rid       string // told on every packet, if there is one
	mid       string
	size      int // of payload, 0: 200
}

// frame gives the packets of the next picture.
func (c *camera) frame(key bool, packets int) []*rtp.Packet {
	var frame []*rtp.Packet
	for i := range packets {
		d := vp8.Descriptor{
			Start: i == 0, PictureID: c.picture & 0x7FFF, PictureBits: 15, TL0: int16(c.picture & 0xFF),
			Temporal: 0, KeyIndex: simulcast.Absent,
		}
		payload := d.Append(nil)
		if i == 0 {
			payload = append(payload, tag(key)...)
		}
		size := c.size
		if size == 0 {
			size = 200
		}
		payload = append(payload, bytes.Repeat([]byte{byte(c.sequence), byte(c.picture)}, size/2)...)
		one := &rtp.Packet{Header: rtp.Header{
			Version: 2, PayloadType: vp8Type, SSRC: c.ssrc, SequenceNumber: c.sequence,
			Timestamp: c.timestamp, Marker: i == packets-1,
		}, Payload: payload}
		c.name(one)
		frame = append(frame, one)
		c.sequence++
	}
	c.timestamp += 3000
	c.picture++
	return frame
}

// name puts the stream's names on a packet.
func (c *camera) name(one *rtp.Packet) {
	if c.rid != "" {
		_ = one.SetExtension(uint8(packet.RID), []byte(c.rid))
	}
	if c.mid != "" {
		_ = one.SetExtension(uint8(packet.MID), []byte(c.mid))
	}
}

// again makes a retransmission of a packet (RFC 4588).
func again(of *rtp.Packet, ssrc uint32, sequence uint16) *rtp.Packet {
	copied := *of
	copied.SSRC, copied.SequenceNumber, copied.PayloadType = ssrc, sequence, vp8RTX
	copied.Payload = append([]byte{byte(of.SequenceNumber >> 8), byte(of.SequenceNumber)}, of.Payload...)
	return &copied
}

// tag is the beginning of a VP8 frame, 640×480 if it is a key frame (RFC 6386
// section 9.1).
func tag(key bool) []byte {
	if key {
		return []byte{0x10, 0, 0, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0xE0, 0x01}
	}
	return []byte{0x11, 0, 0}
}

// publish agrees on one section of VP8 with the peer, and gives its track.
func (p *peer) publish(l *Lane, in Incoming, s IncomingSection) *Track {
	if s.Track == nil {
		s.Track = l.NewTrack(TrackConfig{Name: "camera", Kind: Video})
	}
	if s.Formats == nil {
		s.Formats = []Format{vp8Format()}
	}
	in.Sections = append(in.Sections, s)
	p.end.SetIncoming(in)
	return s.Track
}

// watch subscribes the peer to a track under an SSRC.
func (p *peer) watch(track *Track, ssrc uint32) *Subscription {
	p.t.Helper()
	s, err := p.end.Subscribe(track, SubscriptionConfig{
		SSRC: ssrc, RTX: ssrc + 1, Formats: []Format{vp8Format(), opusFormat()}, First: simulcast.Layer{Spatial: 3, Temporal: 3},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}
