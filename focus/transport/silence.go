package transport

import (
	"sync"
	"time"
)

// silence sends silent Opus for the connections that have nothing to say.
// js-sdk and Hydrogen drop an offer without a sending audio track.
//
// It is one loop for a whole network, started with the first connection that
// needs it and ended by close. A discontinuous Opus sender repeats a silent
// frame every 400 ms (RFC 6716 section 2.1.9 and libopus' DTX), which is
// 2.5 packets a second where frames of 20 ms would be 50.
type silence struct {
	once  sync.Once
	track *LocalTrack
	stop  chan struct{}
	done  sync.WaitGroup
}

// silentFrame is an Opus packet of 20 ms, CELT fullband mono, that codes
// silence (RFC 6716 sections 3.1 and 4.3: configuration 31, silence flag).
var silentFrame = []byte{0xf8, 0xff, 0xfe}

// silenceInterval is the distance of silent frames.
const silenceInterval = 400 * time.Millisecond

func newSilence() *silence {
	track, err := NewLocalTrack(TrackConfig{Codec: Opus, ID: silentTrackID, StreamID: SilentStreamID})
	if err != nil {
		panic(err) // the configuration is the line above
	}
	return &silence{track: track, stop: make(chan struct{})}
}

// get gives the track and sees to it that it is written.
func (s *silence) get() *LocalTrack {
	s.once.Do(func() { s.done.Go(s.run) })
	return s.track
}

func (s *silence) run() {
	ticker := time.NewTicker(silenceInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
			_ = s.track.WriteSample(Sample{Data: silentFrame, Duration: silenceInterval})
		}
	}
}

// close ends the loop. No connection may ask for the track any more.
func (s *silence) close() {
	close(s.stop)
	s.done.Wait()
}

// SilentStreamID is the stream (a=msid) of a connection that sends nothing but
// silence. Stream metadata has to list it: js-sdk fails on a stream that it
// has no entry for.
const SilentStreamID = "silence"

const silentTrackID = "silence"
