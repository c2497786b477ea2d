package transport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"meshfocus/simulcast"
)

// Sample is one picture or one packet of sound. To send: Data and Duration.
// Received ones have all the rest.
type Sample struct {
	// Data is a frame: VP8 and VP9 as they are; H.264 an access unit with
	// start codes (Annex B); AV1 a temporal unit of OBUs with sizes, without
	// delimiters; Opus a packet. Not to be changed once given away.
	Data []byte
	// Duration until the next sample. Received samples have 0: see Timestamp.
	Duration time.Duration

	// Codec of Data; it can change within a track.
	Codec Codec
	// Timestamp is the RTP timestamp, in the clock of the codec. It wraps.
	Timestamp uint32
	// Arrived is when the first packet of the sample came.
	Arrived time.Time
	// Captured is the time on the sender's clock, for putting its tracks side
	// by side; zero before its first report.
	Captured time.Time
	// KeyFrame: decoding can start here. Every sample of sound is one.
	KeyFrame bool
	// Width and Height of the picture in pixels, if a key frame says so.
	Width, Height int
	// Dropped counts packets missing between the sample before and this one.
	Dropped int
}

// TrackConfig describes a LocalTrack. ID and StreamID are what a=msid says of
// it (RFC 8830); sdp_stream_metadata refers to StreamID.
type TrackConfig struct {
	Kind     Kind
	Codec    Codec
	ID       string
	StreamID string
	// Layers is how many sizes of one picture are written, at most simulcast.Streams; 0
	// is one. A connection sends one of them at a time: the largest, or the one that
	// its way carries (ConnConfig.Adaptive).
	Layers int
	// Patient: the source makes key frames at times of its own, and to be asked for one
	// costs it something. It is asked only for connections that show nothing.
	Patient bool
}

// maxPayload is what of a frame goes into one packet: libwebrtc's 1200 bytes
// of RTP less the header and our extensions.
const maxPayload = 1160

// LocalTrack is media to send. It feeds any number of connections and cuts
// frames into packets once for all of them.
//
// Its source, one goroutine at a time, writes samples or RTP packets; it owns
// the layers, with their packetisers. Connections come and go from other goroutines.
type LocalTrack struct {
	config TrackConfig // set once
	layers []*LocalLayer
	muted  atomic.Bool

	// Owned by the source.
	input     splice // WriteRTP: numbers of the arriving stream
	inputSSRC uint32

	requests  chan struct{}           // capacity 1
	feeds     atomic.Pointer[[]*feed] // one for each lane it is sent on; immutable snapshot
	mu        sync.Mutex              // serialises changes of feeds
	malformed atomic.Uint64
}

// NewLocalTrack makes a track. Nothing runs until its source writes.
func NewLocalTrack(config TrackConfig) (*LocalTrack, error) {
	if config.Codec.Kind() == 0 {
		return nil, errors.New("local track: codec missing")
	}
	if config.Kind == 0 {
		config.Kind = config.Codec.Kind()
	}
	if config.Kind != config.Codec.Kind() {
		return nil, fmt.Errorf("local track: %s is not a codec for %s", config.Codec, config.Kind)
	}
	if config.ID == "" || config.StreamID == "" {
		return nil, errors.New("local track: ID and StreamID must not be empty")
	}
	config.Layers = max(config.Layers, 1)
	if config.Layers > simulcast.Streams || config.Layers > 1 && config.Kind != Video {
		return nil, fmt.Errorf("local track: %d layers of %s; pictures have up to %d", config.Layers, config.Kind, simulcast.Streams)
	}
	t := &LocalTrack{config: config, requests: make(chan struct{}, 1)}
	begin := rand.Uint32() // what is shown at one time has one timestamp
	for index := range config.Layers {
		t.layers = append(t.layers, &LocalLayer{
			track: t, index: index, payloader: payloader(config.Codec),
			sequence: uint16(rand.Uint32()), timestamp: begin, // RFC 3550 section 5.1: both start at random
		})
	}
	t.feeds.Store(&[]*feed{})
	return t, nil
}

func payloader(codec Codec) rtp.Payloader {
	switch codec {
	case Opus:
		return &codecs.OpusPayloader{}
	case VP8:
		return &codecs.VP8Payloader{EnablePictureID: true}
	case VP9:
		return &codecs.VP9Payloader{}
	case H264:
		return &codecs.H264Payloader{}
	case AV1:
		return &codecs.AV1Payloader{}
	}
	return nil
}

// Kind, Codec, ID and StreamID say what the track was made with.
func (t *LocalTrack) Kind() Kind { return t.config.Kind }

// Config is what the track was made with.
func (t *LocalTrack) Config() TrackConfig { return t.config }

// Codec says how the track is encoded.
func (t *LocalTrack) Codec() Codec { return t.config.Codec }

// ID is the track part of a=msid.
func (t *LocalTrack) ID() string { return t.config.ID }

// StreamID is the stream part of a=msid.
func (t *LocalTrack) StreamID() string { return t.config.StreamID }

// Bindings counts the connections the track is being sent to.
func (t *LocalTrack) Bindings() (count int) {
	for _, f := range *t.feeds.Load() {
		count += int(f.count.Load())
	}
	return count
}

// KeyFrameRequests delivers when a receiver needs a key frame (PLI, FIR).
// Requests of all connections are merged: one stays pending at most, and those
// of who had not seen the last key frame yet are dropped (feedback.KeyFrames).
func (t *LocalTrack) KeyFrameRequests() <-chan struct{} { return t.requests }

// Malformed counts packets given to WriteRTP that were no RTP.
func (t *LocalTrack) Malformed() uint64 { return t.malformed.Load() }

// WriteSample writes a sample of the first layer, which is the only one of most.
func (t *LocalTrack) WriteSample(sample Sample) error { return t.layers[0].WriteSample(sample) }

// Layer gives one of the layers, from 0. All of a track are written by one goroutine.
func (t *LocalTrack) Layer(index int) *LocalLayer { return t.layers[index] }

// WriteRTP sends one RTP packet that was made elsewhere. Payload type and
// SSRC are rewritten for each connection; a new SSRC or a jump in the input
// continues the numbers of the old. Header extensions are not passed on:
// their numbers mean something else there. It is for tracks of one layer.
func (t *LocalTrack) WriteRTP(packet []byte) error {
	var in rtp.Packet
	if err := in.Unmarshal(packet); err != nil {
		t.malformed.Add(1)
		return fmt.Errorf("local track %s: not an RTP packet: %w", t.config.ID, err)
	}
	if len(in.Payload) == 0 || packet[1] >= 192 && packet[1] <= 223 {
		return nil // padding, or RTCP on the same port (RFC 5761 section 4)
	}
	if in.SSRC != t.inputSSRC {
		t.inputSSRC = in.SSRC
		t.input.cut()
	}
	now := time.Now()
	key := t.config.Kind == Video && beginsKeyFrame(t.config.Codec, in.Payload)
	if !t.layers[0].mute.passes(t.muted.Load(), t.config.Kind, key) {
		t.input.cut()
		return nil
	}
	header := rtp.Header{Version: 2, Marker: in.Marker}
	header.SequenceNumber, header.Timestamp = t.input.next(in.SequenceNumber, in.Timestamp, t.config.Codec.ClockRate(), now)
	payload := slices.Clone(in.Payload)
	for _, f := range *t.feeds.Load() {
		f.write(0, header, payload)
		f.flush()
	}
	return nil
}

// add and remove replace the snapshot. t.mu is held.
func (t *LocalTrack) add(added *feed) {
	feeds := append(slices.Clone(*t.feeds.Load()), added)
	t.feeds.Store(&feeds)
}

func (t *LocalTrack) remove(removed *feed) {
	feeds := slices.DeleteFunc(slices.Clone(*t.feeds.Load()), func(each *feed) bool { return each == removed })
	t.feeds.Store(&feeds)
}

func (t *LocalTrack) askKeyFrame() {
	select {
	case t.requests <- struct{}{}:
	default:
	}
}
