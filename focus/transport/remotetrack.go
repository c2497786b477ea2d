package transport

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// pliInterval is the least time between two requests for a key frame. A
// request and its key frame need a round trip and an encoder's frame.
const pliInterval = 500 * time.Millisecond

// packetRoom is how many packets wait for ReadRTP.
const packetRoom = 256

// layerSilence is how long a layer may be silent before another takes its
// place: above the distance of frames of a screen that hardly changes (5 a
// second) and of a frame that is waited for.
const layerSilence = time.Second

// RemoteTrack is media received from the other side: one source in one or
// several encodings, its layers. All methods may be called from any goroutine;
// samples go to one reader each.
//
// # Layers
//
// Readers get one layer at a time, as one stream: the largest that lives. They
// move up with the first key frame of a larger layer, and to another when
// theirs has been silent for a second, at its next key frame. Timestamps go on
// across such a change. What each layer does is in Stats.
//
// # Life
//
// Frames are put together on the lane's read loop, whether anybody reads them or
// not. The track ends when the other side takes it away or the connection is
// closed; ReadSample then gives io.EOF.
type RemoteTrack struct {
	origin  origin        // set once
	kind    Kind          // set once
	shelf   *shelf        // set once
	ended   chan struct{} // closed when the last layer has ended
	packets chan []byte   // for ReadRTP
	wanted  sync.Once     // the first ReadRTP opens the flow
	flowing chan struct{} // closed by it

	mu       sync.Mutex // guards all below, and what layers say it does
	layers   []*layer   // in order of arrival
	running  int        // layers that have not ended
	present  *layer     // what readers get
	shift    uint32     // added to its timestamps
	last     Sample     // given to readers, without its data
	lastPLI  time.Time
	given    uint64 // frames, to readers
	keys     uint64 // key frames among them
	requests uint64
}

// origin is where a track comes from: a line of a Conn.
type origin interface {
	// names are the parts of a=msid, as the last description has them.
	names() (track, stream string)
	// askKeyFrame asks the sender for one of every layer.
	askKeyFrame()
	// complete adds what the lane counts. It is called without locks.
	complete(*ReceivedStats)
}

func newRemoteTrack(kind Kind, origin origin) *RemoteTrack {
	return &RemoteTrack{
		origin: origin, kind: kind, shelf: newShelf(kind), ended: make(chan struct{}),
		packets: make(chan []byte, packetRoom), flowing: make(chan struct{}),
	}
}

// add makes the layer of a stream that has begun, in place of a former one of
// that name. It reports false when the track has ended already.
func (t *RemoteTrack) add(rid string, ssrc uint32, codec Codec) (*layer, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.layers) > 0 && t.running == 0 {
		return nil, false
	}
	fresh := &layer{of: t, rid: rid, ssrc: ssrc, codec: codec}
	t.running++
	if i := slices.IndexFunc(t.layers, func(l *layer) bool { return l.rid == rid }); i >= 0 {
		fresh.stats = t.layers[i].stats
		if t.present == t.layers[i] {
			t.present = nil
		}
		t.layers[i] = fresh
	} else {
		t.layers = append(t.layers, fresh)
	}
	return fresh, true
}

// layerEnded ends a layer.
func (t *RemoteTrack) layerEnded(l *layer) {
	l.frames = nil // what waited for its other half
	t.mu.Lock()
	t.running--
	over := t.running == 0
	t.mu.Unlock()
	if over {
		close(t.ended)
		close(t.packets)
		t.shelf.end()
	}
}

// ID is the track part of a=msid, as the last description has it.
func (t *RemoteTrack) ID() string {
	id, _ := t.origin.names()
	return id
}

// StreamID is the stream part of a=msid, as the last description has it;
// empty if the other side gives none.
func (t *RemoteTrack) StreamID() string {
	_, stream := t.origin.names()
	return stream
}

// Kind says which medium the track is of.
func (t *RemoteTrack) Kind() Kind { return t.kind }

// SSRC identifies the RTP stream of the layer that readers get.
func (t *RemoteTrack) SSRC() uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.reading(); l != nil {
		return l.ssrc
	}
	return 0
}

// Codec of the last packet of the layer that readers get; it can change while
// the track runs.
func (t *RemoteTrack) Codec() Codec {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.reading(); l != nil {
		return l.codec
	}
	return 0
}

// reading gives the layer that readers get, or would get first. t.mu is held.
func (t *RemoteTrack) reading() *layer {
	if t.present == nil && len(t.layers) > 0 {
		return t.layers[0]
	}
	return t.present
}

// Ended is closed when no more packets will come.
func (t *RemoteTrack) Ended() <-chan struct{} { return t.ended }

// ReadSample waits for the next frame or packet of sound. Errors: ctx's, and
// io.EOF when the track has ended. Who does not read loses samples, no more:
// they are counted as unread.
func (t *RemoteTrack) ReadSample(ctx context.Context) (Sample, error) { return t.shelf.take(ctx) }

// ReadRTP waits for the next packet of the layer that readers get, decrypted
// and otherwise as it came, and copies it. Errors: io.ErrShortBuffer (the
// packet is lost), io.EOF when the track has ended. Packets before the first
// call are not kept.
func (t *RemoteTrack) ReadRTP(buffer []byte) (int, error) {
	t.wanted.Do(func() { close(t.flowing) })
	packet, ok := <-t.packets
	if !ok {
		return 0, io.EOF
	}
	if len(packet) > len(buffer) {
		return 0, io.ErrShortBuffer
	}
	return copy(buffer, packet), nil
}

// flows reports whether ReadRTP was ever called.
func (t *RemoteTrack) flows() bool {
	select {
	case <-t.flowing:
		return true
	default:
		return false
	}
}

// pass hands a packet to ReadRTP.
func (t *RemoteTrack) pass(l *layer, raw []byte) {
	if !t.flows() {
		return
	}
	t.mu.Lock()
	wanted := t.reading() == l
	t.mu.Unlock()
	if !wanted {
		return
	}
	select {
	case t.packets <- append([]byte(nil), raw...):
	default: // nobody keeps up
	}
}

// RequestKeyFrame asks the sender for a key frame (PLI, RFC 4585 section
// 6.3.1), at most twice a second. Where the sender cannot make one, the next
// one in its source comes when it comes. Browsers answer with a key frame of
// every layer.
func (t *RemoteTrack) RequestKeyFrame() {
	t.mu.Lock()
	l := t.reading()
	t.mu.Unlock()
	if l != nil {
		t.requestKeyFrame(l)
	}
}

func (t *RemoteTrack) requestKeyFrame(l *layer) {
	now := time.Now()
	t.mu.Lock()
	if t.kind != Video || now.Sub(t.lastPLI) < pliInterval {
		t.mu.Unlock()
		return
	}
	t.lastPLI = now
	t.requests++
	t.mu.Unlock()
	t.origin.askKeyFrame()
}

// Stats gives the counters: packets over all layers, frames as readers get
// them.
func (t *RemoteTrack) Stats() ReceivedStats {
	stats := t.count()
	t.origin.complete(&stats)
	return stats
}

func (t *RemoteTrack) count() ReceivedStats {
	id, stream := t.origin.names()
	t.mu.Lock()
	defer t.mu.Unlock()
	stats := ReceivedStats{
		Kind: t.kind, ID: id, StreamID: stream,
		Frames: t.given, KeyFrames: t.keys, KeyFrameRequests: t.requests, Unread: t.shelf.dropped(),
	}
	for _, l := range t.layers {
		each := l.snapshot()
		each.Read = l == t.reading()
		if each.Read {
			stats.Codec, stats.SSRC, stats.Jitter = each.Codec, each.SSRC, each.Jitter
			stats.Width, stats.Height = each.Width, each.Height
		}
		stats.Packets += each.Packets
		stats.Bytes += each.Bytes
		stats.Nacked += each.Nacked
		stats.Lost += each.Lost
		stats.Late += each.Late
		stats.Broken += each.Broken
		stats.Layers = append(stats.Layers, each)
	}
	slices.SortStableFunc(stats.Layers, func(a, b LayerStats) int { return cmp.Compare(a.Width*a.Height, b.Width*b.Height) })
	select {
	case <-t.ended:
		stats.Ended = true
	default:
	}
	return stats
}

// deliver takes a frame of a layer. If it is of the one that readers get it is
// shelved, and a key frame is asked for where decoding cannot go on: at the
// beginning and after a loss. Where readers wait for a layer that is silent,
// one of another is asked for.
func (t *RemoteTrack) deliver(l *layer, sample Sample) {
	t.mu.Lock()
	first := t.given == 0
	l.frame(&sample)
	if !t.choose(l, &sample) {
		stuck := t.silent(sample.Arrived)
		t.mu.Unlock()
		if stuck {
			t.requestKeyFrame(l)
		}
		return
	}
	t.given++
	if sample.KeyFrame {
		t.keys++
	}
	sample.Timestamp += t.shift
	t.last = sample
	t.last.Data = nil
	t.mu.Unlock()
	t.shelf.put(sample)
	if !sample.KeyFrame && (first || sample.Dropped > 0) {
		t.requestKeyFrame(l)
	}
}

// choose reports whether readers get a frame, and makes its layer the present
// one where that is due: see the rule at RemoteTrack. t.mu is held.
func (t *RemoteTrack) choose(l *layer, sample *Sample) bool {
	switch {
	case t.present == l:
		return true
	case t.given == 0:
		t.present = l
		return true
	case !sample.KeyFrame:
		return false
	case t.present == nil, l.area() > t.present.area(), t.silent(sample.Arrived):
		t.present = l
		t.shift = t.last.Timestamp + t.since(*sample) - sample.Timestamp
		sample.Dropped = 0
		return true
	}
	return false
}

// silent reports whether readers wait for a layer that does not send. t.mu is
// held.
func (t *RemoteTrack) silent(now time.Time) bool {
	return t.present == nil || now.Sub(t.present.stats.LastSeen) > layerSilence
}

// since gives the ticks between the last frame given to readers and one of
// another layer: by the sender's clock if it is known for both. t.mu is held.
func (t *RemoteTrack) since(sample Sample) uint32 {
	passed := sample.Arrived.Sub(t.last.Arrived)
	if !sample.Captured.IsZero() && !t.last.Captured.IsZero() {
		passed = sample.Captured.Sub(t.last.Captured)
	}
	passed = max(passed, time.Millisecond)
	return uint32(passed.Seconds() * float64(sample.Codec.ClockRate()))
}

// String names the track for logs.
func (t *RemoteTrack) String() string {
	return fmt.Sprintf("%s %s %q", t.kind, t.Codec(), t.StreamID())
}
