package srtp

import (
	"math/bits"
	"math/rand/v2"
)

// The bounds of what is kept under one key. Only who has the key gets
// something kept.
const (
	// maxStreams is how many SSRCs a key may have: enough for everybody of a
	// large meeting to come and go several times. At 16 bytes each and at most
	// half the slots empty, 256 KB at worst.
	maxStreams = 8192
	// maxWindows is how many of them may have late packets: more than one end
	// sends at a time. At 144 bytes each, 36 KB at worst.
	maxWindows = 256
	firstSlots = 8
)

// stream is what is never forgotten of an SSRC: its highest index. A window it
// has only while it is among the last maxWindows that were used.
type stream struct {
	next   uint64 // the highest index, plus one; 0 says that the slot is empty
	ssrc   uint32
	window uint16 // whose ssrc may by now be another
	missed uint8  // packets that failed since the last that did not
}

// streams is the table of SSRCs: open addressing, and windows apart.
//
// A stream that lost its window to others can go on, but not back: everything
// up to its highest index counts as used. So a peer that sends with very many
// SSRCs loses packets that come late, and can reset nothing.
type streams struct {
	slots []stream
	count int
	// Slots are found by multiplying with a random odd number: who chooses the
	// SSRCs cannot choose where they meet.
	factor  uint32
	shift   uint8
	windows []window
	clock   uint64 // counts uses
}

func newStreams() streams {
	return streams{
		slots:  make([]stream, firstSlots),
		factor: rand.Uint32() | 1,
		shift:  32 - uint8(bits.Len(firstSlots-1)),
	}
}

// slot gives the slot of an SSRC, or the empty one where it belongs.
func (t *streams) slot(ssrc uint32) *stream {
	last := uint32(len(t.slots) - 1)
	for i := ssrc * t.factor >> t.shift; ; i++ {
		s := &t.slots[i&last]
		if s.ssrc == ssrc || s.next == 0 {
			return s
		}
	}
}

// find gives the stream of an SSRC, nil if there was none. It is good until
// the next use of a new stream.
func (t *streams) find(ssrc uint32) *stream {
	s := t.slot(ssrc)
	if s.next == 0 {
		return nil
	}
	return s
}

// full reports whether no further SSRC is taken.
func (t *streams) full() bool { return t.count == maxStreams }

// check says why an index of a stream cannot be used: ErrReplayed, ErrOld,
// ErrExhausted, or nil if it can.
func (t *streams) check(s *stream, index, limit uint64) error {
	switch {
	case index >= limit:
		return ErrExhausted
	case index >= s.next:
		return nil
	case s.next-1-index >= windowSize:
		return ErrOld
	}
	w := &t.windows[s.window]
	if w.ssrc != s.ssrc {
		return ErrOld
	}
	if w.has(index) {
		return ErrReplayed
	}
	return nil
}

// begin makes the stream of a new SSRC with the first index it used. The table
// must not be full.
func (t *streams) begin(ssrc uint32, index uint64) {
	if t.count >= len(t.slots)*3/4 {
		t.grow()
	}
	t.count++
	s := t.slot(ssrc)
	*s = stream{ssrc: ssrc, next: index + 1}
	w := t.take(s)
	w.bits = [windowWords]uint64{}
	w.add(index, index)
}

// use marks an index that check allowed.
func (t *streams) use(s *stream, index uint64) {
	w := &t.windows[s.window]
	if w.ssrc != s.ssrc {
		w = t.take(s)
		w.fill(s.next - 1)
	}
	t.clock++
	w.used = t.clock
	w.add(s.next-1, index)
	s.next = max(s.next, index+1)
	s.missed = 0
}

// take gives a stream a window: a new one, or the one that was not used for
// longest. Its bits are as they were.
func (t *streams) take(s *stream) *window {
	at := len(t.windows)
	if at < maxWindows {
		t.windows = append(t.windows, window{})
	} else {
		at = t.oldest()
	}
	s.window = uint16(at)
	w := &t.windows[at]
	t.clock++
	w.ssrc, w.used = s.ssrc, t.clock
	return w
}

func (t *streams) oldest() int {
	at := 0
	for i := range t.windows {
		if t.windows[i].used < t.windows[at].used {
			at = i
		}
	}
	return at
}

func (t *streams) grow() {
	old := t.slots
	t.slots = make([]stream, 2*len(old))
	t.shift--
	for _, s := range old {
		if s.next != 0 {
			*t.slot(s.ssrc) = s
		}
	}
}
