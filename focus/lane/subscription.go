package lane

import (
	"sync"
	"sync/atomic"
	"time"

	"meshfocus/focus/allocate"
	"meshfocus/focus/packet"
	"meshfocus/simulcast"
)

// SubscriptionConfig is what a subscriber has agreed to about one track.
type SubscriptionConfig struct {
	// SSRC is that of the stream that leaves, RTX that of its retransmissions; 0
	// if there are none, and then nothing is sent again, since no number may be
	// sealed twice.
	SSRC, RTX uint32
	// MID is the section of the subscriber's description, told on packets until
	// the subscriber has reported on the stream; "" for none.
	MID string
	// Writer has the numbers of the subscriber's header extensions; nil: none.
	Writer *packet.Writer
	// Formats are those that the subscriber has agreed to. A packet leaves with the
	// first of its codec, or not at all.
	Formats []Format
	// First is what is wanted at the beginning.
	First simulcast.Layer
}

// Subscription is one End's share in one Track: what is selected of it, the numbers
// it leaves with, and what was sent of it.
type Subscription struct {
	// set once
	end     *End
	kind    Kind
	config  SubscriptionConfig
	formats [codecs]outFormat

	aim atomic.Uint32 // packed layer; any goroutine
	// permitted is what the send loop lets be selected; see permit.
	permitted atomic.Uint32
	// priority is an allocate.Priority; any goroutine.
	priority atomic.Uint32
	track    atomic.Pointer[Track]

	mutex  sync.Mutex // held while the track changes
	closed bool       // guarded by mutex

	choice choice // guarded by what guards the track
	sent   sent   // owned by the send loop of the End's lane
	counts subscriptionCounts
}

// codecs is how many codecs are told apart.
const codecs = int(simulcast.H264) + 1

// outFormat is how a subscriber wants a codec.
type outFormat struct {
	agreed                bool
	payloadType, rtx, red uint8
	clock                 uint32
}

// number is the payload type of a packet, redundant sound or not.
func (f *outFormat) number(red bool) uint8 {
	if red && f.red != 0 {
		return f.red
	}
	return f.payloadType
}

// Subscribe has a Track sent to the End's peer until the Subscription, the Track or
// the End is closed. It begins with a key frame. Any goroutine may.
//
// An SSRC that a closed Subscription of the End has used may be used again: its
// numbers go on. The error is ErrClosed, ErrSource or ErrFormat.
func (e *End) Subscribe(t *Track, c SubscriptionConfig) (*Subscription, error) {
	s := &Subscription{end: e, kind: t.config.Kind, config: c}
	if s.config.Writer == nil {
		s.config.Writer = packet.NewWriter(&packet.Numbers{}, false)
	}
	if s.agree(c.Formats) == 0 {
		return nil, ErrFormat
	}
	begin, err := e.out.register(s, t.lane.now())
	if err != nil {
		return nil, err
	}
	s.Aim(c.First)
	s.permit(s.first())
	s.Matter(allocate.Visible)
	e.lane.mail.post(letter{kind: letterAdded, end: e, sub: s}, nil)
	s.follow(t, begin)
	return s, nil
}

// follow has the subscription take its packets from a track.
func (s *Subscription) follow(t *Track, begin beginning) {
	s.choice.begin(begin.sequence, begin.timestamp)
	s.track.Store(t)
	t.subscribe(s)
}

// Replace puts another track of the same kind in the place of the present one, on
// the same SSRC: numbers and timestamps go on, and it begins with a key frame. nil:
// nothing leaves until there is one again. The error is ErrFormat if the subscriber
// has not agreed to the track's codec, or it is of another kind, or ErrClosed; the
// track before goes on then. Any goroutine may.
func (s *Subscription) Replace(t *Track) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed {
		return ErrClosed
	}
	if t != nil && (t.config.Kind != s.kind || t.config.Codec != simulcast.Other && s.formatOf(t.config.Codec) == nil) {
		return ErrFormat
	}
	s.leave()
	if t != nil {
		s.follow(t, s.end.out.goOn(s, s.end.lane.now()))
	}
	return nil
}

// leave ends following the present track, if there is one, and keeps its numbers.
func (s *Subscription) leave() {
	if t := s.track.Swap(nil); t != nil {
		t.unsubscribe(s)
		s.end.out.keep(s)
	}
}

// formatOf is how the subscriber wants a codec, nil if not at all.
func (s *Subscription) formatOf(codec simulcast.Codec) *outFormat {
	if int(codec) >= codecs || !s.formats[codec].agreed {
		return nil
	}
	return &s.formats[codec]
}

// agree takes the first format of each codec, and says how many there are.
func (s *Subscription) agree(formats []Format) (agreed int) {
	for _, f := range formats {
		if int(f.Codec) >= codecs || s.formats[f.Codec].agreed {
			continue
		}
		agreed++
		s.formats[f.Codec] = outFormat{agreed: true, payloadType: f.PayloadType, rtx: f.RTX, red: f.Red, clock: f.Clock}
	}
	return agreed
}

// Aim says what is wanted from now on; None pauses at the end of the present frame.
// It comes true as soon as a packet of the track allows. Any goroutine may.
func (s *Subscription) Aim(layer simulcast.Layer) {
	s.aim.Store(uint32(uint8(layer.Spatial))<<8 | uint32(uint8(layer.Temporal)))
}

// Matter says how much it matters to the peer among what else it gets, where not all
// fits (EndConfig.Adaptive): allocate.Visible until it is said. Any goroutine may.
func (s *Subscription) Matter(p allocate.Priority) { s.priority.Store(uint32(p)) }

// aimed is what was aimed at last.
func (s *Subscription) aimed() simulcast.Layer {
	aim := s.aim.Load()
	return simulcast.Layer{Spatial: int8(aim >> 8), Temporal: int8(aim)}
}

// Current says what is being sent, None for nothing. Any goroutine may.
func (s *Subscription) Current() simulcast.Layer { return s.choice.layer() }

// Useful gives the largest spatial layer that its publisher is to send for it, -1 for
// none: what is wished for, or the next above what its path carries now, as long as that
// is less; and what is being sent, until that has changed. Any goroutine may.
func (s *Subscription) Useful() int8 {
	wish, most := s.aimed().Spatial, s.permission().layer.Spatial
	if most < everything {
		most++ // it is what is tried next, or the lowest
	}
	return max(min(wish, most), s.Current().Spatial)
}

// Track gives what it is a share of, nil if nothing at present. Any goroutine may.
func (s *Subscription) Track() *Track { return s.track.Load() }

// Close ends the subscription: after it nothing more is selected, and what was
// already handed over is dropped. Closing twice does nothing. Any goroutine may.
func (s *Subscription) Close() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	s.leave()
	s.end.lane.mail.post(letter{kind: letterRemoved, end: s.end, sub: s}, nil)
	s.end.out.unregister(s) // behind the letter: who takes the SSRCs next finds their numbers
}

// SubscriptionStats is what was sent of a track to one subscriber. All counts go up
// only.
type SubscriptionStats struct {
	Packets, Bytes uint64 // sent, without what was sent again; bytes of payload
	Frames         uint64 // whose last packet was sent
	Fills          uint64 // of the packets, empty ones for numbers that were held in vain
	Resent         uint64 // packets that were sent again
	// Nacked counts numbers the subscriber asked for again, Denied those of them
	// that were not sent: too often, too soon, gone, or of what was left behind.
	Nacked, Denied uint64
	// KeyFrameRequests counts PLI, and FIR as far as they were new.
	KeyFrameRequests uint64
	// Unsent counts packets that were selected and could not be sent: no format of
	// their codec, no keys, no path.
	Unsent uint64
	// Emptied counts how often what waited for its time was left out, as it was too
	// much.
	Emptied uint64
	// Reports counts the subscriber's reports about the stream, and the rest is what
	// the last one said: packets lost altogether, the share of late, jitter, and the
	// round trip, 0 if it does not tell.
	Reports      uint64
	Lost         int64
	FractionLost float64 // 0 to 1
	Jitter       time.Duration
	RoundTrip    time.Duration
	Current      simulcast.Layer
	// Reason is why it gets what it gets and nothing better, allocate.Best while nothing
	// is estimated.
	Reason allocate.Reason
}

// Stats gives the counts. Any goroutine may.
func (s *Subscription) Stats() SubscriptionStats {
	stats := s.counts.stats()
	stats.Current, stats.Reason = s.Current(), s.permission().reason
	return stats
}
