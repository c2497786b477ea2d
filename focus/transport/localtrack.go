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
}

// maxPayload is what of a frame goes into one packet: libwebrtc's 1200 bytes
// of RTP less the header and our extensions.
const maxPayload = 1160

// keyFrameInterval is the least time between two answered requests for a key
// frame by those who could have seen the last one.
const keyFrameInterval = 100 * time.Millisecond

// LocalTrack is media to send. It feeds any number of connections and cuts
// frames into packets once for all of them.
//
// Its source, one goroutine at a time, writes samples or RTP packets; it owns
// the packetiser. Connections come and go from other goroutines.
type LocalTrack struct {
	config TrackConfig // set once

	// Owned by the source.
	payloader rtp.Payloader
	sequence  uint16
	timestamp uint32
	remainder time.Duration // of a sample, too short for a tick
	input     splice        // WriteRTP: numbers of the arriving stream
	inputSSRC uint32

	requests  chan struct{}             // capacity 1
	lastKey   atomic.Int64              // unix nanoseconds of the last key frame written
	outlets   atomic.Pointer[[]*outlet] // immutable snapshot
	mu        sync.Mutex                // serialises changes of outlets
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
	t := &LocalTrack{
		config:    config,
		payloader: payloader(config.Codec),
		sequence:  uint16(rand.Uint32()), // RFC 3550 section 5.1: both start at random
		timestamp: rand.Uint32(),
		requests:  make(chan struct{}, 1),
	}
	t.outlets.Store(&[]*outlet{})
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

// Codec says how the track is encoded.
func (t *LocalTrack) Codec() Codec { return t.config.Codec }

// ID is the track part of a=msid.
func (t *LocalTrack) ID() string { return t.config.ID }

// StreamID is the stream part of a=msid.
func (t *LocalTrack) StreamID() string { return t.config.StreamID }

// Bindings counts the connections the track is being sent to.
func (t *LocalTrack) Bindings() int { return len(*t.outlets.Load()) }

// KeyFrameRequests delivers when a receiver needs a key frame (PLI, FIR).
// Requests of all connections are merged: one stays pending at most, and one
// within 100 ms of a key frame that its sender could have seen is dropped.
func (t *LocalTrack) KeyFrameRequests() <-chan struct{} { return t.requests }

// Malformed counts packets given to WriteRTP that were no RTP.
func (t *LocalTrack) Malformed() uint64 { return t.malformed.Load() }

// WriteSample sends one sample to every connection. Timestamps advance by the
// durations, sequence numbers by the packets: they stay continuous however
// the source jumps in its own material. A connection that cannot send does
// not keep the others from getting the sample.
func (t *LocalTrack) WriteSample(sample Sample) error {
	start := t.timestamp
	t.advance(sample.Duration)
	if t.config.Kind == Video && Inspect(t.config.Codec, sample.Data).Key {
		t.lastKey.Store(time.Now().UnixNano())
	}
	outlets := *t.outlets.Load()
	if len(outlets) == 0 || len(sample.Data) == 0 {
		return nil
	}
	payloads := t.payloader.Payload(maxPayload, sample.Data)
	if len(payloads) == 0 {
		return fmt.Errorf("local track %s: %d bytes are not a %s frame", t.config.ID, len(sample.Data), t.config.Codec)
	}
	for i, payload := range payloads {
		header := rtp.Header{
			Version:        2,
			Marker:         t.config.Kind == Video && i == len(payloads)-1,
			SequenceNumber: t.sequence,
			Timestamp:      start,
		}
		t.sequence++
		for _, o := range outlets {
			o.write(t, header, payload)
		}
	}
	return nil
}

// advance moves the timestamp on by a duration, keeping what is less than a
// tick for the next.
func (t *LocalTrack) advance(duration time.Duration) {
	t.remainder += duration
	clock := time.Duration(t.config.Codec.ClockRate())
	ticks := t.remainder * clock / time.Second
	t.timestamp += uint32(ticks)
	t.remainder -= ticks * time.Second / clock
}

// WriteRTP sends one RTP packet that was made elsewhere. Payload type and
// SSRC are rewritten for each connection; a new SSRC or a jump in the input
// continues the numbers of the old. Header extensions are not passed on:
// their numbers mean something else there.
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
	if t.config.Kind == Video && beginsKeyFrame(t.config.Codec, in.Payload) {
		t.lastKey.Store(now.UnixNano())
	}
	header := rtp.Header{Version: 2, Marker: in.Marker}
	header.SequenceNumber, header.Timestamp = t.input.next(in.SequenceNumber, in.Timestamp, t.config.Codec.ClockRate(), now)
	payload := slices.Clone(in.Payload)
	for _, o := range *t.outlets.Load() {
		o.write(t, header, payload)
	}
	return nil
}

// attach adds a connection's end.
func (t *LocalTrack) attach(o *outlet) {
	t.mu.Lock()
	defer t.mu.Unlock()
	outlets := append(slices.Clone(*t.outlets.Load()), o)
	t.outlets.Store(&outlets)
}

// detach removes a connection's end.
func (t *LocalTrack) detach(o *outlet) {
	t.mu.Lock()
	defer t.mu.Unlock()
	outlets := slices.DeleteFunc(slices.Clone(*t.outlets.Load()), func(each *outlet) bool { return each == o })
	t.outlets.Store(&outlets)
}

// requestKeyFrame passes a request on; attached is when the asking connection
// began to get the track.
func (t *LocalTrack) requestKeyFrame(attached, now time.Time) {
	last := time.Unix(0, t.lastKey.Load())
	if now.Sub(last) < keyFrameInterval && attached.Before(last) {
		return
	}
	select {
	case t.requests <- struct{}{}:
	default:
	}
}
