package transport

import (
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// outlet is where one LocalTrack enters one connection: what Pion knows as
// the track of a sender (webrtc.TrackLocal). It keeps its name and numbers
// when the LocalTrack behind it is exchanged.
type outlet struct {
	kind         Kind   // set once
	id, streamID string // set once

	mu       sync.Mutex
	track    *LocalTrack // guarded by mu; nil: muted
	context  webrtc.TrackLocalContext
	payload  uint8
	writer   webrtc.TrackLocalWriter // nil until negotiated
	attached time.Time
	numbers  splice
	sent     SentStats
}

func newOutlet(kind Kind, id, streamID string, track *LocalTrack) *outlet {
	return &outlet{kind: kind, id: id, streamID: streamID, track: track}
}

// ID is the track part of a=msid.
func (o *outlet) ID() string { return o.id }

// StreamID is the stream part of a=msid.
func (o *outlet) StreamID() string { return o.streamID }

// RID is empty: one encoding.
func (o *outlet) RID() string { return "" }

// Kind is Pion's name of the kind.
func (o *outlet) Kind() webrtc.RTPCodecType { return pionKind(o.kind) }

// Bind is called by Pion when the codecs are agreed. A track whose codec was
// not agreed upon is not sent; Pion would give up the whole description.
func (o *outlet) Bind(context webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := context.CodecParameters()
	if len(all) == 0 {
		return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
	}
	o.context, o.writer = context, context.WriteStream()
	if o.track == nil {
		return all[0], nil
	}
	track := o.track
	o.track = nil
	parameters, err := o.connect(track)
	if err != nil {
		o.sent.Refused = true
		return all[0], nil //nolint:nilerr // it stays silent, see above
	}
	return parameters, nil
}

// connect begins to send a track, if its codec was agreed upon, in place of
// the present one. o.mu is held.
func (o *outlet) connect(track *LocalTrack) (webrtc.RTPCodecParameters, error) {
	for _, parameters := range o.context.CodecParameters() {
		if codecOf(parameters.MimeType) != track.Codec() {
			continue
		}
		o.disconnect()
		o.track = track
		o.payload = uint8(parameters.PayloadType)
		o.attached = time.Now()
		o.numbers.cut()
		o.sent.Codec = track.Codec()
		o.sent.SSRC = uint32(o.context.SSRC())
		o.sent.Refused = false
		track.attach(o)
		return parameters, nil
	}
	return webrtc.RTPCodecParameters{}, ErrCodecNotNegotiated
}

// disconnect stops sending. o.mu is held.
func (o *outlet) disconnect() {
	if o.track != nil {
		o.track.detach(o)
		o.track = nil
	}
}

// Unbind is called by Pion when the sender stops, for good.
func (o *outlet) Unbind(webrtc.TrackLocalContext) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.disconnect()
	o.context, o.writer = nil, nil
	return nil
}

// replace sends another track from now on; nil sends nothing.
func (o *outlet) replace(track *LocalTrack) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case track == o.track:
		return nil
	case track == nil:
		o.disconnect()
		return nil
	case o.context == nil: // not negotiated yet
		o.track = track
		return nil
	}
	_, err := o.connect(track)
	return err
}

// write sends one packet of a track, unless another has taken its place. The
// header is our own copy; the payload is shared and not changed.
func (o *outlet) write(from *LocalTrack, header rtp.Header, payload []byte) {
	o.mu.Lock()
	if o.track != from || o.writer == nil {
		o.mu.Unlock()
		return
	}
	header.PayloadType = o.payload
	header.SSRC = o.sent.SSRC
	header.SequenceNumber, header.Timestamp = o.numbers.next(header.SequenceNumber, header.Timestamp, from.Codec().ClockRate(), time.Now())
	writer := o.writer
	o.mu.Unlock()
	n, err := writer.WriteRTP(&header, payload)
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err != nil:
		o.sent.Failed++
	case n > 0: // 0 while the connection is not up
		o.sent.Packets++
		o.sent.Bytes += uint64(len(payload))
		if header.Marker || o.kind == Audio {
			o.sent.Frames++
		}
	}
}

// feedback takes in what the receiver reports.
func (o *outlet) feedback(packets []rtcp.Packet, now time.Time) {
	asked := false
	o.mu.Lock()
	for _, packet := range packets {
		switch report := packet.(type) {
		case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
			o.sent.KeyFrameRequests++
			asked = true
		case *rtcp.TransportLayerNack:
			for i := range report.Nacks {
				o.sent.Nacked += uint64(len(report.Nacks[i].PacketList()))
			}
		case *rtcp.ReceiverReport:
			o.sent.report(report.Reports, now)
		case *rtcp.SenderReport:
			o.sent.report(report.Reports, now)
		}
	}
	track, attached := o.track, o.attached
	o.mu.Unlock()
	if asked && track != nil {
		track.requestKeyFrame(attached, now)
	}
}

// snapshot gives the counters.
func (o *outlet) snapshot() SentStats {
	o.mu.Lock()
	defer o.mu.Unlock()
	stats := o.sent
	stats.Kind, stats.ID, stats.StreamID = o.kind, o.id, o.streamID
	return stats
}
