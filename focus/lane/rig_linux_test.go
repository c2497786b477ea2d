package lane

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"meshfocus/focus/feedback"
	"meshfocus/focus/packet"
	"meshfocus/focus/transport/srtp"
	"meshfocus/focus/udp"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
	"meshfocus/simulcast/vp8"
)

// rig is a lane whose loops a test turns by hand, in one thread: one who publishes
// VP8 with everything that costs something, and many who watch.
type rig struct {
	tb     testing.TB
	lane   *Lane
	socket *udp.Socket
	inbox  *udp.Inbox
	reader *reader
	sender *sender
	local  netip.AddrPort

	publisher *End
	track     *Track
	client    *udp.Socket // the publisher's
	seal      *srtp.Sealer
	writer    *packet.Writer // the publisher's
	outbox    *udp.Outbox
	path      *udp.Path
	camera    camera
	prepared  [][][]byte
	now       unit.Instant

	watchers []watcher
	frame    time.Duration // from one burst to the next
	rtcp     []byte
}

// watcher is somebody's socket, which nobody reads but drain.
type watcher struct {
	socket   int
	sub      *Subscription
	arrivals *feedback.Arrivals // nil: it gives no feedback
	told     uint16             // of numbers below
}

// rigPayload is that of the rig's packets: a datagram of about 1200 bytes.
const rigPayload = 1150

// rigExtensions are what browsers agree on for video, less what layers need.
var rigExtensions = []packet.Extension{packet.AbsSendTime, packet.TransportNumber, packet.MID, packet.Orientation}

func newRig(tb testing.TB, watchers int, profile srtp.Profile) *rig {
	tb.Helper()
	now := unit.Instant(time.Hour)
	r := &rig{tb: tb, now: now, frame: time.Millisecond, camera: camera{ssrc: 1000, size: rigPayload}}
	r.socket, r.client = r.listen(), r.listen()
	r.lane = New(Config{Now: func() unit.Instant { return r.now }}, r.socket)
	r.inbox = udp.NewInbox(udp.Buffers(slots, roomy)...)
	r.reader, r.sender, r.local = newReader(r.lane, defaultPackets), newSender(r.lane), plain(r.socket.LocalAddr())
	r.publish(profile)
	for i := range watchers {
		r.watch(profile, i)
	}
	tb.Cleanup(r.close)
	return r
}

func (r *rig) listen() *udp.Socket {
	r.tb.Helper()
	s, err := udp.Listen(udp.Config{Address: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		r.tb.Fatal(err)
	}
	return s
}

func (r *rig) publish(profile srtp.Profile) {
	r.publisher = r.lane.NewEnd(EndConfig{Name: "publisher", CName: "rig"})
	ours, theirs := master(r.tb, profile, 1), master(r.tb, profile, 101)
	var err error
	if r.seal, err = srtp.NewSealer(theirs); err != nil {
		r.tb.Fatal(err)
	}
	if err := r.publisher.Secure(ours, theirs); err != nil {
		r.tb.Fatal(err)
	}
	if r.path, err = r.client.Path(r.local); err != nil {
		r.tb.Fatal(err)
	}
	r.outbox = udp.NewOutbox(slots)
	r.writer = packet.NewWriter(extensions(r.tb, packet.AbsSendTime, packet.TransportNumber), false)
	r.publisher.SetPath(r.local, r.client.LocalAddr(), true)
	r.track = r.lane.NewTrack(TrackConfig{Name: "camera", Kind: Video})
	r.publisher.SetIncoming(Incoming{
		Numbers: extensions(r.tb, rigExtensions...), TransportWide: true, ReducedSize: true,
		Sections: []IncomingSection{{
			MID: "0", Track: r.track, Formats: []Format{vp8Format()}, Sources: []Source{{SSRC: 1000, RTX: 1001}},
		}},
	})
}

func (r *rig) watch(profile srtp.Profile, index int) {
	r.tb.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		r.tb.Fatal(err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		r.tb.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		r.tb.Fatal(err)
	}
	bound := name.(*unix.SockaddrInet4)
	e := r.lane.NewEnd(EndConfig{Name: "watcher", CName: "rig"})
	if err := e.Secure(master(r.tb, profile, byte(3+2*index)), master(r.tb, profile, byte(4+2*index))); err != nil {
		r.tb.Fatal(err)
	}
	e.SetPath(r.local, netip.AddrPortFrom(netip.AddrFrom4(bound.Addr), uint16(bound.Port)), true)
	sub, err := e.Subscribe(r.track, SubscriptionConfig{
		SSRC: uint32(2000 + 2*index), RTX: uint32(2001 + 2*index), MID: "0",
		Writer:  packet.NewWriter(extensions(r.tb, rigExtensions...), false),
		Formats: []Format{vp8Format()}, First: simulcast.Layer{Spatial: 3, Temporal: 3},
	})
	if err != nil {
		r.tb.Fatal(err)
	}
	r.watchers = append(r.watchers, watcher{socket: fd, sub: sub})
}

// prepare seals bursts of packets, each a frame; write sends the next of them. What
// is written later costs the publisher nothing but the system call.
func (r *rig) prepare(key bool, bursts, packets int) {
	r.tb.Helper()
	for range bursts {
		var burst [][]byte
		for i := range packets {
			clear := r.packet(key, i == 0, i == packets-1)
			sealed, err := r.seal.SealRTP(nil, clear[:24], clear[24:])
			if err != nil {
				r.tb.Fatal(err)
			}
			burst = append(burst, sealed)
		}
		r.camera.timestamp += 3000
		r.camera.picture++
		r.prepared = append(r.prepared, burst)
	}
}

// write sends the next burst as the publisher, and says how long it is.
func (r *rig) write() int {
	r.tb.Helper()
	burst := r.prepared[0]
	r.prepared = r.prepared[1:]
	for _, datagram := range burst {
		r.outbox.Append(r.path, datagram)
	}
	if err := r.client.Write(r.outbox); err != nil {
		r.tb.Fatal(err)
	}
	return len(burst)
}

// packet is one in the clear, with a header of 24 bytes.
func (r *rig) packet(key, first, last bool) []byte {
	c := &r.camera
	fields := packet.Fields{
		SSRC: c.ssrc, Sequence: c.sequence, Timestamp: c.timestamp, PayloadType: vp8Type, Marker: last,
		TransportNumber: c.sequence, SendTime: packet.SendTime(r.now),
	}
	c.sequence++
	rtp := r.writer.Append(nil, &fields, nil)
	for len(rtp) < 24 {
		r.tb.Fatal("the header is shorter than the rig believes")
	}
	d := vp8.Descriptor{
		Start: first, PictureID: c.picture & 0x7FFF, PictureBits: 15, TL0: int16(c.picture & 0xFF),
		KeyIndex: simulcast.Absent,
	}
	rtp = d.Append(rtp)
	rtp = append(rtp, tag(key)...)
	return append(rtp, bytes.Repeat([]byte{byte(c.sequence)}, rigPayload-len(rtp)+24)...)
}

// receive has the lane read what was written, without waiting, and hand it over.
func (r *rig) receive(datagrams int) {
	r.tb.Helper()
	for datagrams > 0 {
		r.inbox.Timed = r.reader.lap.next()
		n, err := r.socket.Read(r.inbox)
		if err != nil {
			r.tb.Fatal(err)
		}
		datagrams -= n
		if r.inbox.Timed {
			r.reader.lap.received(r.inbox.Took)
		}
		r.reader.read(r.inbox.Datagrams, r.local, r.now)
		r.reader.done()
	}
}

// deliver has the lane send what was handed over.
func (r *rig) deliver() {
	for r.lane.mail.collect(&r.sender.batches, &r.sender.letters) {
		r.sender.take()
	}
	r.sender.flush()
}

// drain reads what came to the watchers, and says how much it was.
func (r *rig) drain() (datagrams int) {
	var buffer [roomy]byte
	for _, w := range r.watchers {
		for {
			if _, _, err := unix.Recvfrom(w.socket, buffer[:], 0); err != nil {
				break
			}
			datagrams++
		}
	}
	return datagrams
}

func (r *rig) close() {
	for _, w := range r.watchers {
		w.sub.end.Close()
		_ = unix.Close(w.socket)
	}
	r.publisher.Close()
	r.deliver()
	r.lane.mail.end()
	_ = r.socket.Close()
	_ = r.client.Close()
}
