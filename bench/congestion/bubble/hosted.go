package bubble

import (
	"encoding/binary"
	"sync"
	"testing/synctest"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/cc"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"meshfocus/bench/congestion"
	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

const (
	extension  = 1 // number of the transport-wide number's header extension
	soundSSRC  = 1
	videoSSRC  = 2
	repairSSRC = 3
	videoType  = 96
	soundType  = 111
	repairType = 97
	// clothing is what a packet has around its payload: IPv4, UDP, an RTP header
	// with its extension.
	clothing = 28 + 12 + 8
)

const transportURI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

// original is under which a packet's attributes have the simulation's packet.
type original struct{}

// hosted is an estimator of Pion's kind with a stream of sound and one of video,
// as a Controller.
type hosted struct {
	bubble    *Bubble
	estimator cc.BandwidthEstimator
	sound     unit.BitRate
	single    bool // feedback is of RFC 8888, about one stream that holds everything
	streams   map[discrete.Kind]interceptor.RTPWriter
	headers   map[discrete.Kind]*rtp.Header
	every     time.Duration // how often it looks at its queue

	numbers uint16 // the next that is given in front of it
	offered int

	mu       sync.Mutex // what leaves does so on a goroutine of the estimator's
	left     []congestion.Packet
	released int
	newest   int64 // number of what left last
}

func newHosted(b *Bubble, estimator cc.BandwidthEstimator, c congestion.Config, every time.Duration) *hosted {
	h := &hosted{bubble: b, estimator: estimator, sound: c.Sound, single: c.Streams, every: every, numbers: c.First, newest: int64(c.First) - 1}
	extensions := []interceptor.RTPHeaderExtension{{URI: transportURI, ID: extension}}
	video := uint32(videoSSRC)
	if h.single {
		extensions, video = nil, soundSSRC // the one that the receiver's reports name
	}
	wire := interceptor.RTPWriterFunc(h.leave)
	h.streams = map[discrete.Kind]interceptor.RTPWriter{
		discrete.Sound: estimator.AddStream(&interceptor.StreamInfo{
			SSRC: soundSSRC, PayloadType: soundType, MimeType: "audio/opus", ClockRate: 48000, RTPHeaderExtensions: extensions,
		}, wire),
		discrete.Video: estimator.AddStream(&interceptor.StreamInfo{
			SSRC: video, PayloadType: videoType, SSRCRetransmission: repairSSRC, PayloadTypeRetransmission: repairType,
			MimeType: "video/VP8", ClockRate: 90000, RTPHeaderExtensions: extensions,
		}, wire),
	}
	h.headers = map[discrete.Kind]*rtp.Header{
		discrete.Sound: {Version: 2, SSRC: soundSSRC, PayloadType: soundType},
		discrete.Video: {Version: 2, SSRC: video, PayloadType: videoType},
	}
	b.ends = append(b.ends, estimator.Close)
	return h
}

func (h *hosted) Offer(p congestion.Packet, now unit.Instant) {
	h.bubble.until(now)
	header := *h.headers[p.Kind]
	header.Marker = p.Last
	header.Timestamp = uint32(discrete.Since(p.Captured) * 90 / time.Millisecond)
	h.headers[p.Kind].SequenceNumber++
	if h.single {
		header.SequenceNumber = h.numbers
	} else {
		number, _ := rtp.TransportCCExtension{TransportSequence: h.numbers}.Marshal()
		_ = header.SetExtension(extension, number) // two bytes fit
	}
	h.numbers++
	attributes := interceptor.Attributes{original{}: p}
	if _, err := h.streams[p.Kind].Write(&header, make([]byte, max(p.Size-clothing, 1)), attributes); err != nil {
		panic(err) // nothing that we offer is refused
	}
	h.offered++
	synctest.Wait()
}

// leave takes what the estimator lets go, in the order of the wire.
func (h *hosted) leave(header *rtp.Header, payload []byte, attributes interceptor.Attributes) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, ours := attributes.Get(original{}).(congestion.Packet)
	if ours {
		h.released++
	} else {
		p = congestion.Packet{Kind: discrete.Padding, Size: 28 + header.MarshalSize() + len(payload) + int(header.PaddingSize)}
	}
	number := header.SequenceNumber
	if !h.single {
		number = binary.BigEndian.Uint16(header.GetExtension(extension))
	}
	h.newest += int64(int16(number - uint16(h.newest)))
	p.Number = h.newest
	h.left = append(h.left, p)
	return header.MarshalSize() + len(payload), nil
}

func (h *hosted) Release(now unit.Instant) (congestion.Packet, bool) {
	h.bubble.until(now)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.left) == 0 {
		return congestion.Packet{}, false
	}
	p := h.left[0]
	h.left = h.left[1:]
	return p, true
}

func (h *hosted) Feedback(datagram []byte, now unit.Instant) {
	h.bubble.until(now)
	packets, err := rtcp.Unmarshal(datagram)
	if err == nil {
		err = h.estimator.WriteRTCP(packets, nil)
	}
	_ = err // what it refuses is for its own figures to show
	synctest.Wait()
}

func (h *hosted) Target(now unit.Instant) unit.BitRate {
	h.bubble.until(now)
	return unit.BitRate(h.estimator.GetTargetBitrate()) - h.sound
}

// rester is an estimator that tells for how long nothing will leave.
type rester interface{ Rest() time.Duration }

// Next is when it looks at its queue, if anything waits or it tells.
func (h *hosted) Next() unit.Instant {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.left) > 0 {
		return unit.Never
	}
	if r, ok := h.estimator.(rester); ok {
		return h.bubble.now().Add(r.Rest())
	}
	if h.offered == h.released {
		return unit.Far
	}
	return h.bubble.tick(h.every)
}
