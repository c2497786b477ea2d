package mediafile

import (
	"context"
	"errors"
	"sort"
	"sync"
	"time"

	"meshfocus/focus/transport"
)

// Writer takes the samples of a source: a *transport.LocalTrack.
type Writer interface {
	WriteSample(transport.Sample) error
	WriteRTP(packet []byte) error
	KeyFrameRequests() <-chan struct{}
}

// Part is a source and where it goes.
type Part struct {
	Source Source
	Writer Writer
}

// Play feeds sources to their writers until the context ends, and returns its
// error, or the one that ended it earlier. All clips share one time line and
// run in a loop; each input runs beside them. Clips of pictures are taken for sizes of
// one picture: where one goes on at a key frame because it was asked for one, all do,
// and one that has no key frame there is silent until its next. When it returns nothing
// of it runs any more.
func Play(ctx context.Context, parts ...Part) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var players []func(context.Context) error
	var reel reel
	for _, part := range parts {
		switch source := part.Source.(type) {
		case *Clip:
			reel.strips = append(reel.strips, &strip{clip: source, writer: part.Writer})
		case *Input:
			players = append(players, func(ctx context.Context) error { return source.play(ctx, part.Writer) })
		}
	}
	if len(reel.strips) > 0 {
		players = append(players, reel.play)
	}
	if len(players) == 0 {
		return errors.New("nothing to play")
	}
	var running sync.WaitGroup
	for _, play := range players {
		running.Go(func() { cancel(play(ctx)) })
	}
	running.Wait()
	return context.Cause(ctx)
}

const (
	// jumpWorth is how far away the next key frame must be for a request to
	// skip what lies between: below, waiting is nearly as good.
	jumpWorth = 200 * time.Millisecond
	// jumpInterval is the least time between two skips, so that eight
	// viewers who join one after the other do not keep the picture jumping.
	// The first key frame may come before the viewer can decode: who asks
	// again must not wait for long.
	jumpInterval = 500 * time.Millisecond
	// mostLate is how late samples are still sent one after the other. After
	// a longer stop, such as a laptop asleep, the time line moves instead.
	mostLate = 500 * time.Millisecond
)

// reel plays clips on one time line. Times are since its start.
type reel struct {
	strips []*strip
	period time.Duration // of one round: the longest clip
	jumped time.Duration // when the last skip was
}

// strip is one clip on the reel: where its round began, and what comes next.
type strip struct {
	clip   *Clip
	writer Writer
	round  time.Duration // when the present round began
	next   int           // index of the next sample
	due    time.Duration // when it is to be written
	held   bool          // until its next key frame, as what that refers to was skipped
}

// play is the loop.
func (r *reel) play(ctx context.Context) error {
	for _, s := range r.strips {
		r.period = max(r.period, s.clip.length)
	}
	r.jumped = -jumpInterval
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		s := r.first()
		late := time.Since(start) - s.due
		if late > mostLate {
			start = start.Add(late)
		}
		timer.Reset(-late)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		r.heed(s)
		if err := r.show(s); err != nil {
			return err
		}
	}
}

// first gives the strip that is due first.
func (r *reel) first() *strip {
	first := r.strips[0]
	for _, s := range r.strips[1:] {
		if s.due < first.due {
			first = s
		}
	}
	return first
}

// show writes the next sample of a strip and moves on. The duration is what
// will really pass until the one after it, over a skip or into the next round.
func (r *reel) show(s *strip) error {
	if s.held = s.held && !s.clip.entries[s.next].key; s.held {
		return s.write(r.period, nil) // time goes on
	}
	data, err := s.clip.sample(s.next)
	if err != nil {
		return err
	}
	return s.write(r.period, data)
}

// write writes a sample and moves on to the next.
func (s *strip) write(period time.Duration, data []byte) error {
	s.next++
	if s.next == len(s.clip.entries) {
		s.next = 0
		s.round += period
	}
	due := max(s.round+s.clip.entries[s.next].at, s.due+time.Millisecond)
	sample := transport.Sample{Data: data, Duration: due - s.due}
	s.due = due
	return s.writer.WriteSample(sample)
}

// heed lets everything go on at the next key frame of a picture if one was
// asked for and is far away.
func (r *reel) heed(s *strip) {
	select {
	case <-s.writer.KeyFrameRequests():
	default:
		return
	}
	skip := r.keyFrame(s) - s.due
	if skip < jumpWorth || s.due-r.jumped < jumpInterval {
		return
	}
	r.jumped = s.due
	for _, each := range r.strips {
		each.advance(skip, r.period)
	}
}

// keyFrame says when the next key frame of a strip would be due: the next at which all
// pictures have one, if there is one in this round.
func (r *reel) keyFrame(s *strip) time.Duration {
	soonest := s.round + r.period
	for i := len(s.clip.entries) - 1; i >= s.next; i-- {
		if s.clip.entries[i].key {
			soonest = s.round + s.clip.entries[i].at
		}
	}
	for i := s.next; i < len(s.clip.entries); i++ {
		if at := s.round + s.clip.entries[i].at; s.clip.entries[i].key && r.common(at) {
			return at
		}
	}
	return soonest
}

// common reports whether all strips have a key frame at a time; each sample of sound is
// one.
func (r *reel) common(at time.Duration) bool {
	for _, s := range r.strips {
		if !s.begins(at) {
			return false
		}
	}
	return true
}

// begins reports whether the sample that is nearest to a time is a key frame.
func (s *strip) begins(at time.Duration) bool {
	near := s.clip.typical() / 2
	i := sort.Search(len(s.clip.entries), func(i int) bool { return s.round+s.clip.entries[i].at >= at-near })
	return i == len(s.clip.entries) || s.clip.entries[i].key
}

// advance moves the material on by a time while the next sample stays due
// when it was.
func (s *strip) advance(by, period time.Duration) {
	s.round -= by
	for s.next < len(s.clip.entries) && s.round+s.clip.entries[s.next].at < s.due-s.clip.typical()/2 {
		s.next++
	}
	if s.next == len(s.clip.entries) {
		s.next = 0
		s.round += period
	}
	s.held = true
}
