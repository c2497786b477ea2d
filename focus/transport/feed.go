package transport

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/pion/rtp"

	"meshfocus/focus/lane"
	"meshfocus/internal/unit"
)

// feed is a LocalTrack on one lane: its packets are written there once, and the
// lane sends them to every connection that subscribed.
type feed struct {
	of    *LocalTrack
	lane  *lane.Lane
	track *lane.Track
	count atomic.Int32 // connections; changes under of.mu

	// Owned by the source.
	ssrcs  []uint32 // of the layers
	packet []byte
	at     unit.Instant // of the frame at hand, unit.Never between two
}

// feed gives the track's feed of a lane to one more connection.
func (t *LocalTrack) feed(l *lane.Lane) *feed {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range *t.feeds.Load() {
		if f.lane == l {
			f.count.Add(1)
			return f
		}
	}
	f := &feed{of: t, lane: l}
	f.track = l.NewTrack(lane.TrackConfig{
		Name: t.config.ID, Kind: t.config.Kind, Codec: laneCodec(t.config.Codec), Clock: t.config.Codec.ClockRate(),
		Requests: t.requests, Patient: t.config.Patient,
	})
	first := rand.Uint32()
	for layer := range t.layers {
		f.ssrcs = append(f.ssrcs, first+uint32(layer))
		_ = f.track.AddStream(f.ssrcs[layer], "") // it is new, and has room for them
	}
	f.count.Store(1)
	t.add(f)
	return f
}

// leave takes one connection away. The last takes the feed with it.
func (f *feed) leave() {
	f.of.mu.Lock()
	last := f.count.Add(-1) == 0
	if last {
		f.of.remove(f)
	}
	f.of.mu.Unlock()
	if last {
		f.track.Close()
	}
}

// write takes one packet of a layer. It is called by the source. The payload is not kept.
func (f *feed) write(layer int, header rtp.Header, payload []byte) {
	if f.at == unit.Never {
		f.at = lane.Now()
	}
	header.SSRC = f.ssrcs[layer]
	size := header.MarshalSize()
	if cap(f.packet) < size+len(payload) {
		f.packet = make([]byte, size+len(payload), size+2*len(payload))
	}
	packet := f.packet[:size+len(payload)]
	if _, err := header.MarshalTo(packet); err != nil {
		return // a header without extensions has no way to fail
	}
	copy(packet[size:], payload)
	_ = f.track.Write(packet, f.at) // what the lane cannot take it counts; closed is closed
}

// flush says that a frame, or a packet of sound, is complete. It is called by the
// source.
func (f *feed) flush() {
	f.at = unit.Never
	f.track.Flush()
}
