package congestion

import (
	"math/rand/v2"
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// flow is one sender with its media: an actor that wakes for frames, sound, and
// whatever its controller waits for.
type flow struct {
	spec    Flow
	clock   *discrete.Clock
	process *process
	control Controller
	wire    int            // its packets' Flow on the links
	out     *discrete.Link // where packets enter the network
	video   video
	sound   unit.Instant
	moves   []time.Duration
	asleep  unit.Instant // until when it has asked to be woken

	// What happened, for the metrics.
	frames  []frame
	sounds  []unit.Instant // when each was captured
	samples []sample
}

// frame is what became of a picture.
type frame struct {
	captured, whole unit.Instant // whole: when its last packet came, or never
	packets, came   int32
}

// sample is taken every sampleEvery.
type sample struct {
	target, encoded unit.BitRate
	backlog         int32
}

const sampleEvery = 50 * time.Millisecond

func newFlow(spec Flow, wire int, clock *discrete.Clock, out *discrete.Link, luck *rand.Rand) *flow {
	begin := discrete.At(spec.Start)
	f := &flow{spec: spec, clock: clock, wire: wire, out: out, asleep: unit.Far}
	f.video = newVideo(&spec, luck, begin.Add(spec.SoundOnly))
	f.sound = begin.Add(time.Duration(luck.Int64N(int64(soundEvery))))
	f.sleep(begin)
	return f
}

// paused reports whether nothing is captured at a time.
func (s *Flow) paused(t time.Duration) bool {
	return t < s.Start || t >= s.End || s.PauseTo > 0 && t >= s.PauseFrom && t < s.PauseTo
}

// Wake captures what is due, and sends what may leave.
func (f *flow) Wake(now unit.Instant) {
	if f.process.stands(now) {
		f.process.later(f.turn)
		return
	}
	f.turn(now)
}

func (f *flow) turn(now unit.Instant) {
	if now >= f.asleep {
		f.asleep = unit.Far
	}
	f.capture(now)
	f.release(now)
}

func (f *flow) capture(now unit.Instant) {
	offer := f.offer
	paused := f.spec.paused(discrete.Since(now))
	for ; f.sound <= now; f.sound = f.sound.Add(soundEvery) {
		if !paused {
			f.sounds = append(f.sounds, f.sound)
			f.offer(Packet{Kind: discrete.Sound, Size: soundSize, Last: true, Captured: f.sound, Frame: int64(len(f.sounds))}, now)
		}
	}
	if f.video.look <= now {
		f.video.follow(f.control.Target, now)
	}
	for f.video.next <= now {
		if paused {
			f.video.next = f.video.next.Add(f.video.gap())
			continue
		}
		f.frames = append(f.frames, frame{captured: now})
		f.video.capture(now, offer)
	}
	for len(f.moves) > 0 && discrete.At(f.moves[0]) <= now {
		if m, ok := f.control.(Mover); ok {
			m.Moved(now)
		}
		f.moves = f.moves[1:]
	}
}

func (f *flow) offer(p Packet, now unit.Instant) {
	p.Flow = f.wire
	if p.Kind == discrete.Video {
		f.frames[p.Frame].packets++
	}
	f.control.Offer(p, now)
}

// release sends all that may leave, and sleeps until something may happen.
func (f *flow) release(now unit.Instant) {
	for {
		p, ok := f.control.Release(now)
		if !ok {
			break
		}
		p.Flow = f.wire
		f.out.Put(p, now)
	}
	f.sleep(f.next())
}

func (f *flow) next() unit.Instant {
	wanted := f.control.Next()
	if now := f.clock.Now(); wanted <= now { // it has just been asked
		wanted = now.Add(100 * time.Microsecond)
	}
	next := min(f.sound, f.video.next, f.video.look, wanted)
	if len(f.moves) > 0 {
		next = min(next, discrete.At(f.moves[0]))
	}
	if since := discrete.Since(next); since >= f.spec.End+linger {
		return unit.Far
	}
	return next
}

// linger is how long a controller is asked after its flow has ended.
const linger = time.Second

// sleep asks to be woken, unless that is so already.
func (f *flow) sleep(until unit.Instant) {
	if until < f.asleep {
		f.asleep = until
		f.clock.At(until, f)
	}
}

// heard gives the controller a datagram of feedback.
func (f *flow) heard(rtcp []byte, now unit.Instant) {
	if f.process.stands(now) {
		f.process.later(func(now unit.Instant) { f.read(rtcp, now) })
		return
	}
	f.read(rtcp, now)
}

func (f *flow) read(rtcp []byte, now unit.Instant) {
	f.control.Feedback(rtcp, now)
	f.release(now)
}

// came notes a packet of video at its receiver.
func (f *flow) came(p *Packet, now unit.Instant) {
	at := &f.frames[p.Frame]
	at.came++
	if at.came == at.packets {
		at.whole = now
	}
}

func (f *flow) sample(now unit.Instant) {
	s := sample{target: f.control.Target(now), encoded: f.video.rate}
	if b, ok := f.control.(Backlogger); ok {
		s.backlog = int32(b.Backlog())
	}
	f.samples = append(f.samples, s)
}
