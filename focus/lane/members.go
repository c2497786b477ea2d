package lane

import "slices"

// enter has the clock loop call the End's tick.
func (l *Lane) enter(e *End) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	now := *l.living.Load()
	l.living.Store(&living{ends: with(now.ends, e), tracks: now.tracks})
}

// enterTrack has the clock loop call the tick of a local track.
func (l *Lane) enterTrack(t *Track) {
	l.mutex.Lock()
	now := *l.living.Load()
	l.living.Store(&living{ends: now.ends, tracks: with(now.tracks, t)})
	l.mutex.Unlock()
	l.poke(nil)
}

// leaveTrack ends that; a track that was not entered may leave.
func (l *Lane) leaveTrack(t *Track) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	now := *l.living.Load()
	l.living.Store(&living{ends: now.ends, tracks: without(now.tracks, t)})
}

// with and without give a copy of a list with one more, or one less.
func with[T comparable](list []T, one T) []T {
	if slices.Contains(list, one) {
		return list
	}
	return append(slices.Clone(list), one)
}

func without[T comparable](list []T, one T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(other T) bool { return other == one })
}
