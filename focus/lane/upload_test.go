package lane

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"meshfocus/focus/feedback"
	"meshfocus/focus/packet"
	"meshfocus/focus/transport/srtp"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// upload is a participant of a mesh: what it writes leaves to several peers, on two lanes
// whose loops the test turns by hand, through one link that all share; all in virtual time.
type upload struct {
	t      *testing.T
	now    unit.Instant
	lanes  [2]*Lane
	turns  [2]*sender
	uplink *Uplink
	peers  []*receiver

	capacity unit.BitRate
	free     unit.Instant
	waits    []time.Duration // of packets, since the last look
	carried  int
	lostTalk int

	sounds   [2]*Track
	pictures [2]*Track // of all, in layers; nil: each peer has one of its own
	cameras  [3]*camera
	voice    voice
	keyAt    unit.Instant
}

// receiver is one of the peers.
type receiver struct {
	lane     int
	end      *End
	sub      *Subscription
	opener   *srtp.Opener
	delay    time.Duration
	narrow   unit.BitRate // of its own way, 0: as wide as can be
	free     unit.Instant
	arrivals *feedback.Arrivals
	flying   []flight
	bytes    int  // that came
	mute     bool // it reports nothing
	own      *Track
	camera   camera
	credit   float64 // of its own encoder, in bytes
	shown    unit.Instant
	frozen   time.Duration // the longest time without a picture
}

func newUpload(t *testing.T, layered bool) *upload {
	u := &upload{t: t, now: unit.Instant(time.Hour), capacity: 2 * unit.Megabit, uplink: NewUplink(), keyAt: unit.Far}
	for i := range u.lanes {
		u.lanes[i] = New(Config{Now: func() unit.Instant { return u.now }})
		u.turns[i] = newSender(u.lanes[i])
		u.sounds[i] = u.lanes[i].NewTrack(TrackConfig{Kind: Audio, Codec: simulcast.Opus})
		if layered {
			u.pictures[i] = u.lanes[i].NewTrack(TrackConfig{Kind: Video, Codec: simulcast.VP8, Patient: true})
			for layer := range u.cameras {
				_ = u.pictures[i].AddStream(uint32(1000+layer), "")
			}
		}
	}
	for i := range u.cameras {
		u.cameras[i] = &camera{ssrc: uint32(1000 + i), timestamp: 7}
	}
	return u
}

// join adds a peer whose packets take so long.
func (u *upload) join(delay time.Duration) *receiver {
	r := &receiver{lane: len(u.peers) % 2, delay: delay, arrivals: feedback.NewArrivals(), camera: camera{ssrc: 5}, shown: u.now}
	var err error
	if r.opener, err = srtp.NewOpener(master(u.t, srtp.AES128GCM, 1)); err != nil {
		u.t.Fatal(err)
	}
	l := u.lanes[r.lane]
	r.end = l.NewEnd(EndConfig{Adaptive: true, Uplink: u.uplink})
	if err := r.end.Secure(master(u.t, srtp.AES128GCM, 1), master(u.t, srtp.AES128GCM, 101)); err != nil {
		u.t.Fatal(err)
	}
	picture := u.pictures[r.lane]
	if picture == nil {
		picture = l.NewTrack(TrackConfig{Kind: Video, Codec: simulcast.VP8})
		r.own = picture
	}
	out := writer(u.t, false, packet.AbsSendTime, packet.TransportNumber)
	r.sub, err = r.end.Subscribe(picture, SubscriptionConfig{SSRC: 10, RTX: 11, Formats: []Format{vp8Format()}, Writer: out, First: all})
	if err == nil {
		_, err = r.end.Subscribe(u.sounds[r.lane], SubscriptionConfig{SSRC: 20, Formats: []Format{opusFormat()}, Writer: out})
	}
	if err != nil {
		u.t.Fatal(err)
	}
	u.turns[r.lane].turn()
	r.end.out.route = route{known: true}
	r.end.out.relay = &relay{waiting: make(chan []byte, 4096), spare: make(chan []byte)}
	u.peers = append(u.peers, r)
	return r
}

// leave has a peer hang up.
func (u *upload) leave(r *receiver) {
	r.end.out.relay = nil
	r.end.Close()
	if r.own != nil {
		r.own.Close()
	}
	u.turns[r.lane].turn()
	u.peers = slices.DeleteFunc(u.peers, func(other *receiver) bool { return other == r })
}

// run lets time pass, a millisecond at a time.
func (u *upload) run(d time.Duration) {
	for end := u.now.Add(d); u.now < end; u.now = u.now.Add(time.Millisecond) {
		since := u.now.Sub(unit.Instant(time.Hour))
		if since%(20*time.Millisecond) == 0 {
			u.talk()
		}
		if since%(33*time.Millisecond) == 0 {
			u.show()
		}
		for i, l := range u.lanes {
			if since%beat == 0 {
				l.due(u.now)
			}
			u.turns[i].turn()
		}
		for _, r := range u.peers {
			u.carry(r)
			u.report(r)
		}
	}
}

func (u *upload) talk() {
	one := u.voice.packet()
	one.SSRC = 20
	one.Payload = append(one.Payload, make([]byte, 75)...)
	clear, err := one.Marshal()
	if err != nil {
		u.t.Fatal(err)
	}
	for _, sound := range u.sounds {
		if err := sound.Write(clear, u.now); err != nil {
			u.t.Fatal(err)
		}
		sound.Flush()
	}
}

// show makes the next pictures: in layers for all, as a file would, with a key frame
// every three seconds or when it is asked; or those of each peer's own encoder, which
// takes what there is.
func (u *upload) show() {
	if u.pictures[0] == nil {
		for _, r := range u.peers {
			u.encode(r)
		}
		return
	}
	key := u.now >= u.keyAt
	for _, picture := range u.pictures {
		select {
		case <-picture.KeyFrameRequests():
			key = true
		default:
		}
	}
	if key || u.keyAt == unit.Far {
		key, u.keyAt = true, u.now.Add(3*time.Second)
	}
	for i, c := range u.cameras {
		size := streetSizes[i]
		if key {
			size *= 3
		}
		packets := (size + 1099) / 1100
		c.size = size / packets
		for j, one := range c.frame(key, packets) {
			if key && j == 0 {
				at := len(one.Payload) - c.size/2*2 - 4
				binary.LittleEndian.PutUint16(one.Payload[at:], uint16(160<<i))
				binary.LittleEndian.PutUint16(one.Payload[at+2:], uint16(90<<i))
			}
			clear, err := one.Marshal()
			if err != nil {
				u.t.Fatal(err)
			}
			for _, picture := range u.pictures {
				if err := picture.Write(clear, u.now); err != nil {
					u.t.Fatal(err)
				}
			}
		}
	}
	for _, picture := range u.pictures {
		picture.Flush()
	}
}

// encode makes a picture of what the peer's path carries beside sound. No ladder is made
// of it, for an encoder that can have any rate has none.
func (u *upload) encode(r *receiver) {
	rate := r.end.Stats().Sending.Estimate
	if rate == 0 {
		rate = 300_000
	}
	r.credit += (float64(min(rate, 2_500_000)) - 54_000) / 8 * 0.033 // sound is 54 kbit/s with all that is around it
	packets := int(r.credit/1160) + 1
	r.camera.size = int(r.credit)/packets - 90 // headers
	r.credit -= float64(packets * (r.camera.size + 90))
	key := r.camera.picture == 0
	select {
	case <-r.own.KeyFrameRequests():
		key = true
	default:
	}
	for _, one := range r.camera.frame(key, packets) {
		clear, err := one.Marshal()
		if err != nil {
			u.t.Fatal(err)
		}
		if err := r.own.Write(clear, u.now); err != nil {
			u.t.Fatal(err)
		}
	}
	r.own.Flush()
	r.own.ladder.version.Store(0)
}

// carry puts on the link what has left to a peer.
func (u *upload) carry(r *receiver) {
	for len(r.end.out.relay.waiting) > 0 {
		datagram := <-r.end.out.relay.waiting
		if packet.Demultiplex(datagram) == packet.RTCP {
			continue
		}
		size := len(datagram) + 28
		clear, err := r.opener.OpenRTP(datagram)
		if err != nil {
			u.t.Fatalf("what was sent cannot be opened: %v", err)
		}
		p := packet.Packet{Bytes: clear}
		numbers := &packet.Numbers{}
		_ = numbers.Set(packet.TransportNumber, streetNumbers)
		if err := p.Parse(numbers); err != nil {
			u.t.Fatal(err)
		}
		at, ok := queued(&u.free, u.now, u.capacity, size)
		if u.waits = append(u.waits, max(at.Sub(u.now), 0)); ok {
			u.carried += size
			if r.narrow > 0 {
				at, ok = queued(&r.free, at, r.narrow, size)
			}
		}
		if !ok {
			if p.Header.SSRC == 20 {
				u.lostTalk++
			}
			continue
		}
		r.flying = append(r.flying, flight{at: at.Add(r.delay), number: binary.BigEndian.Uint16(p.Value(packet.TransportNumber)), ssrc: p.Header.SSRC, sequence: uint16(size)})
	}
}

// queued gives when a link has sent a packet, false if its queue of 300 ms is full.
func queued(free *unit.Instant, now unit.Instant, capacity unit.BitRate, size int) (unit.Instant, bool) {
	if free.Sub(now) > streetQueue {
		return *free, false
	}
	*free = max(*free, now).Add(capacity.Duration(size))
	return *free, true
}

// report has arrive what does, and told of it.
func (u *upload) report(r *receiver) {
	for len(r.flying) > 0 && r.flying[0].at <= u.now {
		f := r.flying[0]
		r.flying = r.flying[1:]
		r.arrivals.Arrived(f.number, f.at)
		r.bytes += int(f.sequence)
		if f.ssrc == 10 {
			r.frozen = max(r.frozen, u.now.Sub(r.shown))
			r.shown = u.now
		}
	}
	if rtcp := r.arrivals.Append(nil, 1, 10, u.now); len(rtcp) > 0 && !r.mute {
		u.lanes[r.lane].hear(r.end, rtcp, u.now)
	}
}

// look gives what share of the link was used since the last look, its queue at the 95th
// percentile, and Jain's index of what came to each.
func (u *upload) look(over time.Duration) (used float64, queue time.Duration, jain float64) {
	slices.Sort(u.waits)
	queue = u.waits[len(u.waits)*95/100]
	used = float64(u.carried) * 8 / over.Seconds() / float64(u.capacity)
	sum, squares := 0.0, 0.0
	for _, r := range u.peers {
		sum += float64(r.bytes)
		squares += float64(r.bytes) * float64(r.bytes)
		r.bytes, r.frozen = 0, 0
	}
	u.waits, u.carried = u.waits[:0], 0
	return used, queue, sum * sum / squares / float64(len(u.peers))
}

func (u *upload) close() {
	for len(u.peers) > 0 {
		u.leave(u.peers[0])
	}
	for i := range u.lanes {
		u.sounds[i].Close()
		if u.pictures[i] != nil {
			u.pictures[i].Close()
		}
	}
	if len(u.uplink.stakes) != 0 {
		u.t.Errorf("%d shares are left", len(u.uplink.stakes))
	}
}
