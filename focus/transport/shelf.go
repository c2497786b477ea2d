package transport

import (
	"context"
	"io"
	"sync"
)

// shelfRoom is how many samples wait for a reader: two seconds of pictures,
// or of sound in packets of 20 ms.
const (
	videoRoom = 60
	audioRoom = 100
)

// shelf keeps received samples for a reader that may be slow, or not there.
// When it is full, sound loses the oldest packet and pictures the newest
// until a key frame comes, which then takes the place of all: what is read is
// always decodable.
type shelf struct {
	kind Kind
	room int

	mu      sync.Mutex
	samples []Sample // guarded by mu
	waiting bool     // for a key frame; guarded by mu
	ended   bool     // guarded by mu
	unread  uint64   // guarded by mu
	news    chan struct{}
}

func newShelf(kind Kind) *shelf {
	room := videoRoom
	if kind == Audio {
		room = audioRoom
	}
	return &shelf{kind: kind, room: room, news: make(chan struct{}, 1)}
}

// put adds a sample and never waits.
func (s *shelf) put(sample Sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	full := len(s.samples) >= s.room
	switch {
	case full && s.kind == Audio:
		s.samples = append(s.samples[:0], s.samples[1:]...)
		s.unread++
	case full && sample.KeyFrame:
		s.unread += uint64(len(s.samples))
		clear(s.samples)
		s.samples = s.samples[:0]
		s.waiting = false
	case full, s.waiting && !sample.KeyFrame:
		s.unread++
		s.waiting = true
		return
	}
	s.waiting = false
	s.samples = append(s.samples, sample)
	s.notify()
}

// take waits for a sample. After end it gives what is left, then io.EOF.
func (s *shelf) take(ctx context.Context) (Sample, error) {
	for {
		s.mu.Lock()
		if len(s.samples) > 0 {
			sample := s.samples[0]
			s.samples = append(s.samples[:0], s.samples[1:]...)
			s.mu.Unlock()
			return sample, nil
		}
		ended := s.ended
		s.mu.Unlock()
		if ended {
			s.notify() // for the next reader
			return Sample{}, io.EOF
		}
		select {
		case <-s.news:
		case <-ctx.Done():
			return Sample{}, ctx.Err()
		}
	}
}

// end says that nothing more comes.
func (s *shelf) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.notify()
}

// notify wakes the reader.
func (s *shelf) notify() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

func (s *shelf) dropped() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unread
}
