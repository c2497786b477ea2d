package transport

import (
	"errors"
	"fmt"
	"time"

	"github.com/pion/rtp"
)

// LocalLayer is one size of a LocalTrack's picture, or its sound. It belongs to the
// track's source.
type LocalLayer struct {
	track     *LocalTrack // set once
	index     int         // set once
	payloader rtp.Payloader
	sequence  uint16
	timestamp uint32
	remainder time.Duration // of a sample, too short for a tick
	mute      mute
}

// Track gives the track that the layer is of.
func (l *LocalLayer) Track() *LocalTrack { return l.track }

// Index is its place among the track's layers.
func (l *LocalLayer) Index() int { return l.index }

// KeyFrameRequests are the track's: a request is for whatever layer can answer it.
func (l *LocalLayer) KeyFrameRequests() <-chan struct{} { return l.track.requests }

// WriteRTP is LocalTrack's. Packets that were made elsewhere have no layers.
func (l *LocalLayer) WriteRTP(packet []byte) error {
	if len(l.track.layers) > 1 {
		return errors.New("local track: packets that were made elsewhere have no layers")
	}
	return l.track.WriteRTP(packet)
}

// WriteSample sends one sample to every connection that gets the layer. Timestamps
// advance by the durations, sequence numbers by the packets: they stay continuous
// however the source jumps in its own material. Layers that have been given as much
// time have the same timestamps. A sample without data lets time pass. A connection that cannot send does
// not keep the others from getting the sample.
func (l *LocalLayer) WriteSample(sample Sample) error {
	t := l.track
	start := l.timestamp
	l.advance(sample.Duration)
	key := t.config.Kind == Video && Inspect(t.config.Codec, sample.Data).Key
	sample = l.mute.hear(t.muted.Load(), sample, t.config.Kind, key)
	feeds := *t.feeds.Load()
	if len(feeds) == 0 || len(sample.Data) == 0 {
		return nil
	}
	payloads := l.payloader.Payload(maxPayload, sample.Data)
	if len(payloads) == 0 {
		return fmt.Errorf("local track %s: %d bytes are not a %s frame", t.config.ID, len(sample.Data), t.config.Codec)
	}
	for i, payload := range payloads {
		header := rtp.Header{
			Version:        2,
			Marker:         t.config.Kind == Video && i == len(payloads)-1,
			SequenceNumber: l.sequence,
			Timestamp:      start,
		}
		l.sequence++
		for _, f := range feeds {
			f.write(l.index, header, payload)
		}
	}
	for _, f := range feeds {
		f.flush()
	}
	return nil
}

// advance moves the timestamp on by a duration, keeping what is less than a
// tick for the next.
func (l *LocalLayer) advance(duration time.Duration) {
	l.remainder += duration
	clock := time.Duration(l.track.config.Codec.ClockRate())
	ticks := l.remainder * clock / time.Second
	l.timestamp += uint32(ticks)
	l.remainder -= ticks * time.Second / clock
}
