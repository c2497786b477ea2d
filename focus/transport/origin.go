package transport

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/pion/rtp"

	"meshfocus/focus/feedback"
	"meshfocus/focus/lane"
	"meshfocus/focus/packet"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// lineOrigin is a track that arrives on a lane as the origin of a RemoteTrack.
// It is a reader of the lane's (lane.Sink): frames are put together on the read
// loop, as packets come.
type lineOrigin struct {
	conn    *Conn        // set once
	arrival *arrival     // set once
	track   *RemoteTrack // set once
	detach  func()       // set once

	mu     sync.Mutex // guards all below; held by the read loop
	layers [simulcast.Streams]*layer
	told   bool // of the track
	over   bool
}

// received makes a RemoteTrack of a line, which is told of with its first
// packet.
func (c *Conn) lineReceived(e LineReceived) {
	c.ends.Lock()
	defer c.ends.Unlock()
	if c.origins[e.arrival] != nil {
		return // it has another name now, which is asked for when needed
	}
	o := &lineOrigin{conn: c, arrival: e.arrival}
	o.track = newRemoteTrack(e.Kind, o)
	c.origins[e.arrival] = o
	o.detach = e.Track.Attach(o)
}

// ended is its counterpart.
func (c *Conn) lineEnded(e LineEnded) {
	c.ends.Lock()
	o := c.origins[e.arrival]
	delete(c.origins, e.arrival)
	c.ends.Unlock()
	o.detach()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	for _, l := range o.layers {
		if l != nil {
			o.track.layerEnded(l)
		}
	}
}

// Packet takes in one packet; see lane.Sink.
func (o *lineOrigin) Packet(p *packet.Packet, s lane.StreamInfo, _ *simulcast.Info) {
	o.mu.Lock()
	defer o.mu.Unlock()
	codec := codecFrom(s.Format.Codec)
	if o.over || codec == 0 {
		return
	}
	l := o.layer(s, codec)
	if !o.told {
		o.told = true
		o.conn.arrived(o.track)
	}
	if s.Reported != (feedback.Info{}) {
		l.keepTime(uint64(s.Reported.NTP), s.Reported.Timestamp)
	}
	header := rtp.Header{
		Version: 2, SSRC: p.Header.SSRC, PayloadType: p.Header.PayloadType, Marker: p.Header.Marker,
		SequenceNumber: p.Header.Sequence, Timestamp: p.Header.Timestamp,
	}
	if o.track.flows() {
		o.track.pass(l, whole(p, &header))
	}
	l.take(&header, p.Payload(), codec, o.conn.epoch.time(p.Arrived))
}

// layer gives the layer of a stream, another if it has another SSRC. o.mu is
// held.
func (o *lineOrigin) layer(s lane.StreamInfo, codec Codec) *layer {
	before := o.layers[s.Stream]
	if before != nil && before.ssrc == s.SSRC {
		return before
	}
	fresh, _ := o.track.add(s.RID, s.SSRC, codec) // before is running still, or none was ever
	o.layers[s.Stream] = fresh
	if before != nil {
		o.track.layerEnded(before)
	}
	return fresh
}

// whole is a packet as its sender first sent it, also if it came by way of a
// retransmission.
func whole(p *packet.Packet, header *rtp.Header) []byte {
	if binary.BigEndian.Uint32(p.Bytes[8:]) == p.Header.SSRC {
		return p.Bytes
	}
	raw, err := (&rtp.Packet{Header: *header, Payload: p.Payload()}).Marshal()
	if err != nil {
		return nil // a header without extensions has no way to fail
	}
	return raw
}

func (o *lineOrigin) names() (track, stream string) { return o.conn.strand.names(o.arrival) }

// askKeyFrame asks for one of every layer.
func (o *lineOrigin) askKeyFrame() { o.arrival.track.RequestKeyFrame() }

func (o *lineOrigin) complete(stats *ReceivedStats) {
	for _, state := range o.arrival.track.Layers() {
		for i := range stats.Layers {
			if stats.Layers[i].SSRC == state.SSRC {
				asked := uint64(max(state.Repair.Asked, 0))
				stats.Layers[i].Nacked = asked
				stats.Nacked += asked
			}
		}
	}
	stats.KeyFrameRequests = max(stats.KeyFrameRequests, uint64(max(o.arrival.track.Stats().Requests, 0)))
}

// epoch ties the instants of lanes to the clock on the wall.
type epoch struct {
	wall time.Time
	at   unit.Instant
}

func newEpoch() epoch { return epoch{time.Now(), lane.Now()} }

func (e epoch) time(at unit.Instant) time.Time { return e.wall.Add(at.Sub(e.at)) }
