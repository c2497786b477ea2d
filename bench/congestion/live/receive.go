package live

import (
	"math/rand/v2"
	"testing"
	"time"

	"meshfocus/bench/congestion"
	"meshfocus/focus/lane"
	"meshfocus/focus/transport"
	"meshfocus/internal/browser"
	"meshfocus/internal/simnet/bottleneck"
	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// soundEvery is a packet of sound.
const soundEvery = 20 * time.Millisecond

// source is what the focus forwards.
type source struct {
	bundle *transport.Bundle
	voice  stream
	layers []stream
	born   time.Time // timestamps count from here
	began  time.Time // and the run from here
	random *rand.Rand

	samples []congestion.Sample
	late    []time.Duration
	err     error
}

// now is the instant of the run.
func (s *source) now() unit.Instant { return discrete.At(time.Since(s.began)) }

// stamp is a timestamp of now.
func (s *source) stamp(clock int64) uint32 {
	return uint32(time.Since(s.born).Microseconds() * clock / 1e6)
}

// To plays a case with one flow: a source that follows the estimate, to Chromium.
func To(t testing.TB, b *browser.Browser, c congestion.Case, seed uint64) Outcome {
	t.Helper()
	s := newStage(t, b)
	src := &source{bundle: s.bundle, born: time.Now(), random: rand.New(rand.NewPCG(seed, 1))}
	picture := s.bundle.Lane().NewTrack(lane.TrackConfig{Name: "picture", Kind: lane.Video, Codec: simulcast.VP8, Follows: c.Flows[0].Most})
	src.layers = []stream{{track: picture, ssrc: 1, picture: newPicture(medium)}}
	s.publish(src, simulcast.Layer{})
	s.connect(c.Forward, c.Back, seed, "null")
	src.began = s.path.Begin()
	src.run(c.Length, src.follow(congestion.NewEncoder(c.Flows[0], seed, discrete.Start)))
	return s.received(src, c)
}

// Layered plays a case with layers: three of them, published all the time, to
// Chromium.
func Layered(t testing.TB, b *browser.Browser, c congestion.Simulcast, seed uint64) Outcome {
	t.Helper()
	s := newStage(t, b)
	src := &source{bundle: s.bundle, born: time.Now(), random: rand.New(rand.NewPCG(seed, 1))}
	picture := s.bundle.Lane().NewTrack(lane.TrackConfig{Name: "picture", Kind: lane.Video, Codec: simulcast.VP8})
	for i, frames := range [][]byte{small, medium, large} {
		if err := picture.AddStream(uint32(i+1), string("qhf"[i])); err != nil {
			t.Fatal(err)
		}
		src.layers = append(src.layers, stream{track: picture, ssrc: uint32(i + 1), picture: newPicture(frames)})
	}
	s.publish(src, simulcast.None)
	s.connect(c.Forward, c.Back, seed, "null")
	s.until("it is subscribed", func() bool { return s.bundle.Subscription("picture") != nil })
	src.began = time.Now()
	publish := src.publish()
	src.run(before, publish)
	src.began = s.path.Begin()
	s.bundle.Subscription("picture").Aim(simulcast.Layer{Spatial: 127, Temporal: 127})
	src.run(c.Length, publish)
	rates, _ := congestion.LayerRates()
	return s.received(src, c.Flat(rates[len(rates)-1]))
}

// before is for how long a publisher of layers has been sending when the subscriber comes.
const before = 4 * time.Second

// publish says what leaves, beginning with a layer.
func (s *Stage) publish(src *source, first simulcast.Layer) {
	voice := s.bundle.Lane().NewTrack(lane.TrackConfig{Name: "voice", Kind: lane.Audio, Codec: simulcast.Opus})
	src.voice = stream{track: voice, ssrc: 100}
	picture := src.layers[0].track
	s.t.Cleanup(func() { voice.Close(); picture.Close() })
	s.bundle.SetLines([]transport.BundleLine{
		{Name: "voice", Kind: transport.Audio, Send: voice, SendOnly: true, StreamID: "live", TrackID: "voice"},
		{Name: "picture", Kind: transport.Video, Send: picture, SendOnly: true, StreamID: "live", TrackID: "picture", First: first},
	})
}

// run writes sound and pictures for so long: each capture writes what is due and
// says when the next is.
func (s *source) run(length time.Duration, capture func(now unit.Instant) unit.Instant) {
	end, sound, picture := discrete.At(length), s.now(), s.now()
	sampled := discrete.Start
	s.samples, s.late = nil, nil
	for now := s.now(); now < end && s.err == nil; now = s.now() {
		if sound <= now {
			s.fail(s.voice.sound(s.stamp(48_000)))
			sound = sound.Add(soundEvery)
		}
		if picture <= now {
			s.late = append(s.late, now.Sub(picture))
			picture = capture(now)
		}
		for ; sampled <= now; sampled = sampled.Add(congestion.SampleEvery) {
			s.sample()
		}
		time.Sleep(min(sound, picture).Sub(s.now()))
	}
}

func (s *source) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// estimate is what the path is thought to carry, sound left out; 0: not known yet.
func (s *source) estimate() unit.BitRate {
	estimate := unit.BitRate(s.bundle.Stats().End.Sending.Estimate)
	return max(estimate-voiceRate, 0)
}

// voiceRate is what our sound takes as IP packets.
const voiceRate = unit.BitRate((headers + 1) * 8 * int64(time.Second/soundEvery))

func (s *source) sample() {
	encoded := unit.BitRate(0)
	if len(s.samples) > 0 {
		encoded = s.samples[len(s.samples)-1].Encoded
	}
	s.samples = append(s.samples, congestion.Sample{Target: s.estimate(), Encoded: encoded})
}

// follow captures what an encoder makes that follows the estimate.
func (s *source) follow(e *congestion.Encoder) func(unit.Instant) unit.Instant {
	n := 0
	return func(now unit.Instant) unit.Instant {
		select {
		case <-s.layers[0].track.KeyFrameRequests():
			n = 0
		default:
		}
		if sizes := e.Wake(s.estimate(), now); len(sizes) > 0 {
			s.fail(s.layers[0].write(n, simulcast.Absent, sizes, s.stamp(90_000)))
			n++
		}
		if len(s.samples) > 0 {
			s.samples[len(s.samples)-1].Encoded = e.Rate()
		}
		return e.Next()
	}
}

// looking is how often a publisher of layers looks whether a key frame was asked for.
const looking = 2 * time.Millisecond

// publish captures a frame of each layer, the lowest first, and key frames a while after
// they were asked for. A camera makes none just before another.
func (s *source) publish() func(unit.Instant) unit.Instant {
	n, next, key := 0, s.began, time.Time{}
	return func(now unit.Instant) unit.Instant {
		at := time.Now()
		select {
		case <-s.layers[0].track.KeyFrameRequests():
			if key.IsZero() {
				key = at.Add(congestion.KeyDelay)
			}
		default:
		}
		wanted := !key.IsZero() && !at.Before(key)
		blocked := !key.IsZero() && next.Add(congestion.PictureTime/2).After(key)
		if wanted || !blocked && !at.Before(next) {
			if wanted {
				n, key = 0, time.Time{}
				next = at
			}
			for i := range s.layers {
				s.layer(i, n, s.stamp(90_000))
			}
			n++
			next = next.Add(congestion.PictureTime)
		}
		return now.Add(looking)
	}
}

// layer writes a frame of a layer.
func (s *source) layer(i, n int, timestamp uint32) {
	bytes, temporal := congestion.LayerFrame(i, n, s.random.Float64())
	var sizes []int
	for count := (bytes + congestion.PacketMost - 1) / congestion.PacketMost; count > 0; count-- {
		sizes = append(sizes, bytes/count)
		bytes -= bytes / count
	}
	s.fail(s.layers[i].write(n, int8(temporal), sizes, timestamp))
}

// received measures what went to Chromium.
func (s *Stage) received(src *source, c congestion.Case) (o Outcome) {
	s.t.Helper()
	if src.err != nil {
		s.t.Fatal(src.err)
	}
	logs := s.path.Logs()
	o.Result = congestion.Measure(c, &logs[bottleneck.Forward], src.samples)
	o.Audit = s.path.Audit()
	o.Late, o.Silence = lateness(src.late), quiet(&logs[bottleneck.Back])
	s.page.Eval("seen()", &o.Seen)
	if o.Seen.First > 0 {
		o.First = time.UnixMilli(o.Seen.First).Sub(src.began)
		o.Figures = append(o.Figures,
			congestion.Figure{Metric: congestion.FirstFrame, Value: o.First.Seconds()},
			congestion.Figure{Metric: congestion.Frozen, Value: 100 * o.Seen.Frozen / c.Length.Seconds()})
	}
	return o
}

// quiet is the longest time without a report.
func quiet(back *discrete.Log) (longest time.Duration) {
	last := unit.Never
	for _, e := range back.Entries {
		if e.Kind != discrete.Feedback {
			continue
		}
		if last != unit.Never {
			longest = max(longest, e.Entered.Sub(last))
		}
		last = e.Entered
	}
	return longest
}
