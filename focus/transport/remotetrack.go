package transport

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// pliInterval is the least time between two requests for a key frame. A
// request and its key frame need a round trip and an encoder's frame.
const pliInterval = 500 * time.Millisecond

// packetRoom is how many packets wait for ReadRTP.
const packetRoom = 256

// RemoteTrack is media received from the other side. All methods may be
// called from any goroutine; samples go to one reader each.
//
// Its read loop owns the assembler and takes packets off the network whether
// anybody reads the samples or not. It ends when the other side takes the
// track away or the connection is closed; ReadSample then gives io.EOF.
type RemoteTrack struct {
	conn     *Conn               // set once
	track    *webrtc.TrackRemote // set once
	receiver *webrtc.RTPReceiver // set once
	kind     Kind                // set once
	shelf    *shelf              // set once
	ended    chan struct{}       // closed when the read loop has ended
	packets  chan []byte         // for ReadRTP
	wanted   sync.Once           // the first ReadRTP opens the flow
	flowing  chan struct{}       // closed by it

	// Owned by the read loop.
	frames *assembler
	repair repair

	mu      sync.Mutex // guards all below
	codec   Codec
	lastPLI time.Time
	stats   ReceivedStats
	jitter  jitter
	clock   senderClock
}

func newRemoteTrack(conn *Conn, track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) *RemoteTrack {
	kind := Video
	if track.Kind() == webrtc.RTPCodecTypeAudio {
		kind = Audio
	}
	return &RemoteTrack{
		conn: conn, track: track, receiver: receiver, kind: kind,
		shelf: newShelf(kind), ended: make(chan struct{}),
		packets: make(chan []byte, packetRoom), flowing: make(chan struct{}),
		codec: codecOf(track.Codec().MimeType),
	}
}

// ID is the track part of a=msid, as the last description has it.
func (t *RemoteTrack) ID() string { return t.track.ID() }

// StreamID is the stream part of a=msid, as the last description has it;
// empty if the other side gives none.
func (t *RemoteTrack) StreamID() string { return t.track.StreamID() }

// Kind says which medium the track is of.
func (t *RemoteTrack) Kind() Kind { return t.kind }

// SSRC identifies the RTP stream.
func (t *RemoteTrack) SSRC() uint32 { return uint32(t.track.SSRC()) }

// Codec of the last packet; it can change while the track runs.
func (t *RemoteTrack) Codec() Codec {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.codec
}

// Ended is closed when no more packets will come.
func (t *RemoteTrack) Ended() <-chan struct{} { return t.ended }

// ReadSample waits for the next frame or packet of sound. Errors: ctx's, and
// io.EOF when the track has ended. Who does not read loses samples, no more:
// they are counted as unread.
func (t *RemoteTrack) ReadSample(ctx context.Context) (Sample, error) { return t.shelf.take(ctx) }

// ReadRTP waits for the next packet as it came, decrypted, and copies it.
// Errors: io.ErrShortBuffer (the packet is lost), io.EOF when the track has
// ended. Packets before the first call are not kept.
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

// RequestKeyFrame asks the sender for a key frame (PLI, RFC 4585 section
// 6.3.1), at most twice a second. Where the sender cannot make one, the next
// one in its source comes when it comes.
func (t *RemoteTrack) RequestKeyFrame() {
	now := time.Now()
	t.mu.Lock()
	if t.kind != Video || now.Sub(t.lastPLI) < pliInterval {
		t.mu.Unlock()
		return
	}
	t.lastPLI = now
	t.stats.KeyFrameRequests++
	t.mu.Unlock()
	// An error means that the connection is closing.
	_ = t.conn.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: t.SSRC()}})
}

// Stats gives the counters.
func (t *RemoteTrack) Stats() ReceivedStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	stats := t.stats
	stats.Kind, stats.Codec, stats.SSRC = t.kind, t.codec, uint32(t.track.SSRC())
	stats.ID, stats.StreamID = t.track.ID(), t.track.StreamID()
	stats.Unread = t.shelf.dropped()
	select {
	case <-t.ended:
		stats.Ended = true
	default:
	}
	return stats
}

// read is the read loop.
func (t *RemoteTrack) read() {
	defer func() {
		t.frames = nil // what waited for its other half
		close(t.ended)
		close(t.packets)
		t.shelf.end()
	}()
	buffer := make([]byte, receiveMTU)
	for {
		n, _, err := t.track.Read(buffer)
		if err != nil && n == 0 {
			return
		}
		if err == nil { // else a payload type we did not agree to
			t.receive(buffer[:n], time.Now())
		}
	}
}

// receive takes in one packet.
func (t *RemoteTrack) receive(raw []byte, now time.Time) {
	select {
	case <-t.flowing:
		select {
		case t.packets <- append([]byte(nil), raw...):
		default: // nobody keeps up
		}
	default:
	}
	var packet rtp.Packet
	if err := packet.Unmarshal(raw); err != nil {
		return
	}
	payload := append([]byte(nil), packet.Payload...)
	t.useCodec(codecOf(t.track.Codec().MimeType))
	t.mu.Lock()
	t.stats.Packets++
	t.stats.Bytes += uint64(len(payload))
	t.stats.Jitter = t.jitter.add(packet.Timestamp, t.codec.ClockRate(), now)
	t.mu.Unlock()
	if t.kind == Video {
		t.repair.came(packet.SequenceNumber, now)
		t.requestLost(now)
	}
	t.frames.push(&packet.Header, payload, now)
	for {
		sample, ok := t.frames.pop(now)
		if !ok {
			break
		}
		t.deliver(sample)
	}
	t.mu.Lock()
	t.stats.Lost, t.stats.Late, t.stats.Broken = t.frames.stats.Lost, t.frames.stats.Late, t.frames.stats.Broken
	t.mu.Unlock()
}

// requestLost asks for packets that are missing.
func (t *RemoteTrack) requestLost(now time.Time) {
	if len(t.repair.missing) == 0 {
		return
	}
	lost := t.repair.ask(now, t.conn.roundTrip())
	if len(lost) == 0 {
		return
	}
	t.mu.Lock()
	t.stats.Nacked += uint64(len(lost))
	t.mu.Unlock()
	// An error means that the connection is closing.
	_ = t.conn.pc.WriteRTCP([]rtcp.Packet{&rtcp.TransportLayerNack{MediaSSRC: t.SSRC(), Nacks: rtcp.NackPairsFromSequenceNumbers(lost)}})
}

// useCodec sees to it that frames are put together for the codec of the
// packet at hand.
func (t *RemoteTrack) useCodec(codec Codec) {
	if t.frames != nil && t.frames.codec == codec {
		return
	}
	fresh := newAssembler(codec)
	if t.frames != nil {
		fresh.stats = t.frames.stats
	}
	t.frames = fresh
	t.mu.Lock()
	t.codec = codec
	t.mu.Unlock()
}

// deliver shelves a sample and asks for a key frame where decoding cannot go
// on: at the beginning and after a loss.
func (t *RemoteTrack) deliver(sample Sample) {
	t.mu.Lock()
	first := t.stats.Frames == 0
	t.stats.Frames++
	if sample.KeyFrame {
		t.stats.KeyFrames++
	}
	if sample.Width > 0 {
		t.stats.Width, t.stats.Height = sample.Width, sample.Height
	}
	sample.Captured = t.clock.at(sample.Timestamp, sample.Codec.ClockRate())
	t.mu.Unlock()
	t.shelf.put(sample)
	if !sample.KeyFrame && (first || sample.Dropped > 0) {
		t.RequestKeyFrame()
	}
}

// readReports takes in the sender's reports. The interceptors that answer
// them live on this read.
func (t *RemoteTrack) readReports() {
	buffer := make([]byte, receiveMTU)
	for {
		n, attributes, err := t.readReport(buffer)
		if err != nil {
			return
		}
		packets, err := attributes.GetRTCPPackets(buffer[:n])
		if err != nil {
			continue
		}
		for _, packet := range packets {
			if report, ok := packet.(*rtcp.SenderReport); ok && report.SSRC == t.SSRC() {
				t.mu.Lock()
				t.clock = senderClock{known: true, ntp: report.NTPTime, rtp: report.RTPTime}
				t.mu.Unlock()
			}
		}
	}
}

func (t *RemoteTrack) readReport(buffer []byte) (int, interceptor.Attributes, error) {
	if rid := t.track.RID(); rid != "" {
		return t.receiver.ReadSimulcast(buffer, rid)
	}
	return t.receiver.Read(buffer)
}

// String names the track for logs.
func (t *RemoteTrack) String() string {
	return fmt.Sprintf("%s %s %q", t.kind, t.Codec(), t.StreamID())
}

// senderClock relates RTP timestamps to the sender's clock (RFC 3550 section
// 6.4.1); what two tracks of one sender have in common.
type senderClock struct {
	known bool
	ntp   uint64 // 32.32 seconds since 1900
	rtp   uint32
}

// at gives the sender's time of a timestamp; zero if no report came yet.
func (c senderClock) at(timestamp, clock uint32) time.Time {
	if !c.known || clock == 0 {
		return time.Time{}
	}
	seconds, fraction := int64(c.ntp>>32), int64(c.ntp&0xffffffff)
	reported := time.Unix(seconds+ntpEpoch, fraction*int64(time.Second)>>32)
	return reported.Add(time.Duration(int32(timestamp-c.rtp)) * time.Second / time.Duration(clock))
}

// jitter is the interarrival jitter of RFC 3550 section 6.4.1.
type jitter struct {
	started bool
	arrived time.Time
	rtp     uint32
	value   float64 // seconds
}

func (j *jitter) add(timestamp, clock uint32, now time.Time) time.Duration {
	if clock == 0 {
		return 0
	}
	if j.started && timestamp != j.rtp { // packets of one frame share the timestamp
		d := now.Sub(j.arrived).Seconds() - float64(int32(timestamp-j.rtp))/float64(clock)
		j.value += (max(d, -d) - j.value) / 16
	}
	if !j.started || timestamp != j.rtp {
		j.started, j.arrived, j.rtp = true, now, timestamp
	}
	return time.Duration(j.value * float64(time.Second))
}
