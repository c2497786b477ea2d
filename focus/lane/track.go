package lane

import (
	"sync"
	"sync/atomic"
	"time"

	"meshfocus/focus/feedback"
	"meshfocus/focus/packet"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
	"meshfocus/simulcast/dependency"
)

// TrackConfig is what a Track is made with.
type TrackConfig struct {
	Name string
	Kind Kind
	// Codec and Clock are those of a local source; of a received track they are
	// as they arrive, with Clock as the guess before (0: 48000 or 90000).
	Codec simulcast.Codec
	Clock uint32
	// Numbers are those of the header extensions in what is written to a local
	// source; nil is none.
	Numbers *packet.Numbers
	// Follows is of a local source of pictures that makes what the path of its one
	// subscriber carries (SendingStats.Estimate), up to this rate: it is always sent whole,
	// and its rate is probed for. 0: it makes what it makes, and layers are chosen.
	Follows unit.BitRate
	// Requests gets the requests for key frames of a local source, merged and
	// without waiting, in place of a channel of the track's own; its room is at
	// least 1. Several tracks may share it.
	Requests chan struct{}
	// Patient: key frames come by themselves, and to be asked for one costs the source
	// something, as a file that has to jump there. It is asked for subscribers that show
	// nothing or complain, and not for those who wait for another layer.
	Patient bool
}

// Track is one source: published by an End, or written by ourselves. It has up
// to simulcast.Streams encodings (streams), and any number of subscriptions, on
// any lanes.
//
// All that is known of it is guarded by one mutex: that of the End it was named
// to, or one of its own for a local source. Methods may be called from any
// goroutine; those that say so also from inside a Sink.
type Track struct {
	lane   *Lane
	config TrackConfig

	own   sync.Mutex
	guard atomic.Pointer[sync.Mutex] // own, or that of its End

	// Any goroutine may set these; the guarded side looks at them.
	muted     atomic.Bool
	resting   atomic.Uint32 // spatial layers that the publisher was asked to let rest, a bit each
	priced    atomic.Bool   // somebody wants to know what its layers cost
	requested atomic.Bool   // a local reader wants a key frame
	stirred   atomic.Bool   // anything was asked that maintain is to look at
	levelled  atomic.Uint64 // see level
	levelAt   atomic.Int64

	fanout atomic.Pointer[fanout] // stored under the guard
	ladder ladder                 // what its layers cost
	sinks  atomic.Pointer[[]Sink] // stored under the guard

	// guarded by guard
	end        *End // nil for a local source
	local      bool // something was written to it: no End may have it
	closed     bool
	source     *simulcast.Source
	streams    [simulcast.Streams]*stream
	keyFrames  feedback.KeyFrames
	burst      []arrival             // since the last forward
	descriptor dependency.Descriptor // scratch
	stats      TrackStats
	level      level
	watched    feedback.Layers // streams that anybody gets or waits for
	due        unit.Instant    // when a local source is to be looked at
	rebuilt    unit.Instant    // the ladder
	bare       bool            // VP8 without numbers: only descriptors tell frames apart

	requests chan struct{} // local source
	pen      pen           // local source; owned by whoever writes
}

// NewTrack makes a track, for a section of SetIncoming or to be written to.
func (l *Lane) NewTrack(c TrackConfig) *Track {
	if c.Clock == 0 {
		c.Clock = 90_000
		if c.Kind == Audio {
			c.Clock = 48_000
		}
	}
	if c.Requests == nil {
		c.Requests = make(chan struct{}, 1)
	}
	t := &Track{lane: l, config: c, source: simulcast.NewSource(c.Clock), requests: c.Requests}
	t.guard.Store(&t.own)
	t.fanout.Store(&fanout{})
	t.sinks.Store(&[]Sink{})
	return t
}

// lock takes the track's guard, whoever's it is at present.
func (t *Track) lock() *sync.Mutex {
	for {
		guard := t.guard.Load()
		guard.Lock()
		if guard == t.guard.Load() {
			return guard
		}
		guard.Unlock() // it was named to an End meanwhile
	}
}

// Name gives the name the track was made with, Kind its kind.
func (t *Track) Name() string { return t.config.Name }

// Kind is described with Name.
func (t *Track) Kind() Kind { return t.config.Kind }

// RequestKeyFrame asks the source for a key frame of all its streams, for local
// readers. It may be called from inside a Sink.
func (t *Track) RequestKeyFrame() {
	if !t.requested.Swap(true) {
		t.stir()
	}
}

// SetMuted says that nothing leaves to subscribers until it is said again. Their
// numbers continue afterwards, with a key frame if it is video. Sinks are not
// concerned.
func (t *Track) SetMuted(muted bool) {
	if t.muted.Swap(muted) != muted {
		t.stir()
	}
}

// SetResting says which spatial layers the publisher was asked to let rest, a bit each
// from the smallest on: what they cost is kept until they come again.
func (t *Track) SetResting(layers uint8) { t.resting.Store(uint32(layers)) }

// Read reports whether anybody reads the track here (Attach), in all its layers.
func (t *Track) Read() bool { return len(*t.sinks.Load()) > 0 }

// KeyFrameRequests is told when a local source is to make a key frame: all
// requests since the last one was read are one. For received tracks the lane
// asks the publisher itself.
func (t *Track) KeyFrameRequests() <-chan struct{} { return t.requests }

// Sink is a local reader of a track.
type Sink interface {
	// Packet is given every packet in the clear in order of arrival, before
	// selection: those that were repaired once, and padding as well (info says
	// so). It runs on the read loop under the track's guard and must not wait;
	// Retain keeps the packet. info and p.Header are only to be read.
	Packet(p *packet.Packet, s StreamInfo, info *simulcast.Info)
}

// StreamInfo says which stream a packet is of.
type StreamInfo struct {
	// Stream is the index among the track's, below simulcast.Streams; Spatial
	// its layer by size of pictures, 0 the smallest, -1 while unknown.
	Stream  uint8
	Spatial int8
	RID     string
	// SSRC is what the stream has at present, Format that of the packet.
	SSRC   uint32
	Format Format
	// Reported is the last sender report of the stream, zero before the first.
	Reported feedback.Info
}

// Attach adds a local reader. After detach no call of Packet is under way or
// follows; it must not be called from inside one.
func (t *Track) Attach(s Sink) (detach func()) {
	guard := t.lock()
	defer guard.Unlock()
	sinks := append(append([]Sink(nil), *t.sinks.Load()...), s)
	t.sinks.Store(&sinks)
	var once sync.Once
	return func() { once.Do(func() { t.detach(s) }) }
}

func (t *Track) detach(s Sink) {
	guard := t.lock()
	defer guard.Unlock()
	var left []Sink
	for i, other := range *t.sinks.Load() {
		if other == s {
			left = append(left, (*t.sinks.Load())[i+1:]...)
			break
		}
		left = append(left, other)
	}
	t.sinks.Store(&left)
}

// Close ends the track: its subscriptions get nothing more, its packets are let
// go. A closed track takes nothing any more.
func (t *Track) Close() {
	guard := t.lock()
	if t.closed {
		guard.Unlock()
		return
	}
	t.closed = true
	t.dropBurst()
	for _, s := range t.streams {
		if s != nil {
			s.ring.Clear()
		}
	}
	t.sinks.Store(&[]Sink{})
	t.fanout.Store(&fanout{})
	guard.Unlock()
	t.lane.leaveTrack(t)
}

// stir has the clock loop look at the track. Any goroutine may.
func (t *Track) stir() {
	t.stirred.Store(true)
	t.lane.poke(nil)
}

// Size is that of pictures, in pixels.
type Size struct{ Width, Height uint16 }

// LayerState is what is known of one stream of a track.
type LayerState struct {
	Stream uint8
	// Spatial is its layer by size of pictures, 0 the smallest, -1 while unknown.
	Spatial int8
	RID     string
	SSRC    uint32 // 0 before its first packet
	Codec   simulcast.Codec
	// Flowing: frames of it arrive at present.
	Flowing bool
	// Width and Height are of pictures, in pixels; 0 while unknown. With several spatial
	// layers inside (SVC) they are of the largest, and Sizes of all, the smallest first,
	// which is Spatial; nil while unknown, or if there is one.
	Width, Height uint16
	Sizes         []Size
	// Rates is what its temporal layers up to each arrive with, measured over
	// the last second or so; Pictures is how many there are in a second.
	Rates    [temporals]unit.BitRate
	Pictures float64

	Received feedback.ReceiverStats
	Repair   feedback.MissingStats
	// Reported is the last sender report of the publisher, if there was one.
	Reported feedback.Info
	// LastPacket is when one came, unit.Never if none did.
	LastPacket unit.Instant
}

// temporals is how many temporal layers are told apart; the highest is all.
const temporals = 4

// Layers says what is known of each stream that has sent anything, by stream.
func (t *Track) Layers() []LayerState {
	guard := t.lock()
	defer guard.Unlock()
	var states []LayerState
	for _, s := range t.streams {
		if s != nil && s.known {
			states = append(states, s.state(t.source))
		}
	}
	return states
}

// TrackStats is what a track has done. Counts only go up.
type TrackStats struct {
	Packets, Bytes int64 // that arrived or were written; payload
	Frames         int64
	KeyFrames      feedback.KeyFramesStats
	Requests       int64 // requests for key frames that were sent to the publisher
	Forwarded      int64 // parcels handed over
	Overflowed     int64 // parcels that found no room in a destination
	Uncoded        int64 // parcels whose codec a subscriber has not agreed to
	Shed           int64 // times that a subscription was shed for a full destination
	Dropped        [simulcast.Reasons]int64
}

// Stats gives the counts.
func (t *Track) Stats() TrackStats {
	guard := t.lock()
	defer guard.Unlock()
	stats := t.stats
	stats.KeyFrames = t.keyFrames.Stats()
	return stats
}

// Captured gives when a packet of a stream with the RTP timestamp was captured
// by our clock, as the publisher's sender reports tell it; false before there
// was one. Sound and picture of one publisher agree.
func (t *Track) Captured(stream uint8, timestamp uint32) (unit.Instant, bool) {
	if stream >= simulcast.Streams {
		return unit.Never, false
	}
	guard := t.lock()
	defer guard.Unlock()
	s := t.streams[stream]
	if s == nil || s.ticks == nil || !s.ticks.Reported() {
		return unit.Never, false
	}
	return s.ticks.Instant(timestamp), true
}

// frameTime stands for the time between two pictures where it is not measured.
const frameTime = 33 * time.Millisecond
